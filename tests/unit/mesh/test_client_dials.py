"""What a client does when the stream of its link breaks before it is answered."""

import asyncio

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Payload, Service
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.frame_stream import FrameStream, StreamBrokenError

pytestmark = pytest.mark.asyncio


class BrokenStream:
    """A stream that breaks when it is read, once it is let."""

    address = "node"
    identity: Identity | None = None

    def __init__(self, breaks: asyncio.Event) -> None:
        self.breaks = breaks

    async def read(self) -> Frame | None:
        await self.breaks.wait()
        raise StreamBrokenError("node: internal error")

    async def write(self, frame: Frame) -> None:
        _ = frame

    async def aclose(self) -> None:
        self.breaks.set()


class FlakyNetwork(LoopbackNetwork):
    """A network whose first dials lead to streams that break."""

    def __init__(self, broken: int, *, at_once: bool = True) -> None:
        super().__init__()
        self.broken = broken
        self.dials = 0
        self.breaks = asyncio.Event()
        if at_once:
            self.breaks.set()

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        self.dials += 1
        if self.dials <= self.broken:
            return BrokenStream(self.breaks)
        return super().dial(address, is_patient=is_patient)


def echo() -> Service:
    service = Service("tests", "Echo")

    @service.method("Echo")
    async def say(request: Payload) -> Payload:
        return request

    return service


async def answered(network: FlakyNetwork) -> tuple[int, str]:
    async with (
        Collector("node", services=[echo()], transport=network),
        MeshClient("node", transport=network) as client,
    ):
        reply = await client.dispatch("tests", "Echo", "Echo", Payload("t", b"x"))
        return reply.status.code, reply.status.message


async def test_a_client_dials_again_when_the_stream_breaks_before_it_is_answered() -> None:
    network = FlakyNetwork(2)
    assert await answered(network) == (200, "OK")
    assert network.dials == 3


async def test_but_not_for_ever_and_the_caller_hears_why() -> None:
    network = FlakyNetwork(1000)
    assert await answered(network) == (503, "node: internal error")
    assert network.dials == 3


async def test_a_client_that_is_closed_while_it_dials_does_not_dial_again() -> None:
    network = FlakyNetwork(1000, at_once=False)
    client = MeshClient("node", transport=network)
    async with client:
        call = asyncio.ensure_future(client.dispatch("tests", "Echo", "Echo", Payload("t", b"x")))
        async with asyncio.timeout(LIMIT_SECONDS):
            while not network.dials:
                await asyncio.sleep(0)
    reply = await call
    assert (reply.status.code, reply.status.message) == (503, "the client was closed")
    assert network.dials == 1


async def test_a_client_does_not_dial_again_when_the_time_of_the_call_is_up() -> None:
    network = FlakyNetwork(1000, at_once=False)
    async with MeshClient("node", transport=network) as client:
        asyncio.get_running_loop().call_later(0.2, network.breaks.set)
        reply = await client.dispatch("tests", "Echo", "Echo", Payload("t", b"x"), timeout=0.05)
    assert reply.status.code in (503, 504)
    assert network.dials == 1
