"""Moves frames between a stream and a machine: one task reads, one writes, one timer for time."""

import asyncio
from typing import TYPE_CHECKING

from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    Machine,
    MalformedFrameError,
    NoLinkError,
    Pump,
    StreamBrokenError,
)

CLOSE_SECONDS = 1.0
"""How long a stream may take to close; one whose other end is frozen is then let go of."""

FAREWELL_SECONDS = 0.5
"""How long the last frame may take to be written."""

_TURNS_BEFORE_CREDIT = 2
"""Turns of the loop that a credit waits for a frame that it can go with."""

_SOON_SECONDS = 0.05
"""A timer that comes so soon is soon enough for the deadlines of calls."""

_SLACK_SECONDS = 0.005


class LoopPump:
    """Pumps in the running event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """See the port."""
        await _Pumping(self._clock, stream, machine).run()


class _Pumping:
    """One stream and one machine."""

    def __init__(self, clock: Clock, stream: FrameStream, machine: Machine) -> None:
        self._now = clock.now
        self._stream = stream
        self._machine = machine
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._is_hurried = False
        """Whether the timer comes soon anyway."""
        self._is_closing = False
        self._over: asyncio.Future[None] = self._loop.create_future()

    async def run(self) -> None:
        machine = self._machine
        machine.on_work = self._kick
        machine.on_over = self._stop
        if machine.is_over:
            self._stop()
        self._set_timer(machine.next_tick)
        writer = self._loop.create_task(self._write(), name=f"write to {self._stream.address}")
        reader = self._loop.create_task(self._read(), name=f"read from {self._stream.address}")
        try:
            # Whoever cancels this cancels neither of them: that would break the stream before a goodbye.
            await asyncio.wait((writer, reader, self._over), return_when=asyncio.FIRST_COMPLETED)
            if machine.is_over:
                # There may be a goodbye to write; but where nothing is taken, it cannot be waited for.
                await asyncio.wait((writer,), timeout=FAREWELL_SECONDS)
        finally:
            machine.lost("the stream has ended")
            self._is_closing = True
            self._kick()
            if self._timer is not None:
                self._timer.cancel()
            await self._close(writer, reader)

    async def _close(self, *tasks: "asyncio.Task[None]") -> None:
        closing = self._loop.create_task(self._stream.aclose(), name=f"close {self._stream.address}")
        _, left = await asyncio.wait((closing, *tasks), timeout=CLOSE_SECONDS)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CLOSE_SECONDS)
        for task in (closing, *tasks):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _kick(self) -> None:
        # Called for every call and reply.
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        elif not self._is_hurried and not self._is_closing:
            # The writer may hang, and be of no help with deadlines.
            self._hurry()

    def _stop(self) -> None:
        if not self._over.done():
            self._over.set_result(None)
        self._kick()

    async def _read(self) -> None:
        machine, read, now = self._machine, self._stream.read, self._now
        try:
            while (frame := await read()) is not None:
                machine.receive(frame, now())
            machine.lost("the other side has ended the stream without a goodbye")
        except MalformedFrameError as error:
            machine.fail(str(error))
            # The writer says goodbye and ends.
            await asyncio.wait((self._over,))
        except NoLinkError as error:
            machine.lost(str(error), has_no_link=True)
        except StreamBrokenError as error:
            machine.lost(str(error))

    async def _write(self) -> None:
        machine, write, now = self._machine, self._stream.write, self._now
        try:
            while not self._is_closing:
                while (frame := machine.next_frame(now())) is not None:
                    self._hurry()
                    await write(frame)
                if machine.is_over:
                    return
                if machine.owes_credit:
                    for _ in range(_TURNS_BEFORE_CREDIT):
                        await asyncio.sleep(0)
                    if (frame := machine.next_frame(now(), with_credit=True)) is not None:
                        self._hurry()
                        await write(frame)
                    continue
                self._hurry()
                self._waiter = self._loop.create_future()
                await self._waiter
        except NoLinkError as error:
            machine.lost(str(error), has_no_link=True)
        except StreamBrokenError as error:
            machine.lost(str(error))

    def _hurry(self) -> None:
        """Have the timer come in time: soon while calls wait, whose deadlines have to be looked at."""
        if self._is_hurried:
            return
        machine = self._machine
        if machine.next_tick < self._timer_at:
            self._set_timer(machine.next_tick)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = when
        left = max(0.0, when - self._now())
        self._is_hurried = left <= _SOON_SECONDS
        self._timer = self._loop.call_later(left, self._tick)

    def _tick(self) -> None:
        self._timer = None
        machine = self._machine
        now = self._now()
        if now + _SLACK_SECONDS >= machine.next_tick:
            machine.tick(now)
        if machine.is_over:
            self._kick()
        elif not self._is_closing:
            self._set_timer(machine.next_tick)


if TYPE_CHECKING:
    _fits: type[Pump] = LoopPump
