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
from collector_mesh.domain.ports.frame_stream import FrameStream, StreamBrokenError

RETRANSMIT_SECONDS = 0.2
"""The first time-out of TCP; each next one is twice as long (Linux: TCP_RTO_MIN)."""

GIVE_UP_SECONDS = 15.0
"""So long nothing is acknowledged, and the connection breaks."""


class Carrier(Protocol):
    """What streams go over: the network."""

    loop: asyncio.AbstractEventLoop
    trace: Trace

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
        self._last_arrival = 0.0
        self._sent = 0
        self._held: list[tuple[int, float, Frame | None]] = []
        """What does not pass: the number of each frame, when it was sent, and the frame; in the order of the numbers."""
        self._context = sink.context()
        """In which frames arrive; nothing else runs in it, so that it is never entered twice."""

    def send(self, frame: Frame | None) -> None:
        """Carry a frame, or the end of the stream."""
        network = self.network
        if self.is_broken or self.is_given_up or self.source.is_down:
            return
        now = network.loop.time()
        network.trace.frame(self.source.host_id, self.sink.host_id, frame)
        self._sent += 1
        number = self._sent
        if self._held or network.is_cut(self.source, self.sink):
            self._hold(number, now, frame)
            return
        if self.sink.is_down:
            self._reset()
            return
        delay = network.draw_delay(self.source, self.sink, frame)
        if delay == math.inf:
            # Nothing that comes behind it arrives either.
            self.is_given_up = True
            network.loop.call_at(now + GIVE_UP_SECONDS, self.break_off)
            return
        self._last_arrival = max(self._last_arrival, now + delay)
        if frame is not None and frame.control is not None:
            network.trace.advertised(frame.control, self._last_arrival)
        network.loop.call_at(self._last_arrival, self._arrive, number, now, frame, context=self._context)

    def heal(self) -> None:
        """What was held is sent again at the next time-out of TCP."""
        if self._held and not self.network.is_cut(self.source, self.sink):
            held, self._held = self._held, []
            first, now = held[0][1], self.network.loop.time()
            due, pause = first, RETRANSMIT_SECONDS
            while due < now:
                due += pause
                pause *= 2
            self._last_arrival = max(self._last_arrival, due)
            for _, _, frame in held:
                self.send(frame)

    def break_off(self) -> None:
        """The sender gives up: nothing arrives anymore, and it is told."""
        if not self.is_broken and self.end is not None and self.end.other is not None:
            self.end.other.broken(f"{self.sink.host_id} does not answer: the connection timed out")

    def _hold(self, number: int, sent_at: float, frame: Frame | None) -> None:
        """Keep what does not pass, in order: what was on its way may come here after what was sent later."""
        insort(self._held, (number, sent_at, frame), key=itemgetter(0))
        self.network.loop.call_at(sent_at + GIVE_UP_SECONDS, self._look, sent_at)

    def _look(self, since: float) -> None:
        if self._held and self._held[0][1] <= since:
            self.break_off()

    def _arrive(self, number: int, sent_at: float, frame: Frame | None) -> None:
        if self.is_broken or self.end is None:
            return
        if self.end.is_broken:
            self._reset()
        elif self.network.is_cut(self.source, self.sink):
            self._hold(number, sent_at, frame)
        elif frame is None:
            self.end.broken("the other side has ended the stream")
        else:
            self.end.take(frame)

    def _reset(self) -> None:
        """Nobody is there anymore: the TCP of that machine tells whoever has written."""
        network, end = self.network, self.end
        writer = None if end is None else end.other
        if writer is None or writer.is_over or network.is_cut(self.sink, self.source):
            return
        network.tell(self.sink, self.source, writer.broken, f"{self.sink.host_id} has reset the connection")


class SimulatedStream:
    """One end of a stream."""

    identity: Identity | None = None

    def __init__(self, address: str, out: Flow) -> None:
        self.address = address
        self.other: SimulatedStream | None = None
        self._out = out
        self._on_frame: Callable[[Frame], None] | None = None
        self._on_lost: Callable[[str], None] | None = None
        self._early: list[Frame] = []
        self._reason = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing comes out of it anymore."""
        return bool(self._reason)

    @property
    def is_broken(self) -> bool:
        """Whether it has ended without a last word: nothing of it arrives anymore."""
        return self._out.is_broken

    def attach(self, on_frame: Callable[[Frame], None], on_lost: Callable[[str], None]) -> None:
        """Have somebody told of what comes."""
        self._on_frame, self._on_lost = on_frame, on_lost
        early, self._early = self._early, []
        for frame in early:
            on_frame(frame)
        if self._reason:
            on_lost(self._reason)

    def send(self, frame: Frame) -> None:
        """Write a frame."""
        self._out.send(frame)

    def take(self, frame: Frame) -> None:
        """A frame has come."""
        if self._reason:
            return
        if self._on_frame is None:
            self._early.append(frame)
        else:
            self._on_frame(frame)

    def broken(self, reason: str) -> None:
        """Nothing comes anymore, and nothing that is written arrives."""
        if not self._reason:
            self._reason = reason
            self._out.is_broken = True
            if self._on_lost is not None:
                self._on_lost(reason)

    def close(self) -> None:
        """End it: what was written before still arrives."""
        if not self._reason:
            self._out.send(None)
            self._reason = "closed"
        self._out.network.forget(self)

    async def read(self) -> Frame | None:
        """Only a simulated pump moves frames here."""
        raise StreamBrokenError("a simulated stream is read by a simulated pump")

    async def write(self, frame: Frame) -> None:
        """See the port."""
        self.send(frame)

    async def aclose(self) -> None:
        """See the port."""
        self.close()


if TYPE_CHECKING:
    _fits: type[FrameStream] = SimulatedStream
