"""Moves frames between streams and machines, the same ones wherever they run: time, tasks and streams are ports."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from collector_mesh.domain.link.sweep import Entry, Sweep, Timed
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    Machine,
    MalformedFrameError,
    NobodyListensError,
    NoLinkError,
    Pump,
    PushStream,
    StreamBrokenError,
    StreamEnd,
)
from collector_mesh.domain.ports.tasks import Promise, Tasks

FAREWELL_SECONDS = 0.5
"""How long the last frame may take to be written."""

_NEVER = float("inf")


class LinkPump:
    """Runs the links of one collector.

    Args:
        clock: the time.
        tasks: makes what is awaited for the end of a link.
        pushing: has a stream push that is read and written.
    """

    def __init__(self, clock: Clock, tasks: Tasks, pushing: Callable[[FrameStream], PushStream]) -> None:
        self._clock = clock
        self._tasks = tasks
        self._pushing = pushing
        self._sweep = Sweep(clock)

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """See the port."""
        pushed = stream if isinstance(stream, PushStream) else self._pushing(stream)
        await _Link(pushed, machine, self._sweep, self._clock, self._tasks).run()


class _Link:
    """A stream and a machine; whatever one of them raises ends both, and nobody waits for ever."""

    __slots__ = (
        "_flushed", "_gives_credit", "_has_failed", "_has_more", "_is_awake", "_is_over", "_machine",
        "_now", "_over", "_owes_credit", "_stream", "_sweep", "_tasks", "entry", "is_watched",
    )  # fmt: skip

    def __init__(
        self, stream: PushStream, machine: Machine, sweep: Sweep, clock: Clock, tasks: Tasks
    ) -> None:
        self._stream = stream
        self._machine = machine
        self._sweep = sweep
        self._tasks = tasks
        self._now = clock.now
        self._over: Promise[None] = tasks.promise()
        self._flushed = clock.alarm()
        self._is_over = False
        self._has_failed = False
        self._is_awake = True
        """Whether the stream is going to ask for a frame; it asks first by itself."""
        self._has_more = False
        """Whether there was something to write while it asked."""
        self._owes_credit = False
        """Whether a credit waits for a frame that it can go with."""
        self._gives_credit = False
        """Whether it has waited long enough."""
        self.entry: Entry | None = None
        self.is_watched = False

    async def run(self) -> None:
        """Move frames until the machine is over; then close the stream."""
        machine = self._machine
        machine.on_work = self._work
        machine.on_over = self._end
        try:
            try:
                self._stream.open(self)
                if machine.is_over:
                    self._end()
            except Exception as error:  # noqa: BLE001  # whatever it is, it must not end this
                self._failed(error)
            self._sweep.watch(self)
            await self._over
            # There may be a goodbye to write; but where nothing is taken, it cannot be waited for.
            await self._flushed.wait(FAREWELL_SECONDS)
        finally:
            with suppress(Exception):  # it has been told to end, or is told so by whoever has started this
                machine.lost("the stream has ended")
            self._is_over = self._is_awake = True  # so that nothing is woken anymore
            self._sweep.forget(self)
            await self._stream.aclose()

    # ---- what the machine tells ----------------------------------------------------------------------

    def _work(self) -> None:
        # Called for every call and reply.
        if self._is_awake:
            self._has_more = True
            return
        self._is_awake = True
        if not self.is_watched:
            self._sweep.watch(self)
        try:
            self._stream.wake()
        except Exception as error:  # noqa: BLE001  # it must not reach whoever makes a call
            self._failed(error)

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)
        # What is left to be said goes out first.
        self._work()

    # ---- what the stream tells -----------------------------------------------------------------------

    def received(self, frame: Frame) -> None:
        """See `StreamEnd`."""
        try:
            machine = self._machine
            machine.receive(frame, self._now())
            if (
                not self._is_awake and machine.owes_credit
            ):  # else the stream asks for what there is to be written
                self._owe_credit()
        except Exception as error:  # noqa: BLE001  # a defect, of which this link alone dies
            self._failed(error)

    def ended(self, error: Exception | None) -> None:
        """See `StreamEnd`."""
        machine = self._machine
        try:
            if error is None:
                machine.lost("the other side has ended the stream without a goodbye")
            elif isinstance(error, MalformedFrameError):
                machine.fail(str(error))
            elif isinstance(error, StreamBrokenError):
                machine.lost(
                    str(error),
                    has_no_link=isinstance(error, NoLinkError),
                    nobody_listens=isinstance(error, NobodyListensError),
                )
            else:
                self._failed(error)
            if machine.is_over:
                # Nobody asks for anything anymore.
                self._flushed.ring()
        except Exception as raised:  # noqa: BLE001  # as above
            self._failed(raised)

    def next_frame(self) -> Frame | None:
        """See `StreamEnd`."""
        machine = self._machine
        if self._is_over:
            return None
        with_credit, self._gives_credit = self._gives_credit, False
        self._has_more = False
        try:
            frame = machine.next_frame(self._now(), with_credit=with_credit)
            if frame is not None:
                return frame
            is_over, owes_credit = machine.is_over, machine.owes_credit
        except Exception as error:  # noqa: BLE001  # as above
            self._failed(error)
            is_over, owes_credit = False, False
        self._is_awake = False
        if self._has_more:
            # It came while the machine was asked, and may have come too late.
            self._work()
        elif is_over:
            self._flushed.ring()
        elif owes_credit:
            self._owe_credit()
        return None

    def unsendable(self, frame: Frame, error: Exception) -> None:
        """See `StreamEnd`."""
        self._failed(error, frame)

    def _owe_credit(self) -> None:
        if not self._owes_credit:
            self._owes_credit = True
            self._tasks.when_idle(self._give_credit)

    def _give_credit(self) -> None:
        self._owes_credit = False
        try:
            if not self._is_over and self._machine.owes_credit:  # it may have gone with a frame
                self._gives_credit = True
                self._work()
        except Exception as error:  # noqa: BLE001  # as above
            self._failed(error)

    # ---- what the sweep asks and tells ---------------------------------------------------------------

    @property
    def next_tick(self) -> float:
        """See `Timed`."""
        if self._is_over:
            return _NEVER
        try:
            return self._machine.next_tick
        except Exception as error:  # noqa: BLE001  # as above
            self._failed(error)
            return _NEVER

    @property
    def stays_watched(self) -> bool:
        """See `Timed`: a write may hang, and be of no help."""
        return self._is_awake and not self._is_over

    def tick(self, now: float) -> None:
        """See `Timed`."""
        try:
            self._machine.tick(now)
        except Exception as error:  # noqa: BLE001  # as above
            self._failed(error)

    # ---- the end -------------------------------------------------------------------------------------

    def _failed(self, error: Exception, unsent: Frame | None = None) -> None:
        """Have the machine end; one that fails again when it is told so is not asked for a goodbye."""
        had_failed, self._has_failed = self._has_failed, True
        machine = self._machine
        try:
            if not had_failed:
                machine.failed(error, unsent)
                return
        except Exception:  # noqa: BLE001, S110  # it was told of the first one
            pass
        with suppress(Exception):  # as above
            machine.lost("internal error")
        # Nothing is asked of it anymore.
        self._is_over = self._is_awake = True
        self._end()
        self._flushed.ring()


if TYPE_CHECKING:
    _fits: type[Pump] = LinkPump
    _end_fits: type[StreamEnd] = _Link
    _timed_fits: type[Timed] = _Link
