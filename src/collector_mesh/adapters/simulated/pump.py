"""Moves frames between a simulated stream and a machine, without tasks: callbacks on virtual time."""

import asyncio
from typing import TYPE_CHECKING

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.streams import SimulatedStream
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, Machine, Pump


class SimulatedPump:
    """Pumps for one host."""

    def __init__(self, clock: Clock, host: Host) -> None:
        self._clock = clock
        self._host = host

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """See the port."""
        assert isinstance(stream, SimulatedStream)  # there are no others in a simulation
        await _Pumping(self._clock, self._host, stream, machine).run()


class _Pumping:
    def __init__(self, clock: Clock, host: Host, stream: SimulatedStream, machine: Machine) -> None:
        self._now = clock.now
        self._host = host
        self._stream = stream
        self._machine = machine
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)  # as above
        self._loop = loop
        self._context = host.context()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self._is_kicked = False
        """Whether it is about to write."""
        self._is_owing = False
        """Whether it is about to write a frame for the credit alone, if need be."""

    async def run(self) -> None:
        machine = self._machine
        machine.on_work = self._kick
        machine.on_over = self._stop
        self._stream.attach(self._receive, self._lost)
        self._kick()
        self._set_timer()
        try:
            await self._over
        finally:
            machine.lost("the stream has ended")
            self._look_for_leftovers()
            if self._timer is not None:
                self._timer.cancel()
            self._stream.close()

    def _look_for_leftovers(self) -> None:
        """See that a link that has ended keeps nothing: no call of either side, no byte."""
        machine = self._machine
        if isinstance(machine, LinkEngine) and (machine.in_flight or machine.running or machine.queued_bytes):
            self._host.left.append(
                f"{machine.in_flight} sent calls, {machine.running} taken ones and {machine.queued_bytes} bytes"
                f" of a link to {machine.peer_id or self._stream.address}"
            )

    def _kick(self) -> None:
        if not self._is_kicked:
            self._is_kicked = True
            self._loop.call_soon(self._write, context=self._context)

    def _stop(self) -> None:
        # What is left to be said goes out first.
        self._kick()

    def _write(self) -> None:
        self._is_kicked = False
        machine = self._machine
        while (frame := machine.next_frame(self._now())) is not None:
            self._stream.send(frame)
        if machine.is_over:
            if not self._over.done():
                self._over.set_result(None)
            return
        if machine.owes_credit and not self._is_owing:
            self._is_owing = True
            # Late, so that it rides on a frame that goes anyway.
            self._loop.call_at_rest(self._give_credit, self._context)
        self._set_timer()

    def _give_credit(self) -> None:
        self._is_owing = False
        machine = self._machine
        if machine.owes_credit and (frame := machine.next_frame(self._now(), with_credit=True)) is not None:
            self._stream.send(frame)

    def _receive(self, frame: Frame) -> None:
        was_kicked, self._is_kicked = self._is_kicked, True
        self._machine.receive(frame, self._now())
        if not was_kicked:  # else that is about to be done
            self._write()

    def _lost(self, reason: str) -> None:
        self._machine.lost(reason)

    def _set_timer(self) -> None:
        machine = self._machine
        when = machine.next_tick
        if self._timer is not None:
            if when >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = when
        left = max(0.0, when - self._now()) / self._host.rate
        self._timer = self._loop.call_later(left, self._tick, context=self._context)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        machine, now = self._machine, self._now()
        # Of a clock that goes at another rate the last digit is lost.
        if now + 1e-9 >= machine.next_tick:
            machine.tick(max(now, machine.next_tick))
        if machine.is_over:
            self._kick()
        else:
            self._set_timer()


if TYPE_CHECKING:
    _fits: type[Pump] = SimulatedPump
