"""Peers that may no longer be peers, or serve what they have told of, by rules that have changed while they were connected."""

from collections.abc import Sequence

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import MeshError, UnavailableError
from collector_mesh.domain.model.events import PeerRefused
from collector_mesh.domain.model.frames import Role
from collector_mesh.domain.peers.arrivals import Arrivals
from collector_mesh.domain.peers.open_links import OpenLinks
from collector_mesh.domain.peers.renewals import Renewals, is_in_use
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.topology.reachability import Reachability

_AT_ONCE = 16
"""Peers that are looked at in one go: each may have thousands of methods."""

_Dismissed = tuple[LinkEngine, MeshError]

_UNTRUSTED = "it has proved who it is before other authorities were trusted, and not since"


class Dismissals:
    """Has links end whose other sides would not be admitted now: with a goodbye, once their calls are answered.

    Args:
        collector_id: of this collector.
        links: those that there are.
        arrivals: says who may be a peer, as of those who come.
        roster: who the peers are.
        reachability: who is reached through them.
        renewals: make links anew over which more may be told now.
        tasks: waits in the background for calls under way.
        clock: tells the time.
    """

    def __init__(
        self,
        collector_id: str,
        links: OpenLinks,
        arrivals: Arrivals,
        roster: Roster,
        reachability: Reachability,
        renewals: Renewals,
        *,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self._collector_id = collector_id
        self._links = links
        self._arrivals = arrivals
        self._roster = roster
        self._reachability = reachability
        self._renewals = renewals
        self._tasks = tasks
        self._clock = clock

    async def look(self, patience: float) -> tuple[str, ...]:
        """Look at everybody who is connected; give the ids of those who have to go.

        Args:
            patience: seconds that calls under way may take to finish.
        """
        gone: list[_Dismissed] = []
        for number, engine in enumerate(self._links):
            if number % _AT_ONCE == _AT_ONCE - 1:
                await self._clock.alarm().wait(0)
            if not is_in_use(engine):
                continue
            if (error := self._arrivals.refusal(engine)) is not None:
                self._dismiss(engine, error)
                gone.append((engine, error))
            elif engine.peer_role == Role.COLLECTOR:
                self._reachability.look_again(engine, engine.sieve)
                if engine.sieve.gains():
                    self._renewals.renew(engine)
        if gone:
            self._tasks.start(self._end(gone, patience), "end links of those who may have them no longer")
        peers = [engine.peer_id for engine, _ in gone if engine.peer_role == Role.COLLECTOR]
        return tuple(dict.fromkeys((*peers, *self._look_at_linkless())))

    def _look_at_linkless(self) -> list[str]:
        gone = []
        for connection, way in self._roster.linkless:
            way.ask_again()
            error = self._arrivals.refusal_of_linkless(connection, way)
            if error is not None:
                gone.append(connection.peer_id)
                self._tell(connection.peer_id, connection.address, error)
                self._roster.forget(connection, str(error))
        return gone

    def end_older(self, patience: float, *, calls: float) -> None:
        """Have links end that were made before now, by those who do not make them anew: whom is trusted has changed.

        Args:
            patience: seconds that they may take to make them anew.
            calls: seconds that calls under way may take to finish after that.
        """
        self._tasks.start(
            self._end_older(self._clock.now(), patience, calls), "end links of other authorities"
        )

    async def _end_older(self, since: float, patience: float, calls: float) -> None:
        await self._clock.alarm().wait(patience)
        error = UnavailableError(_UNTRUSTED)
        gone = [(engine, error) for engine in self._links if is_in_use(engine) and engine.began <= since]
        for engine, _ in gone:
            self._dismiss(engine, error)
        await self._end(gone, calls)

    def _dismiss(self, engine: LinkEngine, error: MeshError) -> None:
        peer_id, address = engine.peer_id, self._links.address_of(engine)
        if engine.peer_role == Role.COLLECTOR:
            self._tell(peer_id, address, error)
        connection = self._roster.connection(peer_id)
        if connection is not None and connection.way is engine:
            self._roster.forget(connection, str(error))
        engine.tell_draining()
        engine.retire(str(error))

    def _tell(self, peer_id: str, address: str, error: MeshError) -> None:
        self._roster.tell(PeerRefused(self._collector_id, peer_id, address, str(error)))

    async def _end(self, gone: Sequence[_Dismissed], patience: float) -> None:
        await self._clock.alarm().wait(patience)
        for engine, error in gone:
            if engine.phase is Phase.OPEN:
                engine.close(error.code, str(error))
