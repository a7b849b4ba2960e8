"""A network on virtual time: it delays, loses and cuts, as its seed and its rules say."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.rules import NetworkRules
from collector_mesh.adapters.simulated.streams import Carrier, Flow, SimulatedStream
from collector_mesh.adapters.simulated.trace import Trace
from collector_mesh.domain.model.errors import ListenError, UnavailableError, quoted
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.names import check_name, text_argument
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

CONNECT_SECONDS = (1.0, 2.0, 2.0)
"""Pauses after which a connection is asked for again (RFC 6298: one second, then twice as long), and is given up at last."""

NAME_PREFIX = "dns:"
"""How what is a name and no id begins."""


class SimulatedNetwork(NetworkRules):
    """Every host, and what is between them.

    Args:
        loop: virtual time.
        seed: decides everything that is left to chance here.
        trace: told of every frame.
        codec: makes of each frame what comes out at the other end of a wire; without it they come out as they are.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seed: str,
        trace: Trace,
        *,
        codec: Callable[[Frame], Frame] | None = None,
    ) -> None:
        super().__init__(loop, seed, trace)
        self.codec = codec
        self._listeners: dict[str, tuple[Host, Gateway]] = {}
        self._dial_errors: dict[str, Callable[[], Exception]] = {}
        """What the transport of a host raises where it is asked to dial."""
        self._streams: dict[SimulatedStream, Flow] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        """Where each name leads; see `name`."""

    def _go_on(self) -> None:
        for flow in list(self._streams.values()):
            flow.heal()

    def name(self, name: str, *host_ids: str) -> None:
        """Have a name, as `dns:orders:1`, lead to hosts from now on; to none, it is not found. They need not exist yet.

        Raises:
            ValueError: it does not begin with `dns:`, as names do.
            InvalidCallError: the id of a host is malformed.
            TypeError: one of them is no text.
        """
        if not text_argument("name", name).startswith(NAME_PREFIX):
            raise ValueError(f"a name begins with {NAME_PREFIX!r}, got {quoted(name)}")
        for host_id in host_ids:
            check_name("host", text_argument("host", host_id))
        self.trace.fault("name", name, ",".join(host_ids))
        self.names[name] = host_ids

    def reset(self, one: str, other: str) -> None:
        """End every connection between two hosts, as something between them does that has lost its memory.

        Raises:
            ValueError: there is no such host.
        """
        self._check(one, other)
        self.trace.fault("reset", one, other)
        for stream, flow in list(self._streams.items()):
            if {flow.source.host_id, flow.sink.host_id} == {one, other}:
                flow.is_broken = True
                self.tell(flow.sink, flow.source, stream.broken, "the connection was reset on its way")

    def fail_dials(self, host_id: str, error: Callable[[], Exception] | None) -> None:
        """Have the transport of a host raise something wherever it is asked to dial, until it is told otherwise by None.

        Raises:
            ValueError: there is no such host.
        """
        self._check(host_id)
        self.trace.fault("fail_dials", host_id, "" if error is None else repr(error()))
        if error is None:
            self._dial_errors.pop(host_id, None)
        else:
            self._dial_errors[host_id] = error

    def calm(self) -> None:
        """See the base class; dials do not fail anymore either."""
        self._dial_errors.clear()
        super().calm()

    def dial(self, source: Host, address: str) -> SimulatedStream:
        """Open a stream; whether somebody is there is known a round trip later, if at all."""
        if (error := self._dial_errors.get(source.host_id)) is not None:
            raise error()
        there = self._hosts.get(address) or Host(address)
        self.trace.note("dial", source.host_id, address)
        out, back = Flow(self, source, there), Flow(self, there, source)
        near, far = SimulatedStream(address, out), SimulatedStream(source.host_id, back)
        near.other, far.other = far, near
        out.end, back.end = far, near
        self._streams[near] = out
        refused = f"nobody listens at {address}"
        has_arrived = False

        def arrive() -> None:
            nonlocal has_arrived
            if has_arrived or self.is_cut(source, there):
                return
            has_arrived = True
            listener = self._listeners.get(address)
            if listener is None or listener[0] is not there or there.is_down:
                self.tell(there, source, near.refused, refused)
                return
            self._streams[far] = back
            listener[1].accept(far)

        def knock(pauses: tuple[float, ...]) -> None:
            if has_arrived or near.is_over:
                return
            if not pauses:
                near.broken(f"{address} does not answer: the attempt to connect timed out")
                return
            self.tell(source, there, arrive)
            self.loop.call_later(pauses[0], knock, pauses[1:], context=source.context())

        if there.is_down and not self.is_cut(source, there):
            self.tell(there, source, near.refused, refused)
        else:
            knock(CONNECT_SECONDS)
        return near

    def tell(self, source: Host, sink: Host, callback: Callable[..., object], *arguments: object) -> None:
        """See `Carrier`."""
        delay = self.draw_delay(source, sink, None)
        if delay != math.inf:
            self.loop.call_later(delay, callback, *arguments, context=sink.context())

    def forget(self, stream: SimulatedStream) -> None:
        """A stream was closed."""
        self._streams.pop(stream, None)

    def streams(self) -> Counter[Host]:
        """How many streams each host has open."""
        return Counter(flow.source for flow in self._streams.values())

    def half_open(self) -> Iterator[tuple[str, str]]:
        """Streams of which one end has not heard yet that the other one is gone: between whom, that one first."""
        for stream, flow in self._streams.items():
            other = stream.other
            if not stream.is_over and other is not None and (other.is_over or flow.sink.is_down):
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
                self.tell(host, flow.sink, other.broken, f"{host.host_id} has reset the connection")

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

    def __init__(self, network: SimulatedNetwork, host: Host) -> None:
        self._network = network
        self._host = host

    def open(self) -> AbstractAsyncContextManager[None]:
        """See the port; it needs nothing."""
        return nullcontext()

    def is_local(self, address: str) -> bool:
        """See the port; everybody is."""
        _ = address
        return True

    def check_address(self, address: str) -> None:
        """See the port; an address here is the id of a collector."""
        check_name("address", address)

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port."""
        self.check_address(address)
        return self._network.listen(self._host, address, gateway)

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port."""
        _ = is_patient
        self.check_address(address)
        return self._network.dial(self._host, address)

    def unary(self, address: str) -> UnaryLink:
        """See the port; everybody here has links."""
        raise UnavailableError(f"{address} is called over a link")


if TYPE_CHECKING:
    _transport_fits: type[Transport] = SimulatedTransport
    _listener_fits: type[Listener] = _Listener
    _carrier_fits: type[Carrier] = SimulatedNetwork
