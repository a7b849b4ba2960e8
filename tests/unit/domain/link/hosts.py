"""Collectors with their links and nothing else, on a network that moves frames when a test says so."""

from collections import deque
from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, NoReturn

import attrs

from collector_mesh.app.testing.fake_links import FakeTransport
from collector_mesh.app.testing.fakes import FakeClock, FakeDice, FakeObserver, FakeTasks, run
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.health import Heartbeats
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.frame_stream import FrameStream, Machine, Pump, StreamBrokenError
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

RULES = LinkRules(probe=0.3, heartbeats=Heartbeats(interval=0.5, probe=0.3))
"""Ten times as fast as the real ones."""

STEP = 0.05


class _Pause(Awaitable[None]):
    def __await__(self) -> Generator[None, None, None]:
        yield


class HandStream:
    """One end of a stream; what is held is on its way until it is let go."""

    identity: Identity | None = None

    def __init__(self, address: str, host: "Host") -> None:
        self.address = address
        self.host = host
        self.other: HandStream | None = None
        self.engine: LinkEngine | None = None
        self.arriving: deque[Frame] = deque()
        self.is_held = False
        self.has_ended = False
        self.is_lost_silently = False

    async def read(self) -> Frame | None:
        """See the port; the pump here does without."""
        raise NotImplementedError

    async def write(self, frame: Frame) -> None:
        """See the port; the pump here does without."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """See the port."""
        self.end()

    def end(self) -> None:
        """End it at both ends; what is on its way still arrives."""
        self.has_ended = True
        if self.other is not None and not self.is_lost_silently:
            self.other.has_ended = True

    def put(self, frame: Frame) -> None:
        """Send a frame on its way."""
        if self.other is not None and not self.is_lost_silently:
            self.other.arriving.append(frame)


class HandPump:
    """Moves what there is at each step."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """See the port."""
        assert isinstance(stream, HandStream)
        assert isinstance(machine, LinkEngine)
        stream.engine = machine
        try:
            while True:
                self._move(stream, machine)
                if machine.is_over:
                    return
                await _Pause()
        finally:
            machine.lost("the stream has ended")
            stream.end()

    def _move(self, stream: HandStream, engine: LinkEngine) -> None:
        now = self._clock.time
        if engine.next_tick <= now:
            engine.tick(now)
        if not stream.is_held:
            if stream.arriving:
                engine.receive(stream.arriving.popleft(), now)
            elif stream.has_ended:
                engine.lost("the other side has ended the stream")
            elif stream.other is None:
                engine.lost(f"nobody listens at {stream.address}", nobody_listens=True)
        while (frame := engine.next_frame(now, with_credit=True)) is not None:
            stream.put(frame)


@attrs.define(eq=False)
class HandNetwork:
    """Collectors by their addresses."""

    clock: FakeClock = attrs.field(factory=FakeClock)
    listening: "dict[str, Host]" = attrs.field(factory=dict)
    hosts: "list[Host]" = attrs.field(factory=list)
    streams: list[tuple[HandStream, HandStream]] = attrs.field(factory=list)
    starts: int = 0

    def start(self, collector_id: str, address: str) -> "Host":
        """Start a collector."""
        self.starts += 1
        host = Host(collector_id, address, self, self.starts)
        self.hosts.append(host)
        self.listening[address] = host
        return host

    def pair(self, *, dialer: str = "a") -> "tuple[Host, Host]":
        """Start `a` and `b`, of which one has dialed the other."""
        a, b = self.start("a", "a:1"), self.start("b", "b:1")
        if dialer == "a":
            a.dial("b:1")
        else:
            b.dial("a:1")
        self.run(1.0)
        assert a.connection("b") is not None
        return a, b

    def step(self) -> None:
        """Let every collector that is not frozen do a bit."""
        for host in list(self.hosts):
            if not host.is_frozen:
                host.tasks.step()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until = self.clock.time + seconds
        while self.clock.time < until:
            self.clock.time += STEP
            for _ in range(2):
                self.step()

    def close(self) -> None:
        """End everything; what ends may begin something that has to end too."""
        while any(host.tasks.background for host in self.hosts):
            for host in self.hosts:
                run(host.tasks.close())

    def open_streams(self) -> list[tuple[HandStream, HandStream]]:
        """Those of which an end is open."""
        return [
            pair
            for pair in self.streams
            if any(end.engine is not None and end.engine.phase is Phase.OPEN for end in pair)
        ]


class HandTransport(FakeTransport):
    """The network as one collector sees it; they listen as soon as they are started."""

    def __init__(self, network: HandNetwork, owner: "Host") -> None:
        super().__init__()
        self.network = network
        self.owner = owner

    def dial(self, address: str, *, is_patient: bool) -> HandStream:
        """See the port."""
        _ = is_patient
        stream = HandStream(address, self.owner)
        self.owner.ends.append(stream)
        there = self.network.listening.get(address)
        if there is not None and there is not self.owner:
            other = HandStream("somebody", there)
            other.identity = self.owner.identity
            stream.other, other.other = other, stream
            self.network.streams.append((stream, other))
            there.ends.append(other)
            there.streams.accept(other)
        return stream

    def unary(self, address: str) -> NoReturn:
        """See the port; everybody here has links."""
        raise StreamBrokenError(address)


class Host:
    """A collector that has links and nothing else."""

    def __init__(self, collector_id: str, address: str, network: HandNetwork, start: int) -> None:
        self.collector_id = collector_id
        self.address = address
        self.network = network
        self.identity: Identity | None = None
        """What its streams prove to those that it dials."""
        self.is_frozen = False
        self.is_gone = False
        self.ends: list[HandStream] = []
        self.failures: list[Exception] = []
        self.tasks = FakeTasks()
        self.observer = FakeObserver()
        self.topology = Topology()
        self.access = AccessPolicy()
        self.handlers = HandlerRegistry(["users"])
        transport, dice = HandTransport(network, self), FakeDice(tokens=start * 1_000_000)
        reachability = Reachability(collector_id, self.topology, Policies())
        self.roster = Roster(
            collector_id,
            self.handlers,
            self.topology,
            reachability,
            access=self.access,
            tasks=self.tasks,
            clock=network.clock,
            observer=self.observer,
        )
        self.admission = Admission(
            collector_id,
            dice.token(),
            self.roster,
            transport=transport,
            access=self.access,
            clock=network.clock,
            probe=RULES.probe,
        )
        self.streams = Streams(
            collector_id,
            self.handlers,
            self.roster,
            self.admission,
            reachability,
            transport=transport,
            pump=HandPump(network.clock),
            tasks=self.tasks,
            clock=network.clock,
            dice=dice,
            rules=RULES,
        )
        self.admission.address = address

    def dial(self, address: str) -> None:
        """Dial in the background."""
        self.tasks.start(self._dial(address), f"dial {address}")

    async def _dial(self, address: str) -> None:
        try:
            await self.streams.dial(address, timeout=3.0)
        except (MeshError, StreamBrokenError) as error:
            self.failures.append(error)

    def crash(self, *, silently: bool) -> None:
        """End at once; if silently, others do not hear of it."""
        self.is_frozen = self.is_gone = True
        if self.network.listening.get(self.address) is self:
            del self.network.listening[self.address]
        for stream in self.ends:
            stream.is_lost_silently = silently
            if stream.other is not None and silently:
                stream.other.is_lost_silently = True
            stream.end()

    def connection(self, peer_id: str) -> Connection | None:
        """The connection to a peer, if it is up."""
        found = self.topology.get(peer_id)
        return found if found is not None and found.is_up else None

    def engines(self) -> list[LinkEngine]:
        """The links that are open."""
        engines = [stream.engine for stream in self.ends if stream.engine is not None]
        return [engine for engine in engines if engine.phase is Phase.OPEN]


if TYPE_CHECKING:
    _stream_fits: type[FrameStream] = HandStream
    _pump_fits: type[Pump] = HandPump
    _transport_fits: type[Transport] = HandTransport
