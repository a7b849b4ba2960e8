"""Ports that workers would take from one another."""

import pytest

from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.workers.plan import check_workers


def _check(listen: str, metrics: str) -> None:
    config = ServeConfig(id="orders", listen=listen, metrics=metrics, workers=3, insecure=True)
    check_workers(Sourced(config, {("listen",): "--listen", ("metrics",): "--metrics"}))


@pytest.mark.parametrize(
    ("listen", "metrics"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50053"),
        ("127.0.0.1:50053", "127.0.0.1:50051"),
        ("0.0.0.0:50051", "127.0.0.1:50052"),
        ("127.0.0.1:50051", "localhost:50051"),
    ],
)
def test_ports_that_one_worker_needs_for_calls_and_another_for_metrics_are_told_at_once(
    listen: str, metrics: str
) -> None:
    with pytest.raises(CommandError, match=r"--metrics .* ports of --listen"):
        _check(listen, metrics)


@pytest.mark.parametrize(
    ("listen", "metrics"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50054"),
        ("10.0.0.1:50051", "127.0.0.1:50051"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:50051", "127.0.0.1:0"),
    ],
)
def test_ports_of_their_own_are_good(listen: str, metrics: str) -> None:
    _check(listen, metrics)
