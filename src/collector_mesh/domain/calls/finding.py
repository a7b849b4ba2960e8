"""Who gets a call next, and why nobody does."""

from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.calls.waiting import WaitingCalls
from collector_mesh.domain.model.errors import MeshError, NotFoundError
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.routing.refusals import Refusals, listed
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.topology.candidates import Candidate
from collector_mesh.domain.topology.topology import Topology


class Finder:
    """Finds somebody for a call, in turn.

    Args:
        checks: whether this collector is draining.
        router: chooses.
        topology: who is connected.
        keeping: dials those who are gone.
        refusals: says why nobody can take a call.
        waiting: has calls wait for those who are dialed.
        dice: for the choice.
    """

    def __init__(
        self,
        checks: CallChecks,
        router: Router,
        topology: Topology,
        keeping: Keeping,
        refusals: Refusals,
        waiting: WaitingCalls,
        dice: Randomness,
    ) -> None:
        self._checks = checks
        self._router = router
        self._topology = topology
        self._keeping = keeping
        self._refusals = refusals
        self._waiting = waiting
        self._dice = dice

    def next(self, state: RetryState, now: float) -> Candidate | None:
        """Who is tried now; None if there is nobody, or not yet.

        Raises:
            MeshError: the target is malformed, cannot be found, or cannot have the method.
        """
        if state.call.target:
            return self._target(state, now)
        candidate = self._router.choose(state.call, tried=state.asked, now=now, dice=self._dice)
        if candidate is None:
            # Whoever could have taken the call over is not there anymore: the one that was given up gets the time
            # that is left.
            candidate, state.cut_short = state.cut_short, None
        return candidate

    def _target(self, state: RetryState, now: float) -> Candidate | None:
        target = state.call.target
        try:
            candidate = self._router.target(state.call)
        except NotFoundError:
            if self._topology.get(target) is not None:
                raise
            if self._has_left:
                raise self._checks.draining() from None
            # It may be one of those who have not said yet who they are.
            if self._waiting.may(state, now):
                return None
            addresses = self._dialing()
            if not addresses:
                raise
            raise self._refusals.no_target(state.call, addresses) from None
        # One that is away, or about to go, may be back soon.
        is_there = candidate.connection.is_usable
        return None if not is_there and self._waiting.may(state, now) else candidate

    def nobody(self, state: RetryState, now: float) -> MeshError:
        """Why nobody was tried; those who are wanted and gone are dialed."""
        if self._has_left:
            return self._checks.draining()
        known = [
            connection
            for connection in self._router.known(state.call.key, now)
            if not (connection.is_hearsay and connection.peer_id in state.asked)
        ]
        if known and not any(connection.is_up for connection in known):
            self._keeping.dial_now(known)
        return self._refusals.nobody(state.call, known, dialing=self._dialing())

    @property
    def _has_left(self) -> bool:
        """Whether nobody is there because this collector ends: its links go before its services."""
        return self._checks.is_draining and not self._topology

    def _dialing(self) -> tuple[str, ...]:
        """Where somebody is dialed who has not told yet what it has, and why nobody has answered there."""
        unknown = (absence.address for absence in self._keeping.unknown)
        addresses = dict.fromkeys((*unknown, *self._keeping.dialing))
        return tuple(map(self._keeping.placed, addresses))

    def dialing_text(self) -> str:
        """The addresses of those who are dialed and have not told yet what they have, for people; empty if there are none."""
        return listed(self._dialing())
