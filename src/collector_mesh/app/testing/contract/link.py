"""The contract of links: what one connection carries, in both directions."""

import asyncio

import pytest

from collector_mesh.app.settings import Settings
from collector_mesh.app.testing.contract.base import LIMIT_SECONDS, Contract, count, eventually, outcome
from collector_mesh.app.testing.networks import Network, Node, NodeOptions
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.snapshot import ConnectionInfo
from collector_mesh.domain.model.status import Reply

LARGE = Payload("bytes", bytes(range(256)) * 4096)
"""1 MiB."""


async def connection(node: Node) -> ConnectionInfo:
    """The only connection of a node."""
    (found,) = (await node.snapshot()).connections
    return found


class LinkContract(Contract):
    """What two collectors make of the one connection between them."""

    @pytest.mark.asyncio
    async def test_whoever_was_dialed_calls_back_over_the_same_connection(self, mesh: Network) -> None:
        a, b = await _pair(mesh)

        forth = await a.dispatch("users", "EchoService", "Echo", LARGE, target="b")
        back = await b.dispatch("users", "EchoService", "Echo", LARGE, target="a")

        assert (outcome(forth), forth.handled_by, forth.payload) == ((200, "OK"), "b", LARGE)
        assert (outcome(back), back.handled_by, back.payload) == ((200, "OK"), "a", LARGE)
        ours, theirs = await connection(a), await connection(b)
        assert (ours.carrier, ours.dialed) == ("link", True)
        assert (theirs.carrier, theirs.dialed) == ("link", False)
        assert ours.connection_id == theirs.connection_id

    @pytest.mark.asyncio
    async def test_large_payloads_of_both_directions_do_not_hold_up_small_ones(self, mesh: Network) -> None:
        a, b = await _pair(mesh)

        async def echo(caller: Node, target: str, payload: Payload) -> Reply:
            return await caller.dispatch("users", "EchoService", "Echo", payload, target=target)

        large = [asyncio.create_task(echo(*pair, LARGE)) for pair in ((a, "b"), (b, "a")) for _ in range(4)]
        small = [await echo(a, "b", Payload("text", str(index).encode())) for index in range(20)]
        replies = await asyncio.gather(*large)

        assert [reply.payload.value for reply in small] == [str(index).encode() for index in range(20)]
        assert {outcome(reply) for reply in replies} == {(200, "OK")}
        assert all(reply.payload == LARGE for reply in replies)

    @pytest.mark.asyncio
    async def test_methods_that_come_and_go_are_routed_by(self, mesh: Network) -> None:
        a, b = await _pair(mesh)
        before = await a.dispatch("users", "LateService", "Nothing")

        await b.add_service("users", "LateService")

        async def is_there() -> bool:
            return (await a.dispatch("users", "LateService", "Nothing")).handled_by == "b"

        await eventually(is_there)
        await b.remove_service("users", "LateService")

        async def is_gone() -> bool:
            return (await a.dispatch("users", "LateService", "Nothing")).status.code == 404

        await eventually(is_gone)
        assert outcome(before) == (
            404,
            "no collector found for namespace 'users': nobody there has 'LateService.Nothing'",
        )

    @pytest.mark.asyncio
    async def test_of_two_dials_at_once_one_connection_stays_and_no_call_is_lost(self, mesh: Network) -> None:
        a, b = await asyncio.gather(_start(mesh, "a"), _start(mesh, "b"))
        await asyncio.gather(a.connect(b.address), b.connect(a.address))

        calls = [
            caller.dispatch("users", "EchoService", "Echo", Payload("text", b"x"), target=target)
            for caller, target in ((a, "b"), (b, "a"))
            for _ in range(50)
        ]
        replies = await asyncio.gather(*calls)

        assert {outcome(reply) for reply in replies} == {(200, "OK")}

        async def is_one() -> bool:
            return (await connection(a)).connection_id == (await connection(b)).connection_id

        await eventually(is_one)

    @pytest.mark.asyncio
    async def test_a_drain_is_announced_while_calls_run(self, mesh: Network) -> None:
        a = await _start(mesh, "a", Settings(wait_for_peer=0))
        b = await _start(mesh, "b", Settings(drain_timeout=2.0))
        await a.connect(b.address)
        running = asyncio.create_task(a.dispatch("users", "EchoService", "Hang", target="b"))

        async def has_begun() -> bool:
            return await count(b, "started", service="EchoService") == 1

        await eventually(has_begun)
        stopping = asyncio.create_task(b.stop())

        async def is_announced() -> bool:
            return (await connection(a)).state == "draining"

        await eventually(is_announced)
        refused = await a.dispatch("users", "EchoService", "Echo", target="b", timeout=LIMIT_SECONDS)
        await stopping
        reply = await running

        async def is_dialed_again() -> bool:
            return (await connection(a)).state == "reconnecting"

        await eventually(is_dialed_again)
        assert refused.status.code == 503
        assert reply.status.code == 502


async def _start(mesh: Network, collector_id: str, settings: Settings | None = None) -> Node:
    services = (("users", "EchoService"),)
    options = NodeOptions(collector_id=collector_id, services=services, settings=settings or Settings())
    return await mesh.start(options)


async def _pair(mesh: Network) -> tuple[Node, Node]:
    a, b = await asyncio.gather(_start(mesh, "a"), _start(mesh, "b"))
    await a.connect(b.address)
    return a, b
