"""A network on virtual time: it delays, loses and cuts, as its seed and its rules say."""

import asyncio
import math
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import attrs

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.streams import (
    GIVE_UP_SECONDS,
    RETRANSMIT_SECONDS,
    Carrier,
    Flow,
    SimulatedStream,
)
from collector_mesh.adapters.simulated.trace import Trace
from collector_mesh.domain.model.errors import InvalidCallError, ListenError, UnavailableError, quoted
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

_P99 = 2.3263
"""Standard deviations beyond which 1 % of a normal distribution lies."""

_ADDRESS = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FRAME_BYTES = 64


@attrs.define
class Wire:
    """How frames travel in one direction between two hosts.

    Attributes:
        median: of the latency, in seconds; it is log-normal.
        p99: what 99 of 100 frames take at most, in seconds.
        loss: the share of packets that are lost; each is sent again after a time-out of TCP.
        bandwidth: bytes a second, `math.inf` for any number.
    """

    median: float = 0.0005
    p99: float = 0.001
    loss: float = 0.0
    bandwidth: float = math.inf
    sigma: float = attrs.field(init=False)
    """Standard deviation of the logarithm of the latency."""

    def __attrs_post_init__(self) -> None:
        self.sigma = math.log(self.p99 / self.median) / _P99


class SimulatedNetwork:
    """Every host, and what is between them.

    Args:
        loop: virtual time.
        seed: decides everything that is left to chance here.
        trace: told of every frame.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seed: str, trace: Trace) -> None:
        self.loop = loop
        self.trace = trace
        self._dice = random.Random(seed)  # noqa: S311  # to be foreseen is what it is for
        self._hosts: dict[str, Host] = {}
        self._listeners: dict[str, tuple[Host, Gateway]] = {}
        self._wires: dict[tuple[str, str], Wire] = {}
        self._cut: dict[tuple[str, str], None] = {}
        self._streams: dict[SimulatedStream, Flow] = {}

    # ---- rules ---------------------------------------------------------------------------------------

    def latency(self, one: str, other: str, *, median: float, p99: float) -> None:
        """How long frames take between two hosts, both ways; `*` stands for any host. Seconds.

        Raises:
            ValueError: the median is not positive, or above the percentile; or there is no such host.
        """
        if not 0 < median <= p99:
            raise ValueError(f"median must be over 0 and at most p99, got {median:g} and {p99:g}")
        self._set(one, other, median=median, p99=p99)

    def loss(self, one: str, other: str, share: float) -> None:
        """The share of packets that are lost between two hosts, both ways; TCP sends them again.

        Raises:
            ValueError: it is not between 0 and 0.99; or there is no such host.
        """
        if not 0 <= share <= 0.99:
            raise ValueError(f"share must be from 0 to 0.99, got {share:g}")
        self._set(one, other, loss=share)

    def bandwidth(self, one: str, other: str, bytes_per_second: float) -> None:
        """How many bytes a second pass between two hosts, each way.

        Raises:
            ValueError: it is not positive; or there is no such host.
        """
        if not bytes_per_second > 0:
            raise ValueError(f"bytes_per_second must be over 0, got {bytes_per_second:g}")
        self._set(one, other, bandwidth=bytes_per_second)

    def partition(self, *groups: Iterable[str]) -> None:
        """Let nothing pass between hosts of different groups, silently, until `heal`.

        Raises:
            ValueError: there is no such host.
        """
        sets = [sorted(group) for group in groups]
        self._check(*(host_id for group in sets for host_id in group))
        for index, group in enumerate(sets):
            for others in sets[index + 1 :]:
                for one in group:
                    for other in others:
                        self._cut[one, other] = self._cut[other, one] = None
        self.trace.fault("partition", *(",".join(group) for group in sets))

    def cut(self, source: str, sink: str) -> None:
        """Let nothing pass from one host to another, silently, until `heal`; the other way is open.

        Raises:
            ValueError: there is no such host.
        """
        self._check(source, sink)
        self._cut[source, sink] = None
        self.trace.fault("cut", source, sink)

    def clog(self, one: str, other: str) -> None:
        """Let nothing pass between two hosts, silently, until `unclog` or `heal`.

        Raises:
            ValueError: there is no such host.
        """
        self._check(one, other)
        self._cut[one, other] = self._cut[other, one] = None
        self.trace.fault("clog", one, other)

    def unclog(self, one: str, other: str) -> None:
        """Let everything pass between two hosts again.

        Raises:
            ValueError: there is no such host.
        """
        self._check(one, other)
        self._cut.pop((one, other), None)
        self._cut.pop((other, one), None)
        self.trace.fault("unclog", one, other)
        self._go_on()

    def heal(self) -> None:
        """Let everything pass again."""
        self._cut.clear()
        self.trace.fault("heal")
        self._go_on()

    def calm(self) -> None:
        """As `heal`, and nothing is lost anymore, and bandwidth is not limited."""
        for pair, wire in self._wires.items():
            self._wires[pair] = attrs.evolve(wire, loss=0.0, bandwidth=math.inf)
        self.heal()

    def _go_on(self) -> None:
        for flow in list(self._streams.values()):
            flow.heal()

    def is_cut(self, source: Host, sink: Host) -> bool:
        """Whether nothing passes."""
        return bool(self._cut) and (source.host_id, sink.host_id) in self._cut

    def draw_delay(self, source: Host, sink: Host, frame: Frame | None) -> float:
        """How long a frame takes, in seconds, with all its retransmissions."""
        wire = self._wire(source.host_id, sink.host_id)
        delay = wire.median * math.exp(wire.sigma * self._dice.gauss(0.0, 1.0))
        pause = RETRANSMIT_SECONDS
        while wire.loss and self._dice.random() < wire.loss and delay <= GIVE_UP_SECONDS:
            delay += pause
            pause *= 2
        if wire.bandwidth != math.inf and frame is not None:
            delay += _size(frame) / wire.bandwidth
        return delay

    def _check(self, *host_ids: str) -> None:
        for host_id in host_ids:
            if host_id not in self._hosts:
                known = ", ".join(self._hosts) or "none"
                raise ValueError(f"there is no collector {host_id!r}: there are {known}")

    def _set(self, one: str, other: str, **values: float) -> None:
        self._check(*(host_id for host_id in (one, other) if host_id != "*"))
        for pair in ((one, other), (other, one)):
            self._wires[pair] = attrs.evolve(self._wires.get(pair, Wire()), **values)
        self.trace.fault("wire", one, other, *(f"{name}={value:g}" for name, value in values.items()))

    def _wire(self, source: str, sink: str) -> Wire:
        wires = self._wires
        if not wires:
            return _DEFAULT
        for pair in ((source, sink), (source, "*"), ("*", sink), ("*", "*")):
            if (wire := wires.get(pair)) is not None:
                return wire
        return _DEFAULT

    # ---- streams -------------------------------------------------------------------------------------

    def dial(self, source: Host, address: str) -> SimulatedStream:
        """Open a stream; whether somebody is there is known a round trip later, if at all."""
        there = self._hosts.get(address) or Host(address)
        self.trace.note("dial", source.host_id, address)
        out, back = Flow(self, source, there), Flow(self, there, source)
        near, far = SimulatedStream(address, out), SimulatedStream(source.host_id, back)
        near.other, far.other = far, near
        out.end, back.end = far, near
        self._streams[near] = out

        def arrive() -> None:
            listener = self._listeners.get(address)
            if self.is_cut(source, there):
                return
            if listener is None or listener[0] is not there or there.is_down:
                delay = self.draw_delay(there, source, None)
                self.loop.call_later(
                    delay, near.broken, f"nobody listens at {address}", context=source.context()
                )
                return
            self._streams[far] = back
            listener[1].accept(far)

        delay = self.draw_delay(source, there, None)
        self.loop.call_later(delay, arrive, context=there.context())
        return near

    def forget(self, stream: SimulatedStream) -> None:
        """A stream was closed."""
        self._streams.pop(stream, None)

    def streams(self) -> Counter[Host]:
        """How many streams each host has open."""
        return Counter(flow.source for flow in self._streams.values())

    def half_open(self) -> Iterator[tuple[str, str]]:
        """Streams of which one end has not heard yet that the other one is gone: between whom, that one first."""
        for stream, flow in self._streams.items():
            if not stream.is_over and stream.other is not None and stream.other.is_over:
                yield flow.source.host_id, flow.sink.host_id

    def add_host(self, host: Host) -> None:
        """A host has started, in the place of an earlier one of its id."""
        self._hosts[host.host_id] = host

    def crash(self, host: Host) -> None:
        """A host has died: its connections are reset."""
        self._listeners.pop(host.host_id, None)
        for stream, flow in list(self._streams.items()):
            if flow.source is host:
                del self._streams[stream]
                flow.is_broken = True
                other = stream.other
                if other is None or self.is_cut(host, flow.sink):
                    continue
                delay = self.draw_delay(host, flow.sink, None)
                reason = f"{host.host_id} has reset the connection"
                self.loop.call_later(delay, other.broken, reason, context=flow.sink.context())

    @asynccontextmanager
    async def listen(self, host: Host, address: str, gateway: Gateway) -> AsyncIterator[Listener]:
        """Take streams for a host."""
        if address in self._listeners:
            raise ListenError(f"cannot listen on {address}: it is taken")
        self._listeners[address] = (host, gateway)
        try:
            yield _Listener(address)
        finally:
            if self._listeners.get(address, (None,))[0] is host:
                del self._listeners[address]


class _Listener:
    def __init__(self, address: str) -> None:
        self.address = self.bound = address

    async def drain(self) -> None:
        """Nobody asks for the health of a simulated listener."""


class SimulatedTransport:
    """The network as one host has it."""

    leaves_process = False

    def __init__(self, network: SimulatedNetwork, host: Host) -> None:
        self._network = network
        self._host = host

    def check_address(self, address: str) -> None:
        """See the port; an address here is the id of a collector."""
        if not address:
            raise InvalidCallError("address is required")
        if not _ADDRESS.fullmatch(address):
            raise InvalidCallError(f"address must match {_ADDRESS.pattern}, got {quoted(address)}")

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port."""
        self.check_address(address)
        return self._network.listen(self._host, address, gateway)

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port."""
        _ = is_patient
        self.check_address(address)
        return self._network.dial(self._host, address)

    def open(self, address: str) -> UnaryLink:
        """See the port; everybody here has links."""
        raise UnavailableError(f"{address} is called over a link")


_DEFAULT = Wire()


def _size(frame: Frame) -> int:
    size = _FRAME_BYTES
    for part in (frame.calls, frame.replies):
        if part is not None:
            size += sum(map(len, part.values)) + 16 * len(part.values)
    return size + sum(len(chunk.value) for chunk in frame.chunks)


if TYPE_CHECKING:
    _transport_fits: type[Transport] = SimulatedTransport
    _listener_fits: type[Listener] = _Listener
    _carrier_fits: type[Carrier] = SimulatedNetwork
