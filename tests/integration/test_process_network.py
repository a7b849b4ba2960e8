"""Processes that tests have collectors in: they are used again, and nobody gets what another one has asked for."""

import asyncio
from collections.abc import Iterator

import pytest

from collector_mesh import Settings
from collector_mesh.testing import NodeOptions, NodeProcesses, ProcessNetwork

USERS = ("users", "UserService")


@pytest.fixture
def processes() -> Iterator[NodeProcesses]:
    processes = NodeProcesses()
    yield processes
    processes.close()


@pytest.mark.asyncio
async def test_a_process_runs_one_collector_after_the_other(processes: NodeProcesses) -> None:
    pids, told = [], []
    for name in ("a", "b"):
        async with ProcessNetwork(processes) as network:
            node = await network.start(NodeOptions(collector_id=name, services=(USERS,)))
            pids.append(node.process.pid)
            told.append((await node.dispatch(*USERS, "Nothing")).handled_by)

    assert (pids[0] == pids[1], told) == (True, ["a", "b"])


@pytest.mark.asyncio
async def test_what_was_asked_and_given_up_is_answered_to_nobody_else(processes: NodeProcesses) -> None:
    async with ProcessNetwork(processes) as network:
        node = await network.start(
            NodeOptions(collector_id="a", services=(USERS,), settings=Settings(drain_timeout=0.0))
        )
        given_up = asyncio.create_task(node.dispatch(*USERS, "Hang"))
        await asyncio.sleep(0)
        given_up.cancel()
    async with ProcessNetwork(processes) as network:
        node = await network.start(NodeOptions(collector_id="b", services=(USERS,)))
        reply = await node.dispatch(*USERS, "Nothing")

    assert (reply.status.code, reply.handled_by) == (200, "b")


@pytest.mark.asyncio
async def test_a_process_that_was_killed_is_not_used_again(processes: NodeProcesses) -> None:
    async with ProcessNetwork(processes) as network:
        node = await network.start(NodeOptions(collector_id="a", services=(USERS,)))
        call = asyncio.create_task(node.dispatch(*USERS, "Hang"))
        await asyncio.sleep(0)
        await node.kill()
        with pytest.raises(ConnectionError, match="a has gone"):
            await call
        with pytest.raises(ConnectionError, match="a has gone"):
            await node.snapshot()
    async with ProcessNetwork(processes) as network:
        other = await network.start(NodeOptions(collector_id="b"))

        assert other.process.pid != node.process.pid


@pytest.mark.asyncio
async def test_without_others_to_share_them_with_processes_end_with_their_network() -> None:
    async with ProcessNetwork() as network:
        node = await network.start(NodeOptions(collector_id="a"))

    assert node.process.poll() == 0
