"""Every link of a collector: who may open one, which of two to the same peer stays, what is told over them."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.pairs import Pairs
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.errors import (
    MeshError,
    OverloadedError,
    UnavailableError,
    error_for,
    quoted,
)
from collector_mesh.domain.model.events import Defect, LinkFailed, PeerRefused
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Role
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import LinkEnd
from collector_mesh.domain.model.status import status_of
from collector_mesh.domain.peers.admission import PeerAdmission
from collector_mesh.domain.peers.adoption import Adoption
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, NoLinkError, Pump
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.membership import Membership
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

_MAX_ENDED = 32
"""How many links that have ended are told in a snapshot."""

_LOOK_SECONDS = 0.01
"""How often it is looked whether others have answered."""


@attrs.define(eq=False)
class _Open:
    """A link that is open, and what is waited for on it."""

    address: str
    opened: Alarm | None = None
    error: MeshError | None = None


class Links:
    """Opens links and takes them, and keeps the topology right about what comes of them."""

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        topology: Topology,
        membership: Membership,
        *,
        transport: Transport,
        pump: Pump,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        rules: LinkRules,
        policies: Policies | None = None,
    ) -> None:
        self.address = ""
        """Where peers dial this collector, empty while it does not listen."""
        self.is_draining = False
        """Whether new links are refused."""
        self.take_call: Callable[[TakenCall], None] = _not_ready
        """Runs what comes over a link."""
        self.on_lost: Callable[[Connection], None] = _ignore
        """Told of a peer that is wanted and has gone."""
        self.incarnation = dice.token()
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self._membership = membership
        self._transport = transport
        self._pump = pump
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._rules = rules
        self._pairs = Pairs(collector_id)
        self._admission = PeerAdmission(
            collector_id,
            self.incarnation,
            self._pairs,
            check_address=transport.check_address,
            tasks=tasks,
            clock=clock,
            probe=rules.probe,
            admit=self._admit,
            turn_away=self._turn_away,
        )
        self._adoption = Adoption(
            handlers,
            topology,
            membership,
            self._pairs,
            tasks=tasks,
            clock=clock,
            address_of=self._address_of,
        )
        self._reachability = Reachability(collector_id, topology, policies or Policies())
        self._open: dict[LinkEngine, _Open] = {}
        self._dials = 0
        self._ended: deque[tuple[float, str, str, str]] = deque(maxlen=_MAX_ENDED)
        self._catalog: Catalog | None = None
        handlers.on_change = self._has_changed

    # ---- for a snapshot ----------------------------------------------------------------------------

    @property
    def clients(self) -> int:
        """Links of programs outside the mesh."""
        return sum(
            1 for engine in self._open if engine.peer_role == Role.CLIENT and engine.phase is Phase.OPEN
        )

    @property
    def recently_ended(self) -> tuple[LinkEnd, ...]:
        """The links that have ended last, the latest first."""
        now = self._clock.now()
        return tuple(
            LinkEnd(peer, address, reason, now - at) for at, peer, address, reason in reversed(self._ended)
        )

    # ---- opening -----------------------------------------------------------------------------------

    def accept(self, stream: FrameStream) -> None:
        """Take a stream that somebody has opened."""
        engine = self._engine(identity=stream.identity)
        silent = sum(
            other.peer is None and not other.is_dialer and not other.has_failed for other in self._open
        )
        if self._is_full():
            engine.fail(f"there are {self._rules.max_links} links already, and no more are taken", code=429)
        elif silent >= self._rules.max_silent:
            engine.fail(f"{silent} others have opened a link and said nothing yet", code=429)
        self._start(engine, stream, _Open(stream.address))

    async def dial(self, address: str, *, timeout: float) -> Connection:
        """Open a link to whoever is at an address; give the connection to that peer.

        Raises:
            NoLinkError: whoever is there does not know of links.
            UnavailableError: nobody has answered within so many seconds.
            MeshError: the other side, or this one, does not want the link.
        """
        if self._is_full():
            raise OverloadedError(f"there are {self._rules.max_links} links already")
        stream = self._transport.dial(address, is_patient=True)
        self._dials += 1
        engine = self._engine(dial=self._dials)
        entry = _Open(address, self._clock.alarm())
        self._start(engine, stream, entry)
        assert entry.opened is not None  # for the type checker: it has just been made
        try:
            is_answered = await entry.opened.wait(timeout)
        except BaseException:
            engine.lost("not wanted anymore")
            raise
        finally:
            entry.opened = None
        connection = self._topology.get(engine.peer_id) if engine.peer_id else None
        # It may have ended already, because another link of the pair stays.
        if is_answered and entry.error is None and connection is not None and connection.is_up:
            return connection
        raise self._failure(engine, entry, address, timeout, is_answered=is_answered)

    def _failure(
        self, engine: LinkEngine, entry: _Open, address: str, timeout: float, *, is_answered: bool
    ) -> Exception:
        if not is_answered:
            engine.lost(f"no answer within {timeout:g} s")
            return UnavailableError(f"nobody has answered at {address} within {timeout:g} s")
        if engine.has_no_link:
            return NoLinkError(engine.reason)
        if entry.error is not None:
            return entry.error
        refusal = engine.refusal
        if refusal is not None:
            text = refusal.message or f"status {refusal.code}"
            return error_for(refusal.code, f"{address} refuses: {text}", refusal.details)
        return UnavailableError(engine.reason)

    def _engine(self, *, dial: int = 0, identity: Identity | None = None) -> LinkEngine:
        rules = self._rules
        me = Introduction(
            collector_id=self._collector_id,
            address=self.address,
            incarnation=self.incarnation,
            catalog=self.catalog(),
            labels=rules.labels,
            weight=rules.weight,
            limits=Limits(rules.max_payload_bytes, rules.batching.window),
        )
        return LinkEngine(
            me,
            self,
            now=self._clock.now(),
            dial=dial,
            batching=rules.batching,
            heartbeats=rules.heartbeats,
            identity=identity,
        )

    def _start(self, engine: LinkEngine, stream: FrameStream, entry: _Open) -> None:
        self._open[engine] = entry
        self._tasks.start(self._run(engine, stream), f"link with {stream.address}")

    async def _run(self, engine: LinkEngine, stream: FrameStream) -> None:
        try:
            await self._pump.run(stream, engine)
        finally:
            engine.lost("the stream has ended")
            del self._open[engine]

    def _is_full(self) -> bool:
        return len(self._open) >= self._rules.max_links

    # ---- the end -----------------------------------------------------------------------------------

    async def announce_drain(self) -> None:
        """Tell everybody that no new calls are taken, and wait until they know, but not for long."""
        self.is_draining = True
        told = [engine for engine in self._open if engine.phase is Phase.OPEN]
        for engine in told:
            engine.tell_draining()
        until = self._clock.now() + self._rules.drain
        alarm = self._clock.alarm()
        while self._clock.now() < until and not all(_knows_of_drain(engine) for engine in told):
            await alarm.wait(_LOOK_SECONDS)

    async def close(self) -> None:
        """Say goodbye on every link and wait until all have ended, but not for long."""
        for engine in list(self._open):
            if engine.phase is Phase.GREETING:
                engine.lost("the collector has ended")
            engine.close(503, f"collector {quoted(self._collector_id)} has ended")
        until = self._clock.now() + self._rules.goodbye
        alarm = self._clock.alarm()
        while self._open and self._clock.now() < until:
            await alarm.wait(_LOOK_SECONDS)
        for engine in list(self._open):
            engine.lost("the collector has ended")

    def leave(self, connection: Connection) -> None:
        """Have the links to a peer end once what is under way on them is done."""
        for engine in self._pairs.of(connection.peer_id):
            self._pairs.remove(engine)
            engine.tell_draining()
            engine.retire("disconnected")

    # ---- what engines tell -------------------------------------------------------------------------

    def catalog(self) -> Catalog:
        """See `LinkHost`."""
        if self._catalog is None:
            methods = tuple(method.info for method in self._handlers.methods)
            self._catalog = Catalog(self._handlers.namespaces, methods)
        return self._catalog

    def greeted(self, engine: LinkEngine, hello: Hello) -> None:
        """See `LinkHost`."""
        try:
            self._check_open()
            self._admission.check_hello(engine, hello)
        except MeshError as error:
            self._turn_away(engine, error)
            return
        if hello.role == Role.CLIENT:
            engine.welcome(self._dice.token(), self._adoption.shared(engine))
        else:
            self._admission.consider(engine)

    def opened(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        assert engine.peer is not None  # for the type checker: it has answered
        try:
            self._check_open()
            self._admission.check_peer(engine.peer)
        except MeshError as error:
            self._turn_away(engine, error)
        else:
            self._admission.consider(engine)

    def confirmed(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        if engine.peer_role == Role.COLLECTOR:
            self._settle(engine.peer_id)

    def take(self, engine: LinkEngine, taken: TakenCall) -> None:
        """See `LinkHost`."""
        _ = engine
        self.take_call(taken)

    def changed(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        self._adoption.changed(engine)
        self._reachability.changed(engine.peer_id)

    def reached(self, engine: LinkEngine, news: tuple[Reach, ...]) -> None:
        """See `LinkHost`."""
        self._reachability.heard(engine, news)

    def ended(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        entry, address = self._open.get(engine), self._address_of(engine)
        self._ended.append((self._clock.now(), engine.peer_id, address, engine.reason))
        if entry is not None and entry.opened is not None:
            entry.opened.ring()
        elif engine.has_failed and engine.refusal is None and (entry is None or entry.error is None):
            self._membership.tell(LinkFailed(self._collector_id, engine.peer_id, address, engine.reason))
        if not self._pairs.remove(engine):
            self._reachability.ended(engine)
            return
        connection = self._adoption.current(engine)
        self._adoption.settle(engine.peer_id)
        self._has_gone(engine, connection)
        self._reachability.ended(engine)

    def failed(self, engine: LinkEngine, error: Exception) -> None:
        """See `LinkHost`."""
        where = f"the link to {quoted(engine.peer_id) if engine.peer_id else self._address_of(engine)}"
        self._membership.tell(Defect(self._collector_id, where, error))

    def _has_gone(self, engine: LinkEngine, connection: Connection | None) -> None:
        if connection is None or self._topology.get(engine.peer_id) is not connection:
            return
        if engine.was_clean and not connection.dialed:
            self._membership.forget(connection, engine.reason)
        else:
            self._membership.lose(connection, engine.reason)
            if connection.dialed:
                self.on_lost(connection)

    # ---- who comes in ------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self.is_draining:
            raise UnavailableError(f"collector {quoted(self._collector_id)} is draining")

    def _turn_away(self, engine: LinkEngine, error: MeshError) -> None:
        entry = self._open.get(engine)
        if entry is not None:
            entry.error = error
        if engine.phase is Phase.GREETING:
            engine.refuse(status_of(error))
        else:
            engine.refusal = status_of(error)
            engine.fail(str(error), error.code)
        if entry is not None and entry.opened is not None:
            entry.opened.ring()
        else:
            address = self._address_of(engine)
            self._membership.tell(PeerRefused(self._collector_id, engine.peer_id, address, str(error)))

    def _admit(self, engine: LinkEngine) -> None:
        for other in self._pairs.supersede(engine):
            other.fail(f"superseded by a new start of {quoted(engine.peer_id)}", code=409)
        self._pairs.add(engine)
        if engine.phase is Phase.GREETING:
            engine.welcome(self._dice.token(), self._adoption.shared(engine))
        self._settle(engine.peer_id)
        entry = self._open.get(engine)
        if entry is not None and entry.opened is not None:
            entry.opened.ring()

    def _settle(self, peer_id: str) -> None:
        self._adoption.settle(peer_id)
        self._reachability.changed(peer_id)

    def _address_of(self, engine: LinkEngine) -> str:
        entry = self._open.get(engine)
        return entry.address if entry is not None else ""

    def _has_changed(self) -> None:
        """Tell peers of what is served now; each link tells once, however often this is called."""
        earlier, self._catalog = self._catalog, None
        has_moved = earlier is None or earlier.namespaces != self._handlers.namespaces
        for engine in self._open:
            if engine.phase is not Phase.ENDED and engine.peer_role == Role.COLLECTOR:
                engine.tell_catalog()
                if has_moved and engine.phase is Phase.OPEN:
                    self._adoption.changed(engine)
        if has_moved:
            self._reachability.all_changed()


def _knows_of_drain(engine: LinkEngine) -> bool:
    return engine.draining_was_seen or engine.phase is Phase.ENDED


def _not_ready(taken: TakenCall) -> None:
    raise RuntimeError(f"nobody runs calls yet: {taken.call.key}")


def _ignore(_connection: Connection) -> None:
    """Tell nobody of a lost peer."""


if TYPE_CHECKING:
    _fits: type[LinkHost] = Links
