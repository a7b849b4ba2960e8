"""What a client does when the stream of its link breaks before it is answered."""

import asyncio

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, Executed, LoopbackNetwork, MeshClient, Payload, Service
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


class LateStream:
    """Writes nothing before it is let; what is read comes all the same."""

    def __init__(self, inner: FrameStream, opens: asyncio.Event) -> None:
        self.address = inner.address
        self.identity = inner.identity
        self._inner = inner
        self._opens = opens

    async def read(self) -> Frame | None:
        return await self._inner.read()

    async def write(self, frame: Frame) -> None:
        await self._opens.wait()
        await self._inner.write(frame)

    async def aclose(self) -> None:
        self._opens.set()
        await self._inner.aclose()


class LateNetwork(LoopbackNetwork):
    """A network on which nobody is heard before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.opens = asyncio.Event()
        self.dials = 0

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        self.dials += 1
        return LateStream(super().dial(address, is_patient=is_patient), self.opens)


async def test_no_call_fails_because_the_one_that_came_first_had_less_time_or_was_cancelled() -> None:
    network = LateNetwork()
    async with (
        Collector("node", services=[echo()], transport=network),
        MeshClient("node", transport=network) as client,
    ):
        cancelled = asyncio.ensure_future(client.dispatch("tests", "Echo", "Echo", timeout=60))
        short = asyncio.ensure_future(client.dispatch("tests", "Echo", "Echo", timeout=0.01))
        others = [
            asyncio.ensure_future(client.dispatch("tests", "Echo", "Echo", timeout=60)) for _ in range(5)
        ]
        too_late = await short
        cancelled.cancel()
        await asyncio.wait([cancelled])
        network.opens.set()
        codes = [(await other).status.code for other in others]

    assert (too_late.status.code, too_late.executed) == (504, Executed.NO)
    assert cancelled.cancelled()
    assert codes == [200] * 5
    assert network.dials == 1


async def test_a_dial_goes_on_though_nobody_waits_for_it_anymore() -> None:
    network = LateNetwork()
    async with (
        Collector("node", services=[echo()], transport=network),
        MeshClient("node", transport=network) as client,
    ):
        await client.dispatch("tests", "Echo", "Echo", timeout=0.01)
        network.opens.set()
        reply = await client.dispatch("tests", "Echo", "Echo", timeout=60)

    assert reply.status.code == 200
    assert network.dials == 1
