"""Calls that wait for a peer that is being dialed."""

from collections import Counter
from collections.abc import Callable

import attrs

from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.peers.absence import Absence, awaited, is_coming_back
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.policies.callers import CALLER_SHARE
from collector_mesh.domain.ports.clock import Alarm, Clock, Timer
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.topology import Topology

_EARLY_SHARE, _EARLY_SECONDS = 0.1, 0.25
"""A call is answered this much before its own time is up: as a share of what it has left, and at most."""

_FEW = 64
_PAUSE_OF_A_PLACE = 0.00005
"""What each place that is waited at adds to the least time between two looks, in seconds, where these are many.

So that looking takes a fifth of the loop at most, whatever callers ask for while peers come and go.
"""

_Place = tuple[MethodKey, str, object]
"""A method, the only collector that may run it, and where it was known to be when the call began to wait."""


@attrs.frozen
class WaitingRules:
    """How long calls wait, and how many may.

    Attributes:
        seconds: how long one waits at most; 0 if none does.
        most: how many wait at once; those beyond are answered at once.
    """

    seconds: float = 0.0
    most: int = 2048


class WaitingCalls:
    """Has calls wait that nobody can take, while somebody who may have the method is being dialed.

    They are woken by news and look again then; nobody polls. How many wait is bounded, also for each caller from outside.

    Args:
        handlers: what runs here.
        router: who could have a method.
        topology: who is connected; tells of news.
        keeping: who is dialed.
        clock: tells the time.
        rules: how long, and how many.
    """

    def __init__(
        self,
        handlers: HandlerRegistry,
        router: Router,
        topology: Topology,
        keeping: Keeping,
        *,
        clock: Clock,
        rules: WaitingRules,
    ) -> None:
        self._handlers = handlers
        self._router = router
        self._topology = topology
        self._keeping = keeping
        self._clock = clock
        self.rules = rules
        """How long, and how many; may be replaced at any time."""
        self._places: dict[_Place, dict[Alarm, None]] = {}
        self._callers: Counter[str] = Counter()
        self.where: Callable[[MethodKey], object] = _nowhere
        """Where somebody has a method, in whichever namespace: asked for calls that wait and name none."""
        self._is_closed = False
        self._looked_at = float("-inf")
        self._looking: Timer | None = None
        """Looks when it is time."""

    @property
    def count(self) -> int:
        """How many calls wait now."""
        return self._callers.total()

    def close(self) -> None:
        """Have nobody wait anymore: the collector drains."""
        self._is_closed = True
        self._wake(list(self._places))

    def may(self, state: RetryState, now: float) -> bool:
        """Whether a call may wait: somebody is being dialed who may have what it asks for."""
        return self._is_open(state) and bool(self._awaited(state.call, now))

    async def wait(self, state: RetryState, now: float) -> bool:
        """Wait until there is news; False if the call may not wait, or not anymore.

        It is answered a little before its time is up, so that the caller hears why nobody took it.
        """
        call = state.call
        found = self._awaited(call, now) if self._is_open(state) else ()
        if not found:
            return False
        if state.wait_until is None:
            early = min(_EARLY_SECONDS, _EARLY_SHARE * (call.deadline - now))
            state.wait_until = min(now + self.rules.seconds, call.deadline - early)
        if now >= state.wait_until or not self._has_room(call):
            state.has_waited = True
            return False
        self._keeping.dial_absent(found)
        place = call.key, call.target, () if call.key.namespace else self.where(call.key)
        alarm = self._enter(call, place)
        try:
            state.has_waited = not await alarm.wait(state.wait_until - now)
        finally:
            self._leave(call, place, alarm)
        state.ask_again(self._topology)
        return True

    def _is_open(self, state: RetryState) -> bool:
        return not state.has_waited and not self._is_closed and bool(self.rules.seconds)

    def _awaited(self, call: Call, now: float) -> tuple[Absence, ...]:
        key, target = call.key, call.target
        if target:
            connection = self._topology.get(target)
            if connection is not None and not is_coming_back(connection, now):
                return ()
            known = [] if connection is None else [connection]
        elif not key.namespace:
            # What there is, the caller may not use: it must not hear of that by being answered at once.
            known = []
        else:
            known = self._router.known(key, now)
            if (
                self._handlers.has(key)
                or any(connection.is_usable for connection in known)
                or self._router.other_kind(key) is not None
            ):
                return ()
        # Of a target that is known it is known where it is.
        return awaited(known, () if target and known else self._keeping.unknown, now)

    def _has_room(self, call: Call) -> bool:
        most = self.rules.most
        if self.count >= most:
            return False
        return not call.source or self._callers[call.source] < CALLER_SHARE * most

    def _enter(self, call: Call, place: _Place) -> Alarm:
        if not self._places:
            self._topology.news.listen(self._look)
        alarm = self._clock.alarm()
        self._places.setdefault(place, {})[alarm] = None
        self._callers[call.source] += 1
        return alarm

    def _leave(self, call: Call, place: _Place, alarm: Alarm) -> None:
        alarms = self._places[place]
        del alarms[alarm]
        if not alarms:
            del self._places[place]
        self._callers[call.source] -= 1
        if not self._callers[call.source]:
            del self._callers[call.source]
        if not self._places:
            self._topology.news.leave(self._look)

    def _look(self) -> None:
        """There is news: wake those for whom something has changed."""
        now, count = self._clock.now(), len(self._places)
        if count > _FEW and now < (when := self._looked_at + count * _PAUSE_OF_A_PLACE):
            if self._looking is None:
                self._looking = self._clock.call_at(when, self._look_again)
            return
        self._looked_at = now
        has_unknown = bool(awaited((), self._keeping.unknown, now))
        self._wake([place for place in self._places if self._is_for(place, now, may_be_unknown=has_unknown)])

    def _look_again(self) -> None:
        self._looking = None
        self._look()

    def _wake(self, places: list[_Place]) -> None:
        for place in places:
            for alarm in list(self._places[place]):
                alarm.ring()

    def _is_for(self, place: _Place, now: float, *, may_be_unknown: bool) -> bool:
        """Whether those who wait at a place are to look again: somebody is there, or nobody is waited for anymore."""
        key, target, was = place
        if target:
            connection = self._topology.get(target)
            way = self._topology.way_to(target, key) if connection is None else None
            known = [one for one in (connection, None if way is None else way.connection) if one is not None]
            may_be_unknown = may_be_unknown and connection is None
        elif self._handlers.has(key):
            return True
        elif not key.namespace:
            known = []
            if self.where(key) != was:
                return True
        else:
            known = self._router.known(key, now)
        if any(connection.is_usable for connection in known):
            return True
        return not may_be_unknown and not awaited(known, (), now)


def _nowhere(_key: MethodKey) -> object:
    """Nobody is asked."""
    return ()
