"""A transport whose addresses are not the ids of collectors, and that has to be opened."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from collector_mesh import Collector, InvalidCallError, LoopbackNetwork, MeshClient, Payload, Service
from collector_mesh.ports import FrameStream, Gateway, Listener, UnaryLink

SCHEME = "wire:"


def texts() -> Service:
    service = Service("texts", "Texts")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    return service


class Wires:
    """Addresses begin with `wire:`; nothing works while it is not open."""

    def __init__(self) -> None:
        self.inner = LoopbackNetwork()
        self.users = 0
        self.told: list[str] = []

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        self.users += 1
        self.told.append("opened")
        yield
        self.told.append("closed")
        self.users -= 1

    def open(self) -> AbstractAsyncContextManager[object]:
        return self._open()

    def is_local(self, address: str) -> bool:
        return self.inner.is_local(address)

    def check_address(self, address: str) -> None:
        if not address.startswith(SCHEME):
            raise InvalidCallError(f"address must begin with {SCHEME}, got {address!r}")

    @asynccontextmanager
    async def _listen(self, address: str, gateway: Gateway) -> AsyncIterator[Listener]:
        assert self.users
        self.check_address(address)
        async with self.inner.listen(address, gateway) as listener:
            self.told.append("listening")
            yield listener
            self.told.append("heard enough")

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        return self._listen(address, gateway)

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        assert self.users
        return self.inner.dial(address, is_patient=is_patient)

    def unary(self, address: str) -> UnaryLink:
        return self.inner.unary(address)


@pytest.mark.asyncio
async def test_a_collector_whose_id_is_no_address_listens_nowhere_and_calls_and_is_called() -> None:
    wires = Wires()
    async with (
        Collector(
            "server", transport=wires, listen="wire:1", services=[texts()], namespaces=["numbers"]
        ) as server,
        Collector("caller", transport=wires, namespaces=["texts", "numbers"]) as caller,
    ):
        await caller.connect("wire:1")
        there = await caller.dispatch("texts", "Texts", "Echo")
        shown = server.snapshot().connections

    assert (caller.address, server.address) == ("", "wire:1")
    assert (there.status.code, there.handled_by) == (200, "server")
    assert [(peer.peer_id, peer.address) for peer in shown] == [("caller", "")]


@pytest.mark.asyncio
async def test_an_empty_address_stands_for_nowhere_over_every_transport() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("server", transport=network, services=[texts()]) as server,
        Collector("caller", transport=network, listen="", namespaces=["texts"]) as caller,
    ):
        await caller.connect(server.address)
        reply = await caller.dispatch("texts", "Texts", "Echo")

    assert caller.address == ""
    assert reply.handled_by == "server"


@pytest.mark.asyncio
async def test_a_transport_is_open_before_it_is_used_and_closed_after() -> None:
    wires = Wires()
    async with (
        Collector("server", transport=wires, listen="wire:1", services=[texts()]),
        MeshClient("wire:1", transport=wires) as client,
    ):
        reply = await client.dispatch("texts", "Texts", "Echo")
        both = wires.users

    assert reply.status.code == 200
    assert both == 2
    assert wires.users == 0
    assert wires.told == ["opened", "listening", "opened", "closed", "heard enough", "closed"]


@pytest.mark.asyncio
async def test_a_transport_that_cannot_be_opened_is_told_to_whoever_enters() -> None:
    class Broken(Wires):
        def open(self) -> AbstractAsyncContextManager[object]:
            raise ConnectionError("no broker")

    with pytest.raises(ConnectionError, match="no broker"):
        async with Collector("server", transport=Broken(), listen="wire:1"):
            pass
    with pytest.raises(ConnectionError, match="no broker"):
        async with MeshClient("wire:1", transport=Broken()):
            pass
