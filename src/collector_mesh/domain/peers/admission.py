"""Who may be a peer: what they say of themselves is checked, and whoever has their id already is asked."""

from collections.abc import Callable

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.pairs import Pairs
from collector_mesh.domain.model.errors import ConflictError, InvalidCallError, MeshError, quoted
from collector_mesh.domain.model.frames import Hello, Introduction, Role
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Tasks

_LOOK_SECONDS = 0.01
"""How often it is looked whether somebody has answered."""


class PeerAdmission:
    """Decides about those who have said hello, now or after a while.

    Args:
        collector_id: of this collector.
        incarnation: of this collector.
        pairs: the links of each peer.
        check_address: raises where an address is malformed.
        tasks: runs what takes a while.
        clock: tells the time.
        probe: seconds within which a collector whose id somebody else claims has to answer.
        admit: told of whoever may be a peer.
        turn_away: told of whoever may not, with the reason.
    """

    def __init__(
        self,
        collector_id: str,
        incarnation: str,
        pairs: Pairs,
        *,
        check_address: Callable[[str], None],
        tasks: Tasks,
        clock: Clock,
        probe: float,
        admit: Callable[[LinkEngine], None],
        turn_away: Callable[[LinkEngine, MeshError], None],
    ) -> None:
        self._collector_id = collector_id
        self._incarnation = incarnation
        self._pairs = pairs
        self._check_address = check_address
        self._tasks = tasks
        self._clock = clock
        self._probe = probe
        self._admit = admit
        self._turn_away = turn_away

    def check_hello(self, engine: LinkEngine, hello: Hello) -> None:
        """See that whoever has said hello may have a link.

        Raises:
            MeshError: it may not; see `check_peer`.
        """
        if hello.role == Role.CLIENT:
            return
        if hello.role != Role.COLLECTOR:
            raise InvalidCallError(f"role must be 0 (collector) or 1 (client), got {hello.role}")
        self.check_peer(hello.introduction)
        if not engine.dial:
            raise InvalidCallError("dial must be at least 1, got 0")

    def check_peer(self, peer: Introduction) -> None:
        """See that a peer may be one.

        Raises:
            InvalidCallError: it is this very collector, or what it says of itself is malformed.
            ConflictError: it has the id of this collector, or a later start of it is known.
        """
        if peer.incarnation == self._incarnation:
            raise InvalidCallError("cannot connect to itself")
        check_name("collector_id", peer.collector_id)
        if peer.collector_id == self._collector_id:
            raise ConflictError(f"collector id {quoted(self._collector_id)} is held by this collector")
        if peer.address:
            self._check_address(peer.address)
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

    def consider(self, engine: LinkEngine) -> None:
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
        until = self._clock.now() + self._probe
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
            self.check_peer(engine.peer)
        except MeshError as error:
            self._turn_away(engine, error)
            return
        # Another newcomer may have been faster.
        if self._pairs.holder_against(engine.peer) in (None, holder):
            self._admit(engine)
        else:
            self.consider(engine)
