"""What moves frames between a stream and a machine."""

import asyncio

import pytest
from tests.unit.domain.link.wires import ECHO, End, Wire

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.pump import LoopPump
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Control, Frame, Greeting, Introduction, Mode
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.status import OK, Reply


class HangingStream:
    """A stream whose other end welcomes everybody and then takes nothing anymore."""

    address = "peer:1"
    identity: Identity | None = None

    def __init__(self) -> None:
        self.written: list[Frame] = []
        self._welcome: Frame | None = Frame(
            control=Control(greeting=Greeting(OK, Introduction(collector_id="peer")))
        )
        self._is_closed = asyncio.Event()

    async def read(self) -> Frame | None:
        if (frame := self._welcome) is not None:
            self._welcome = None
            return frame
        await self._is_closed.wait()
        return None

    async def write(self, frame: Frame) -> None:
        self.written.append(frame)
        if frame.control is None or frame.control.hello is None:
            await self._is_closed.wait()

    async def aclose(self) -> None:
        self._is_closed.set()


async def _opened() -> tuple[LinkEngine, HangingStream, "asyncio.Task[None]"]:
    clock = LoopClock()
    opened = asyncio.Event()
    host = End("me", Wire())
    host.on_opened = lambda _engine: opened.set()
    engine = LinkEngine(Introduction(collector_id="me"), host, now=clock.now(), dial=1)
    stream = HangingStream()
    pumping = asyncio.create_task(LoopPump(clock).run(stream, engine))
    async with asyncio.timeout(5):
        await opened.wait()
        while len(stream.written) < 2:  # the ping that nobody takes
            await asyncio.sleep(0.001)
    return engine, stream, pumping


@pytest.mark.asyncio
async def test_a_deadline_is_kept_though_a_write_hangs() -> None:
    engine, stream, pumping = await _opened()
    now = LoopClock().now
    settled: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    engine.send(SentCall(Call(ECHO, deadline=now() + 0.1), Mode.SERVE, settled.set_result))
    async with asyncio.timeout(1.0):
        reply = await settled

    assert reply.status.code == 504
    await stream.aclose()
    await pumping


@pytest.mark.asyncio
async def test_a_link_that_fails_ends_in_time_though_a_write_hangs() -> None:
    engine, _stream, pumping = await _opened()

    engine.fail("enough")
    async with asyncio.timeout(3.0):
        await pumping

    assert engine.reason == "enough"
