"""What commands tell an operator who has got something wrong."""

import argparse
import socket
import sys
import tempfile
from pathlib import Path

import pytest

from collector_mesh import Settings, SettingsError
from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.explain import run as explain
from collector_mesh.app.cli.local_sockets import LocalError, socket_of
from collector_mesh.app.cli.problems import Problems
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.tracing import tracer_for
from collector_mesh.app.cli.workers.plan import first_of


def test_each_problem_of_workers_is_a_problem_of_its_own() -> None:
    config = ServeConfig(id="orders", tls_cert="a.crt", tls_key="a.key", tls_ca="ca.pem", workers=2)
    problems = Problems()

    first_of(Sourced(config, {}), problems)

    assert len(problems.texts) == 2
    assert all("each of 2 workers needs its own" in text for text in problems.texts)


def test_a_share_is_called_one() -> None:
    with pytest.raises(SettingsError, match="trace_sample must be a share of calls from 0 to 1, got 2"):
        Settings(trace_sample=2)


def test_explain_tells_which_option_names_nobody() -> None:
    arguments = argparse.Namespace(words=["shop", "Orders", "Place"], caller="somebody")

    with pytest.raises(Exception, match=r"^--as must be id:NAME, uri:URI, .* got 'somebody'"):
        explain(arguments)


def test_who_is_not_found_on_this_machine_is_told_with_those_who_are() -> None:
    with tempfile.TemporaryDirectory(prefix="cm-") as runtime, socket.socket(socket.AF_UNIX) as listening:
        folder = Path(runtime) / "collector-mesh"
        folder.mkdir(mode=0o700)
        listening.bind(str(folder / "orders.1.sock"))
        listening.listen()

        with pytest.raises(LocalError, match=r"no collector 'orders' runs here .*; there is orders\.1$"):
            socket_of("orders", {"XDG_RUNTIME_DIR": runtime, "TMPDIR": runtime})


def test_the_missing_exporter_of_traces_is_told_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)

    with pytest.raises(Exception, match=r"--traces: .* pip install opentelemetry-exporter-otlp-proto-http"):
        tracer_for("localhost:4318", "orders", "--traces")
