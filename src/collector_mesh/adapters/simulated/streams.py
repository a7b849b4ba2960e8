"""Streams between simulated hosts: reliable and ordered, as TCP is, and delayed, held or broken as it is."""

import asyncio
import math
from bisect import insort
from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.trace import Trace
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    NobodyListensError,
    PushStream,
    StreamBrokenError,
    StreamEnd,
    UnsendableFrameError,
)

RETRANSMIT_SECONDS = 0.2
"""The first time-out of TCP; each next one is twice as long (Linux: TCP_RTO_MIN)."""

GIVE_UP_SECONDS = 15.0
"""Seconds without an acknowledgement after which the connection breaks."""


class Carrier(Protocol):
    """What streams go over: the network."""

    loop: asyncio.AbstractEventLoop
    trace: Trace
    codec: Callable[[Frame], Frame] | None
    """Makes of a frame what comes out at the other end of a wire; None where frames come out as they are."""

    def is_cut(self, source: Host, sink: Host) -> bool:
        """Whether nothing passes from one host to another."""
        ...

    def draw_delay(self, source: Host, sink: Host, frame: Frame | None) -> float:
        """How long a frame takes, in seconds, with all its retransmissions; `math.inf` if the sender gives up."""
        ...

    def tell(self, source: Host, sink: Host, callback: Callable[..., object], *arguments: object) -> None:
        """Call something at a host when a word from another one comes there, if it does."""
        ...

    def forget(self, stream: "SimulatedStream") -> None:
        """A stream was closed."""
        ...


class Flow:
    """One direction of one stream: reliable and ordered, as TCP is."""

    def __init__(self, network: Carrier, source: Host, sink: Host) -> None:
        self.network = network
        self.source = source
        self.sink = sink
        self.end: SimulatedStream | None = None
        """Where it comes out, once there is somebody."""
        self.is_broken = False
        self.is_given_up = False
        """Whether something was lost too often: the stream breaks when TCP has lost its patience."""
        self.last_arrival = 0.0
        """When what was sent last comes out."""
        self._sent = 0
        self._held: list[tuple[int, float, Frame | None, Frame | None]] = []
        """What does not pass: the number of each frame, when it was sent, the frame, and as what it comes out."""
        self._context = sink.context()
        """In which frames arrive; nothing else runs in it, so that it is never entered twice."""

    def send(self, frame: Frame | None, out: Frame | None = None) -> None:
        """Carry a frame, or the end of the stream; `out` is as what a frame comes out, if not as it is."""
        network = self.network
        if self.is_broken or self.is_given_up or self.source.is_down:
            return
        now = network.loop.time()
        network.trace.frame(self.source.host_id, self.sink.host_id, frame)
        self._sent += 1
        number = self._sent
        if self._held or network.is_cut(self.source, self.sink):
            self._hold(number, now, frame, out)
            return
        delay = network.draw_delay(self.source, self.sink, frame)
        if delay == math.inf:
            # Nothing that comes behind it arrives either.
            self.is_given_up = True
            network.loop.call_at(now + GIVE_UP_SECONDS, self.break_off)
            return
        self.last_arrival = max(self.last_arrival, now + delay)
        if self.sink.is_down:
            network.loop.call_at(self.last_arrival, self._reset, context=self.source.context())
            return
        if frame is not None and frame.control is not None:
            network.trace.advertised(frame.control, self.last_arrival)
        network.loop.call_at(self.last_arrival, self._arrive, number, now, frame, out, context=self._context)

    def heal(self) -> None:
        """What was held is sent again at the next time-out of TCP."""
        if self._held and not self.network.is_cut(self.source, self.sink):
            held, self._held = self._held, []
            first, now = held[0][1], self.network.loop.time()
            due, pause = first, RETRANSMIT_SECONDS
            while due < now:
                due += pause
                pause *= 2
            self.last_arrival = max(self.last_arrival, due)
            for _, _, frame, out in held:
                self.send(frame, out)

    def break_off(self) -> None:
        """The sender gives up: nothing arrives anymore, and it is told."""
        if not self.is_broken and self.end is not None and self.end.other is not None:
            self.end.other.broken(f"{self.sink.host_id} does not answer: the connection timed out")

    def _hold(self, number: int, sent_at: float, frame: Frame | None, out: Frame | None) -> None:
        """Keep what does not pass, in order: what was on its way may come here after what was sent later."""
        insort(self._held, (number, sent_at, frame, out), key=itemgetter(0))
        self.network.loop.call_at(sent_at + GIVE_UP_SECONDS, self._look, sent_at)

    def _look(self, since: float) -> None:
        if self._held and self._held[0][1] <= since:
            self.break_off()

    def _arrive(self, number: int, sent_at: float, frame: Frame | None, out: Frame | None) -> None:
        if self.is_broken or self.end is None:
            return
        if self.end.is_broken:
            self._reset()
        elif self.network.is_cut(self.source, self.sink):
            self._hold(number, sent_at, frame, out)
        elif frame is None:
            self.end.broken("the other side has ended the stream")
        else:
            self.end.take(frame if out is None else out)

    def _reset(self) -> None:
        """Nobody is there anymore: the TCP of that machine tells whoever has written."""
        network, end = self.network, self.end
        writer = None if end is None else end.other
        if end is None or writer is None or writer.is_over or network.is_cut(self.sink, self.source):
            return
        delay = network.draw_delay(self.sink, self.source, None)
        if delay != math.inf:
            # Not before what was said there while somebody was: a goodbye, it may be.
            due = max(network.loop.time() + delay, end.last_arrival)
            reason = f"{self.sink.host_id} has reset the connection"
            network.loop.call_at(due, writer.broken, reason, context=self.source.context())


class SimulatedStream:
    """One end of a stream, which pushes."""

    identity: Identity | None = None

    def __init__(self, address: str, out: Flow) -> None:
        self.address = address
        self.other: SimulatedStream | None = None
        self._out = out
        self._end: StreamEnd | None = None
        self._early: list[Frame] = []
        self._reason = ""
        self._was_refused = False
        """Whether nobody listens at the other end."""
        self._is_closed = False
        self._is_asking = False
        """Whether it asks for a frame, or is about to."""
        self._is_woken = False
        """Whether somebody has had something to write while a frame was given;"""
        self._context = out.source.context()
        """In which it asks; nothing else runs in it, so that it is never entered twice."""

    @property
    def is_over(self) -> bool:
        """Whether nothing comes out of it anymore."""
        return bool(self._reason)

    @property
    def last_arrival(self) -> float:
        """When what was written last comes to the other end, at the latest that is known."""
        return self._out.last_arrival

    @property
    def is_broken(self) -> bool:
        """Whether it has ended without a last word: nothing of it arrives anymore."""
        return self._out.is_broken

    def open(self, end: StreamEnd) -> None:
        """See the port."""
        self._end = end
        self.wake()

    def wake(self) -> None:
        """See the port."""
        self._is_woken = True
        if not self._is_asking:
            self._is_asking = True
            self._out.network.loop.call_soon(self._begin, context=self._context)

    def _begin(self) -> None:
        """Give what came before anybody was here, and ask."""
        end = self._end
        assert end is not None  # for the type checker: it is open
        if self._early:
            early, self._early = self._early, []
            for frame in early:
                end.received(frame)
        if self._reason:
            self._has_ended()
        self._ask(end)

    def _ask(self, end: StreamEnd) -> None:
        # From now on whoever wakes it has to be asked again.
        self._is_asking = False
        out = self._out
        codec = out.network.codec
        while not self._is_closed and (frame := end.next_frame()) is not None:
            try:
                out.send(frame, None if codec is None else codec(frame))
            except UnsendableFrameError as error:
                end.unsendable(frame, error)

    def take(self, frame: Frame) -> None:
        """A frame has come."""
        end = self._end
        if self._reason:
            return
        if end is None or self._early:
            self._early.append(frame)
            return
        if self._is_asking:
            end.received(frame)
            return
        self._is_asking, self._is_woken = True, False
        end.received(frame)
        self._is_asking = False
        if self._is_woken:
            self._ask(end)

    def broken(self, reason: str) -> None:
        """Nothing comes anymore, and nothing that is written arrives."""
        if not self._reason:
            self._reason = reason
            self._out.is_broken = True
            if not self._early:
                self._has_ended()

    def _has_ended(self) -> None:
        if self._end is not None and not self._is_closed:
            kind = NobodyListensError if self._was_refused else StreamBrokenError
            self._end.ended(kind(self._reason))

    def refused(self, reason: str) -> None:
        """Nobody listens at the other end."""
        self._was_refused = True
        self.broken(reason)

    def close(self) -> None:
        """End it: what was written before still arrives."""
        self._is_closed = True
        if not self._reason:
            self._out.send(None)
            self._reason = "closed"
        self._out.network.forget(self)

    async def read(self) -> Frame | None:
        """It pushes, and that alone."""
        raise StreamBrokenError("a simulated stream pushes what comes")

    async def write(self, frame: Frame) -> None:
        """See the port."""
        self._out.send(frame)

    async def aclose(self) -> None:
        """See the port."""
        self.close()


if TYPE_CHECKING:
    _fits: type[FrameStream] = SimulatedStream
    _pushes: type[PushStream] = SimulatedStream
