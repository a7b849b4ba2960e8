"""What each of several workers is told."""

from typing import Any

import pytest

from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.workers.plan import check_workers, worker_config


def problem(**told: Any) -> str:
    config = ServeConfig(**{"id": "w", "workers": 4, **told})
    with pytest.raises(CommandError) as raised:
        check_workers(Sourced(config, {(name,): f"--{name}" for name in told}))
    return str(raised.value)


def test_each_has_an_id_a_port_and_files_of_its_own_and_does_not_dial_itself() -> None:
    config = ServeConfig(
        id="w",
        workers=3,
        listen="[::1]:500",
        advertise="here.example.org:600",
        tls_cert="certs/{id}.crt",
        metrics="127.0.0.1:900",
        peer=("here.example.org:600", "here.example.org:601", "[::1]:501", "other:1"),
    )

    told = worker_config(config, "w", 1, 0)

    assert (told.id, told.workers, told.listen, told.advertise) == (
        "w.1",
        None,
        "[::1]:501",
        "here.example.org:601",
    )
    assert told.tls_cert == "certs/w.1.crt"
    assert told.metrics == "127.0.0.1:901"
    assert told.peer == ("here.example.org:600", "other:1")


def test_where_any_port_is_meant_each_takes_a_free_one_and_keeps_it() -> None:
    config = ServeConfig(id="w", workers=2, listen="127.0.0.1:0", advertise="here:0")

    assert worker_config(config, "w", 1, 0).listen == "127.0.0.1:0"
    assert worker_config(config, "w", 1, 4711).listen == "127.0.0.1:4711"
    assert worker_config(config, "w", 1, 4711).advertise == "here:0"


def test_ports_end_somewhere_ids_too_and_with_mutual_tls_each_needs_a_certificate() -> None:
    assert problem(listen="127.0.0.1:65533") == (
        "--listen '127.0.0.1:65533': the last of 4 workers would have port 65536, and ports go up to 65535"
    )
    assert problem(id="w" * 127).startswith("id ")
    assert "write {id} in the name of the file" in problem(tls_ca="ca", tls_cert="c.crt", tls_key="{id}.key")
    check_workers(Sourced(ServeConfig(id="w", workers=4, listen="127.0.0.1:65532"), {}))


@pytest.mark.parametrize("number", [0, 65, -1])
def test_there_are_from_one_to_64(number: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 64"):
        ServeConfig(id="w", workers=number)
