"""Streams that are read and written, and what their links make of what they do."""

import asyncio

import pytest
from tests.limits import LIMIT_SECONDS
from tests.unit.domain.link.wires import ECHO, End, Wire

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.pulled import PulledStream
from collector_mesh.adapters.runtime.tasks import LoopTasks
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.link.pump import LinkPump
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


class OddError(Exception):
    """What no stream should raise."""


class OddStream:
    """Welcomes everybody, and then does one thing that it must not."""

    address = "peer:1"
    identity: Identity | None = None

    def __init__(self, what: str) -> None:
        self.what = what
        self.closed = 0
        self._welcome: Frame | None = Frame(
            control=Control(greeting=Greeting(OK, Introduction(collector_id="peer")))
        )
        self._is_closed = asyncio.Event()

    async def read(self) -> Frame | None:
        if (frame := self._welcome) is not None:
            self._welcome = None
            return frame
        if self.what == "read":
            raise OddError("read")
        await self._is_closed.wait()
        return None

    async def write(self, frame: Frame) -> None:
        is_hello = frame.control is not None and frame.control.hello is not None
        if self.what == "write" and not is_hello:
            raise OddError("write")

    async def aclose(self) -> None:
        self.closed += 1
        if self.what == "aclose":
            raise OddError("aclose")
        if self.what != "hangs":
            self._is_closed.set()
        else:
            await asyncio.Event().wait()


async def _opened() -> tuple[LinkEngine, HangingStream, "asyncio.Task[None]"]:
    clock = LoopClock()
    opened = asyncio.Event()
    host = End("me", Wire())
    host.on_opened = lambda _engine: opened.set()
    engine = LinkEngine(Introduction(collector_id="me"), host, now=clock.now(), dial=1)
    stream = HangingStream()
    pumping = asyncio.create_task(
        LinkPump(clock, LoopTasks(clock, max_threads=1), PulledStream).run(stream, engine)
    )
    async with asyncio.timeout(LIMIT_SECONDS):
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
    async with asyncio.timeout(LIMIT_SECONDS):
        reply = await settled

    assert reply.status.code == 504
    await stream.aclose()
    await pumping


@pytest.mark.asyncio
async def test_a_link_that_fails_ends_in_time_though_a_write_hangs() -> None:
    engine, _stream, pumping = await _opened()

    engine.fail("enough")
    async with asyncio.timeout(LIMIT_SECONDS):
        await pumping

    assert engine.reason == "enough"


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["read", "write", "aclose", "hangs"])
async def test_whatever_a_stream_does_its_link_ends_and_its_calls_are_answered(what: str) -> None:
    clock = LoopClock()
    tasks = LoopTasks(clock, max_threads=1)
    host = End("me", Wire())
    engine = LinkEngine(Introduction(collector_id="me"), host, now=clock.now(), dial=1)
    stream = OddStream(what)
    before = asyncio.all_tasks()
    pumping = asyncio.create_task(LinkPump(clock, tasks, PulledStream).run(stream, engine))
    settled: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    async with asyncio.timeout(LIMIT_SECONDS):
        while engine.peer is None:
            await asyncio.sleep(0)
        engine.send(SentCall(Call(ECHO, deadline=clock.now() + 100), Mode.SERVE, settled.set_result))
        if what in ("aclose", "hangs"):
            engine.fail("enough")
        reply = await settled
        outcome = (await asyncio.gather(pumping, return_exceptions=True))[0]

    assert reply.status.code in (502, 503)
    assert [type(error) for error in host.failures] == ([OddError] if what in ("read", "write") else [])
    assert isinstance(outcome, OddError) == (what == "aclose")
    assert stream.closed == 1
    assert asyncio.all_tasks() == before


class AskedAgain:
    """An end that has something to write when it was asked once more, which it says while it is asked."""

    def __init__(self) -> None:
        self.stream: PulledStream
        self.asked = 0

    def received(self, frame: Frame) -> None:
        raise AssertionError(frame)

    def ended(self, error: Exception | None) -> None:
        assert error is None

    def unsendable(self, frame: Frame, error: Exception) -> None:
        raise AssertionError(frame) from error

    def next_frame(self) -> Frame | None:
        self.asked += 1
        if self.asked == 1:
            self.stream.wake()
        return Frame(credit=1) if self.asked == 2 else None


@pytest.mark.asyncio
async def test_a_stream_that_is_woken_while_it_asks_asks_again() -> None:
    inner = HangingStream()
    end = AskedAgain()
    end.stream = PulledStream(inner)
    inner._welcome = None

    end.stream.open(end)
    async with asyncio.timeout(LIMIT_SECONDS):
        while not inner.written:
            await asyncio.sleep(0)
    await end.stream.aclose()

    assert inner.written == [Frame(credit=1)]
