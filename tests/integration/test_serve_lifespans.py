"""Services with a life of their own under `collector-mesh serve`."""

import signal

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.processes import LOOPBACK, run, serving

from collector_mesh import MeshClient


@pytest.mark.parametrize("offered", ["Users", "make"])
@pytest.mark.asyncio
async def test_a_class_and_what_makes_an_instance_are_served_and_their_lifespan_is_opened_and_closed(
    offered: str,
) -> None:
    async with serving("c-1", "--service", f"lives:{offered}") as collector:
        async with MeshClient(collector.address) as client:
            state = await client.call("users", "UserService", "state", returns=StringValue)
        collector.send(signal.SIGTERM)
        ended = await collector.end()

    assert state.value == "open"
    assert (ended.status, ended.stderr.count("opened\n"), ended.stderr.count("closed\n")) == (0, 1, 1)


def test_a_lifespan_that_raises_ends_it_with_one_line() -> None:
    ended = run("serve", "--id", "c-1", "--listen", LOOPBACK, "--service", "lives:raising")

    assert (ended.status, ended.stdout) == (1, "")
    assert ended.stderr == (
        "collector-mesh: error: lifespan of users/Raising has not opened: ValueError: no database at all\n"
    )


@pytest.mark.asyncio
async def test_a_signal_ends_it_while_a_lifespan_is_opening() -> None:
    async with serving("c-1", "--service", "lives:hanging") as collector:
        assert collector.ready == "opening\n"
        collector.send(signal.SIGTERM)
        ended = await collector.end()

    assert (ended.status, ended.stdout) == (0, "opening\n")
    assert "Traceback" not in ended.stderr


@pytest.mark.asyncio
async def test_a_lifespan_that_swallows_every_cancellation_does_not_keep_it_from_ending() -> None:
    brief = {"COLLECTOR_MESH_SETTINGS__LIFESPAN_CLOSE_TIMEOUT": "0.1"}
    async with serving("c-1", "--service", "lives:stubborn", environment=brief) as collector:
        collector.send(signal.SIGTERM)
        ended = await collector.end()

    assert ended.status == 0
    assert "lifespan_failed" in ended.stderr
    assert "left_behind" in ended.stderr
