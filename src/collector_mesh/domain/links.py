"""Every link of a collector: who may open one, which of two to the same peer stays, what is told over them."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
from attrs.validators import ge

from collector_mesh.domain.handlers import HandlerRegistry
from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.engine import LinkEngine, LinkHost, Phase
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.health import Heartbeats, Vital
from collector_mesh.domain.link.pairs import Pairs
from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.membership import Membership
from collector_mesh.domain.model.errors import (
    ConflictError,
    InvalidCallError,
    MeshError,
    OverloadedError,
    UnavailableError,
    error_for,
    quoted,
)
from collector_mesh.domain.model.events import LinkFailed, PeerRefused
from collector_mesh.domain.model.frames import Catalog, Hello, Introduction, Limits, Role
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.snapshot import LinkEnd
from collector_mesh.domain.model.status import status_of
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, NoLinkError, Pump
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.topology import Connection, Topology

_MAX_ENDED = 32
"""How many links that have ended are told in a snapshot."""

_LOOK_SECONDS = 0.01
"""How often it is looked whether others have answered."""


@attrs.frozen
class LinkRules:
    """How many links there may be, and how they are kept.

    Attributes:
        max_links: links of a collector, clients included.
        max_silent: links whose other side has not said hello.
        max_payload_bytes: largest payload that is taken.
        probe: seconds within which a collector whose id somebody else claims has to answer.
        drain: seconds within which peers should take notice of a drain.
        goodbye: seconds that links get to say goodbye when all of them end.
        batching: how calls are put into frames.
        heartbeats: when to send signs of life.
    """

    max_links: int = attrs.field(default=1024, validator=ge(1))
    max_silent: int = attrs.field(default=64, validator=ge(1))
    max_payload_bytes: int = 4 << 20
    probe: float = 1.0
    drain: float = 1.0
    goodbye: float = 2.0
    batching: Batching = attrs.field(factory=Batching)
    heartbeats: Heartbeats = attrs.field(factory=Heartbeats)


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

    def _engine(self, *, dial: int = 0, identity: str | None = None) -> LinkEngine:
        rules = self._rules
        me = Introduction(
            collector_id=self._collector_id,
            address=self.address,
            incarnation=self.incarnation,
            catalog=self.catalog(),
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
            self._check(engine, hello)
        except MeshError as error:
            self._turn_away(engine, error)
            return
        if hello.role == Role.CLIENT:
            engine.welcome(self._dice.token(), self._shared(engine))
        else:
            self._consider(engine)

    def opened(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        try:
            peer = engine.peer
            if peer is None or peer.incarnation == self.incarnation:
                raise InvalidCallError("cannot connect to itself")
            if self.is_draining:
                raise UnavailableError(f"collector {quoted(self._collector_id)} is draining")
            self._check_peer(peer)
        except MeshError as error:
            self._turn_away(engine, error)
        else:
            self._consider(engine)

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
        connection = self._current(engine)
        if connection is None:
            return
        if engine.peer_is_draining:
            connection.state, connection.reason = "draining", "it takes no new calls"
        elif engine.vital is Vital.SUSPECT:
            connection.state, connection.reason = "suspect", "not heard of for a while"
        else:
            connection.state, connection.reason = "live", ""
        methods = engine.peer.catalog.methods if engine.peer is not None else ()
        shared = self._shared(engine)
        if shared != connection.shared_namespaces or methods != connection.methods:
            self._topology.update(connection, shared, methods)

    def ended(self, engine: LinkEngine) -> None:
        """See `LinkHost`."""
        entry = self._open.get(engine)
        address = entry.address if entry is not None else ""
        self._ended.append((self._clock.now(), engine.peer_id, address, engine.reason))
        if entry is not None and entry.opened is not None:
            entry.opened.ring()
        elif engine.has_failed and engine.refusal is None and (entry is None or entry.error is None):
            self._membership.tell(LinkFailed(self._collector_id, engine.peer_id, address, engine.reason))
        if not self._pairs.remove(engine):
            return
        connection = self._current(engine)
        self._settle(engine.peer_id)
        if connection is None or self._topology.get(engine.peer_id) is not connection:
            return
        if engine.was_clean and not connection.dialed:
            self._membership.forget(connection, engine.reason)
        else:
            self._membership.lose(connection, engine.reason)
            if connection.dialed:
                self.on_lost(connection)

    # ---- who may be a peer -------------------------------------------------------------------------

    def _check(self, engine: LinkEngine, hello: Hello) -> None:
        if self.is_draining:
            raise UnavailableError(f"collector {quoted(self._collector_id)} is draining")
        if hello.role == Role.CLIENT:
            return
        if hello.role != Role.COLLECTOR:
            raise InvalidCallError(f"role must be 0 (collector) or 1 (client), got {hello.role}")
        peer = hello.introduction
        if peer.collector_id == self._collector_id and peer.incarnation == self.incarnation:
            raise InvalidCallError("cannot connect to itself")
        self._check_peer(peer)
        if not engine.dial:
            raise InvalidCallError("dial must be at least 1, got 0")

    def _check_peer(self, peer: Introduction) -> None:
        check_name("collector_id", peer.collector_id)
        if peer.collector_id == self._collector_id:
            raise ConflictError(f"collector id {quoted(self._collector_id)} is held by this collector")
        if peer.address:
            self._transport.check_address(peer.address)
        if not peer.incarnation or len(peer.incarnation) > 64:
            raise InvalidCallError("incarnation must have 1 to 64 characters")
        for namespace in peer.catalog.namespaces:
            check_name("namespaces", namespace)
        for method in peer.catalog.methods:
            method.key.check()
        if self._pairs.is_superseded(peer.collector_id, peer.incarnation):
            raise ConflictError(
                f"this start of collector {quoted(peer.collector_id)} was superseded by a later one"
            )

    def _consider(self, engine: LinkEngine) -> None:
        """Admit a peer, unless its id is held by somebody who is still there."""
        assert engine.peer is not None  # for the type checker: it has said hello
        holder = self._pairs.holder_against(engine.peer)
        if holder is None:
            self._admit(engine)
        else:
            self._tasks.start(self._challenge(engine, holder), f"who is {engine.peer_id}")

    async def _challenge(self, engine: LinkEngine, holder: LinkEngine) -> None:
        before = holder.pongs
        holder.ask()
        until = self._clock.now() + self._rules.probe
        alarm = self._clock.alarm()
        while holder.phase is Phase.OPEN and holder.pongs == before and self._clock.now() < until:
            await alarm.wait(_LOOK_SECONDS)
        if engine.phase is Phase.ENDED:
            return
        if holder.phase is Phase.OPEN and holder.pongs > before:
            where = f" at {holder.peer.address[:100]}" if holder.peer and holder.peer.address else ""
            text = f"collector id {quoted(engine.peer_id)} is held by a live collector{where}"
            self._turn_away(engine, ConflictError(text))
            return
        assert engine.peer is not None  # for the type checker: it has said hello
        try:
            self._check_peer(engine.peer)
        except MeshError as error:
            self._turn_away(engine, error)
            return
        # Another newcomer may have been faster.
        if self._pairs.holder_against(engine.peer) in (None, holder):
            self._admit(engine)
        else:
            self._consider(engine)

    def _turn_away(self, engine: LinkEngine, error: MeshError) -> None:
        entry = self._open.get(engine)
        if entry is not None:
            entry.error = error
        if engine.phase is Phase.GREETING:
            engine.refuse(status_of(error))
        else:
            engine.refusal = status_of(error)
            engine.fail(str(error), error.code)
        address = entry.address if entry is not None else ""
        if entry is not None and entry.opened is not None:
            entry.opened.ring()
        else:
            self._membership.tell(PeerRefused(self._collector_id, engine.peer_id, address, str(error)))

    def _admit(self, engine: LinkEngine) -> None:
        for other in self._pairs.supersede(engine):
            other.fail(f"superseded by a new start of {quoted(engine.peer_id)}", code=409)
        self._pairs.add(engine)
        if engine.phase is Phase.GREETING:
            engine.welcome(self._dice.token(), self._shared(engine))
        self._settle(engine.peer_id)
        entry = self._open.get(engine)
        if entry is not None and entry.opened is not None:
            entry.opened.ring()

    # ---- which link of a pair is used --------------------------------------------------------------

    def _settle(self, peer_id: str) -> None:
        """Use the link that stays, and have the others end."""
        best = self._pairs.choose(peer_id)
        if best is None or best.peer is None:
            return
        current = self._topology.get(peer_id)
        if current is not None and current.engine is best and current.is_up:
            return
        entry = self._open.get(best)
        dialed_address = entry.address if best.is_dialer and entry is not None else ""
        earlier_dial = current.address if current is not None and current.dialed else ""
        address = dialed_address or best.peer.address or earlier_dial
        connection = Connection(
            peer_id,
            address,
            best.connection_id,
            self._shared(best),
            PeerLink(best, address, self._tasks.promise),
            dialed=best.is_dialer or (current is not None and current.dialed),
            last_news=self._clock.now(),
            engine=best,
            methods=best.peer.catalog.methods,
        )
        self._membership.adopt(connection)
        self.changed(best)

    def _current(self, engine: LinkEngine) -> Connection | None:
        """The connection that uses a link, if there is one."""
        connection = self._topology.get(engine.peer_id) if engine.peer_id else None
        return connection if connection is not None and connection.engine is engine else None

    def _shared(self, engine: LinkEngine) -> tuple[str, ...]:
        """The namespaces of both ends, in the order of the side that has dialed."""
        theirs = engine.peer.catalog.namespaces if engine.peer is not None else ()
        mine = self._handlers.namespaces
        first, second = (mine, frozenset(theirs)) if engine.is_dialer else (theirs, frozenset(mine))
        return tuple(namespace for namespace in dict.fromkeys(first) if namespace in second)

    def _has_changed(self) -> None:
        """Tell peers of what is served now; each link tells once, however often this is called."""
        earlier, self._catalog = self._catalog, None
        has_moved = earlier is None or earlier.namespaces != self._handlers.namespaces
        for engine in self._open:
            if engine.phase is not Phase.ENDED and engine.peer_role == Role.COLLECTOR:
                engine.tell_catalog()
                if has_moved and engine.phase is Phase.OPEN:
                    self.changed(engine)


def _knows_of_drain(engine: LinkEngine) -> bool:
    return engine.draining_was_seen or engine.phase is Phase.ENDED


def _not_ready(taken: TakenCall) -> None:
    raise RuntimeError(f"nobody runs calls yet: {taken.call.key}")


def _ignore(_connection: Connection) -> None:
    """Tell nobody of a lost peer."""


if TYPE_CHECKING:
    _fits: type[LinkHost] = Links
