"""Where calls with an idempotency key may have run, so that a repeat goes to whoever has the first reply."""

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply

_SWEEP_SECONDS = 1.0


@attrs.define(eq=False)
class KeyPlace:
    """Where one such call may have run.

    Attributes:
        store: of the collector that it went to; collectors with the same one know of each other's calls.
        peer_id: that collector.
        sent: how often it is under way there now.
        sticks: whether it may have run.
        until: when that is forgotten, on the monotonic clock, in seconds, once none is under way.
    """

    store: str
    peer_id: str
    sent: int = 0
    sticks: bool = False
    until: float = 0.0


class KeyPlaces:
    """Remembers where such calls went, for as long as the replies are kept there.

    Args:
        seconds: how long after the last try.
        most: how many keys; calls with further ones are refused.
    """

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._places: dict[tuple[MethodKey, str], KeyPlace] = {}
        self._swept = float("-inf")

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._places)

    def of(self, call: Call, now: float) -> KeyPlace | None:
        """Where a call may have run, or is under way; None where it may run anywhere."""
        found = self._places.get((call.key, call.idempotency_key))
        return found if found is not None and (found.sent or found.until > now) else None

    def leaves(self, call: Call, store: str, peer_id: str, now: float) -> KeyPlace:
        """Take down that a call is sent to a collector, before it is.

        Raises:
            KeysFullError: too many are remembered.
        """
        place = self.of(call, now)
        if place is None:
            if len(self._places) >= self._most:
                self._sweep(now)
            place = self._places[call.key, call.idempotency_key] = KeyPlace(store, peer_id)
        place.peer_id = peer_id
        place.sent += 1
        return place

    def back(self, call: Call, place: KeyPlace, reply: Reply | None, now: float) -> None:
        """Take down what came of that; None where nobody has waited for it."""
        place.sent -= 1
        if reply is None or reply.executed is not Executed.NO:
            place.sticks = True
        if place.sticks:
            place.until = now + self._seconds
        elif not place.sent:
            self._places.pop((call.key, call.idempotency_key), None)

    def _sweep(self, now: float) -> None:
        """Make room.

        Raises:
            KeysFullError: there is none.
        """
        if now - self._swept >= _SWEEP_SECONDS:
            self._swept = now
            for key in [key for key, one in self._places.items() if not one.sent and one.until <= now]:
                del self._places[key]
        if len(self._places) >= self._most:
            # Most programs have no keys, and do not load what this imports.
            from collector_mesh.domain.ports.key_store import KeysFullError

            raise KeysFullError.of(
                f"overloaded: {len(self._places)} idempotency keys are remembered, at most {self._most} may be"
            )
