"""The contract of connections."""

import asyncio

import pytest

from collector_mesh.app.testing.contract.base import Contract, eventually, outcome
from collector_mesh.app.testing.networks import Network, Node, NodeOptions
from collector_mesh.domain.model.errors import MeshError, NotFoundError, UnavailableError
from collector_mesh.domain.model.payload import Payload

BODY = Payload("text", b"hello")


async def start(mesh: Network, collector_id: str, *namespaces: str, listen: str | None = None) -> Node:
    """Start a collector that serves its own name as a service in each of some namespaces."""
    services = tuple((namespace, "EchoService") for namespace in namespaces)
    return await mesh.start(NodeOptions(collector_id=collector_id, services=services, listen=listen))


async def peers(node: Node) -> dict[str, tuple[str, ...]]:
    """The peers of a node, and what it shares with each."""
    return {c.peer_id: c.shared_namespaces for c in (await node.snapshot()).connections}


class ConnectionContract(Contract):
    """How collectors connect."""

    @pytest.mark.asyncio
    async def test_connecting_tells_who_is_there(self, mesh: Network) -> None:
        a, b = await asyncio.gather(start(mesh, "a", "users"), start(mesh, "b", "users"))

        connection = await a.connect(b.address)

        assert (connection.peer_id, connection.address) == ("b", b.address)
        assert connection.shared_namespaces == ("users",)
        assert connection.connection_id
        assert connection.state == "live"

    @pytest.mark.asyncio
    async def test_after_one_connect_both_sides_can_call(self, mesh: Network) -> None:
        a = await mesh.start(
            NodeOptions(collector_id="a", namespaces=("orders",), services=(("users", "EchoService"),))
        )
        b = await mesh.start(
            NodeOptions(collector_id="b", namespaces=("users",), services=(("orders", "EchoService"),))
        )

        await a.connect(b.address)

        forth = await a.dispatch("orders", "EchoService", "Echo", BODY)
        back = await b.dispatch("users", "EchoService", "Echo", BODY)
        assert (outcome(forth), forth.handled_by) == ((200, "OK"), "b")
        assert (outcome(back), back.handled_by) == ((200, "OK"), "a")

    @pytest.mark.asyncio
    async def test_a_collector_has_many_peers(self, mesh: Network) -> None:
        hub = await start(mesh, "hub", "users")
        spokes = await asyncio.gather(*(start(mesh, f"spoke-{index}", "users") for index in range(3)))

        for spoke in spokes:
            await hub.connect(spoke.address)

        assert sorted(await peers(hub)) == ["spoke-0", "spoke-1", "spoke-2"]
        for spoke in spokes:
            reply = await hub.dispatch("users", "EchoService", "Echo", BODY, target=spoke.collector_id)
            assert reply.handled_by == spoke.collector_id

    @pytest.mark.parametrize(
        ("ours", "theirs", "shared"),
        [
            (("users",), ("orders",), ()),
            (("users", "orders", "products"), ("inventory", "products"), ("products",)),
            (("users", "orders", "products"), ("orders", "inventory", "users"), ("users", "orders")),
            (("users", "orders"), ("orders", "users"), ("users", "orders")),
        ],
        ids=["none", "one", "many", "all"],
    )
    @pytest.mark.asyncio
    async def test_namespaces_of_both_are_shared(
        self, mesh: Network, ours: tuple[str, ...], theirs: tuple[str, ...], shared: tuple[str, ...]
    ) -> None:
        a, b = await asyncio.gather(start(mesh, "a", *ours), start(mesh, "b", *theirs))

        connection = await a.connect(b.address)

        assert connection.shared_namespaces == shared
        assert await peers(b) == {"a": shared}

    @pytest.mark.asyncio
    async def test_the_same_peer_twice_is_one_connection(self, mesh: Network) -> None:
        a, b = await asyncio.gather(start(mesh, "a", "users"), start(mesh, "b", "users"))

        await a.connect(b.address)
        await a.connect(b.address)
        await b.connect(a.address)

        assert list(await peers(a)) == ["b"]
        assert list(await peers(b)) == ["a"]
        assert outcome(await a.dispatch("users", "EchoService", "Echo", BODY, target="b")) == (200, "OK")
        assert outcome(await b.dispatch("users", "EchoService", "Echo", BODY, target="a")) == (200, "OK")

    @pytest.mark.asyncio
    async def test_a_restarted_peer_at_a_new_address_takes_its_place(self, mesh: Network) -> None:
        a = await start(mesh, "a", "users")
        old = await start(mesh, "b", "users")
        await old.connect(a.address)
        await old.stop()

        new = await start(mesh, "b", "users", listen=_another(old.address))
        await new.connect(a.address)

        (connection,) = (await a.snapshot()).connections
        assert (connection.peer_id, connection.address) == ("b", new.address)
        reply = await a.dispatch("users", "EchoService", "Echo", BODY, target="b")
        assert (outcome(reply), reply.handled_by) == ((200, "OK"), "b")

    @pytest.mark.asyncio
    async def test_a_peer_that_comes_back_at_its_address_is_found_again(self, mesh: Network) -> None:
        a = await start(mesh, "a", "users")
        old = await start(mesh, "b", "users")
        await a.connect(old.address)
        await old.stop()

        async def is_lost() -> bool:
            await a.dispatch("users", "EchoService", "Echo", BODY, target="b", timeout=1.0)
            return (await a.snapshot()).connections[0].state == "reconnecting"

        await eventually(is_lost)
        await start(mesh, "b", "users", listen=old.address)

        async def is_back() -> bool:
            reply = await a.dispatch("users", "EchoService", "Echo", BODY, target="b")
            return reply.status.code == 200

        await eventually(is_back)

    @pytest.mark.asyncio
    async def test_the_id_of_a_live_collector_is_not_given_away(self, mesh: Network) -> None:
        a, first = await asyncio.gather(start(mesh, "a", "users"), start(mesh, "b", "users"))
        await first.connect(a.address)
        second = await start(mesh, "b", "users", listen=_another(first.address))

        with pytest.raises(MeshError, match="'b' is held by a live collector") as raised:
            await second.connect(a.address)

        assert raised.value.code == 409
        (connection,) = (await a.snapshot()).connections
        assert connection.address == first.address

    @pytest.mark.asyncio
    async def test_connecting_to_oneself_is_refused(self, mesh: Network) -> None:
        a = await start(mesh, "a", "users")

        with pytest.raises(MeshError, match="cannot connect to itself") as raised:
            await a.connect(a.address)

        assert raised.value.code == 400
        assert await peers(a) == {}

    @pytest.mark.asyncio
    async def test_ones_own_id_elsewhere_is_refused(self, mesh: Network) -> None:
        a = await start(mesh, "a", "users")
        other = await start(mesh, "a", "users", listen=_another(a.address))

        with pytest.raises(MeshError, match="collector id 'a' is held") as raised:
            await a.connect(other.address)

        assert raised.value.code == 409

    @pytest.mark.asyncio
    async def test_nobody_at_an_address_is_unavailable(self, mesh: Network) -> None:
        a, gone = await asyncio.gather(start(mesh, "a", "users"), start(mesh, "gone", "users"))
        await gone.stop()

        with pytest.raises(UnavailableError):
            await a.connect(gone.address, timeout=0.5)

        assert await peers(a) == {}

    @pytest.mark.parametrize("address", ["", "no address", "\x00", "x" * 10_000])
    @pytest.mark.asyncio
    async def test_what_is_no_address_is_refused(self, mesh: Network, address: str) -> None:
        a = await start(mesh, "a", "users")

        with pytest.raises(MeshError, match="address") as raised:
            await a.connect(address)

        assert raised.value.code == 400
        assert len(str(raised.value)) < 400

    @pytest.mark.asyncio
    async def test_a_peer_that_is_not_up_yet_is_dialed_until_it_is(self, mesh: Network) -> None:
        b = await start(mesh, "b", "users")
        await b.stop()
        a = await mesh.start(NodeOptions(collector_id="a", namespaces=("users",), peers=(b.address,)))
        assert (await a.snapshot()).dialing == (b.address,)

        await start(mesh, "b", "users", listen=b.address)

        async def is_connected() -> bool:
            return await peers(a) == {"b": ("users",)}

        await eventually(is_connected)
        assert (await a.snapshot()).dialing == ()

    @pytest.mark.asyncio
    async def test_a_disconnected_peer_gets_no_calls(self, mesh: Network) -> None:
        a, b = await asyncio.gather(start(mesh, "a"), start(mesh, "b", "users"))
        await a.connect(b.address)

        await a.disconnect("b")

        assert await peers(a) == {}
        reply = await a.dispatch("users", "EchoService", "Echo", BODY, target="b")
        assert outcome(reply) == (404, "no connection to collector 'b'")
        with pytest.raises(NotFoundError, match="no connection to collector 'b'"):
            await a.disconnect("b")

    @pytest.mark.asyncio
    async def test_collectors_that_dial_each_other_at_once_have_one_connection(self, mesh: Network) -> None:
        a, b = await asyncio.gather(start(mesh, "a", "users"), start(mesh, "b", "users"))

        await asyncio.gather(a.connect(b.address), b.connect(a.address))

        assert await peers(a) == {"b": ("users",)}
        assert await peers(b) == {"a": ("users",)}


def _another(address: str) -> str:
    """An address to listen on that is not this one: a free port, or another name."""
    host, colon, _port = address.rpartition(":")
    return f"{host}:0" if colon else f"{address}-again"
