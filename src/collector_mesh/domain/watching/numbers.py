"""What is counted while metrics are on, beside what is counted anyway."""

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.counts import OTHERS
from collector_mesh.domain.model.events import Event, LimitReached, Shedding
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.texts import word_of
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.watching.method_numbers import BOUNDS, SeriesBudget, SideNumbers

METHOD_SERIES = 1450
"""Series that methods have at most, both sides together."""

_KEPT_FOR_SERVED = 750
"""How many of them are left for methods that run here: a hub must not lose its own for those that it passes on."""

_MAX_WORDS = 48
"""Events and limits that are told apart; there are fewer, but for those of a user's observer."""


class Numbers:
    """Counts calls by method, events by kind, limits that were reached, and how late the event loop is.

    Args:
        has_method: whether a method is served here.
        is_announced: whether a connected collector says that it has a method.
    """

    def __init__(
        self, has_method: Callable[[MethodKey], bool], is_announced: Callable[[MethodKey], bool]
    ) -> None:
        self._has_method = has_method
        self._is_announced = is_announced
        budget = SeriesBudget(METHOD_SERIES)

        def is_known(call: Call) -> bool:
            # What this process calls is of its own choosing; what others name may be made up.
            return call.origin is Origin.LOCAL or self._is_there(call.key)

        self.dispatched = SideNumbers(budget, _KEPT_FOR_SERVED, is_known)
        self.served = SideNumbers(budget, 0, lambda call: has_method(call.key))
        self.events: dict[str, int] = {}
        """How often each kind of event has happened, by its word in the log; those included that are not told each time."""
        self.limits: dict[str, int] = {}
        """How often something was refused, or ended, because a limit was reached."""
        self.lags = [0] * (len(BOUNDS) + 1)
        """How many turns of the event loop were late by how much."""
        self.lag_seconds = 0.0
        """By how much all of them together were late."""

    def happened(self, event: Event) -> None:
        """Count an event."""
        _count(self.events, word_of(type(event).__name__))
        if isinstance(event, LimitReached | Shedding):
            _count(self.limits, event.limit)

    def late(self, seconds: float) -> None:
        """A turn of the event loop was late."""
        self.lags[bisect_left(BOUNDS, seconds)] += 1
        self.lag_seconds += seconds

    def forget(self) -> None:
        """Make room of methods that nobody has anymore."""
        self.dispatched.forget(lambda key: not self._is_there(key))
        self.served.forget(lambda key: not self._has_method(key))

    def _is_there(self, key: MethodKey) -> bool:
        return self._has_method(key) or self._is_announced(key)


class CountingObserver:
    """An observer before another one, which counts.

    Args:
        numbers: count.
        observer: is told too.
    """

    def __init__(self, numbers: Numbers, observer: Observer) -> None:
        self._numbers = numbers
        self._observer = observer

    def tell(self, event: Event) -> None:
        """See the port."""
        self._numbers.happened(event)
        self._observer.tell(event)


def _count(counted: dict[str, int], word: str) -> None:
    if word not in counted and len(counted) >= _MAX_WORDS:
        word = OTHERS
    counted[word] = counted.get(word, 0) + 1


if TYPE_CHECKING:
    _observes: type[Observer] = CountingObserver
