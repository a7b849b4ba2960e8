"""What is counted of the calls of one method, and of those methods that are too many to be told apart."""

from bisect import bisect_right
from collections.abc import Callable, Iterable

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.counts import OTHERS
from collector_mesh.domain.model.errors import is_code
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Seconds: what falls into each bucket takes at most so long; what takes longer falls into one more, the twelfth."""

OTHER_METHODS = MethodKey(OTHERS, OTHERS, OTHERS)
"""Stands for the methods that are summed; no method is called that."""

OTHER_CODES = 0
"""Stands for the codes that are summed."""

CANCELLED = 499
"""Stands for a code where a call has none, because its caller has gone."""

FOLDED_EACH = 511
"""Of so many calls and one that begin, the end of one puts the times into their buckets, and is no short way through."""

_MAX_CODES = 8

SERIES = len(BOUNDS) + 5
"""Series that a method takes: its buckets, the sum, the number, what is in flight, and the codes that are summed."""


class MethodNumbers:
    """Calls of one method, on one side. Plain attributes, because every call counts in them."""

    __slots__ = ("_buckets", "_budget", "_seconds", "_times", "begun", "errors")

    def __init__(self, budget: "SeriesBudget") -> None:
        self._budget = budget
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self.begun = 0
        self._times: list[float] = []
        self.errors: dict[int, int] = {}
        """Calls without success, by code; beyond a number of codes by `OTHER_CODES`."""

    @property
    def buckets(self) -> tuple[int, ...]:
        """How many took how long; together as many as have ended."""
        self.fold()
        return tuple(self._buckets)

    @property
    def seconds(self) -> float:
        """How long all that have ended took together."""
        self.fold()
        return self._seconds

    @property
    def in_flight(self) -> int:
        """How many have begun and not ended."""
        return self.begun - sum(self.buckets)

    @property
    def series(self) -> int:
        """How many series it takes at most."""
        return SERIES + sum(code != OTHER_CODES for code in self.errors)

    def has_ended(self, reply: Reply | None, seconds: float) -> None:
        """Count one that has ended, without a reply where it was cancelled."""
        if reply is not None and reply.status is OK and self.begun & FOLDED_EACH:
            # Nearly every call.
            self._times.append(seconds)
        else:
            self.ended(CANCELLED if reply is None else reply.status.code, seconds)

    def ended(self, code: int, seconds: float) -> None:
        """Count one that has ended."""
        self._times.append(seconds)
        if not self.begun & FOLDED_EACH or len(self._times) > FOLDED_EACH:
            self.fold()
        if code != OK.code:
            self._failed(code)

    def refused(self, code: int) -> None:
        """Count one that has ended as soon as it had begun."""
        self.begun += 1
        self.ended(code, 0.0)

    def fold(self) -> None:
        """Put the times into their buckets: of many at once each is cheaper than one alone, by a third of a microsecond."""
        times = sorted(self._times)
        self._times.clear()
        self._seconds += sum(times)
        below = 0
        for place, bound in enumerate(BOUNDS):
            upto = bisect_right(times, bound)
            self._buckets[place] += upto - below
            below = upto
        self._buckets[-1] += len(times) - below

    def _failed(self, code: int) -> None:
        if code not in self.errors and (
            not is_code(code) or len(self.errors) >= _MAX_CODES or not self._budget.takes(1)
        ):
            code = OTHER_CODES
        self.errors[code] = self.errors.get(code, 0) + 1


@attrs.define
class SeriesBudget:
    """How many series all methods may have, on both sides together.

    Attributes:
        left: how many are left.
    """

    left: int

    def takes(self, number: int, *, but: int = 0) -> bool:
        """Take some, if that leaves so many."""
        if self.left - number < but:
            return False
        self.left -= number
        return True


class SideNumbers:
    """The methods of one side: of calls on their way out, or of those that run here.

    A method that is known has numbers of its own while there is room; all others are summed, so that callers who make names
    up take nobody's place.

    Args:
        budget: of both sides.
        reserve: how many series this side leaves for the other one.
        is_known: whether there is such a method, as far as is known where a call begins.
    """

    def __init__(self, budget: SeriesBudget, reserve: int, is_known: Callable[[Call], bool]) -> None:
        self._budget = budget
        self._reserve = reserve
        self._is_known = is_known
        self.methods: dict[MethodKey, MethodNumbers] = {}
        """Those that have numbers of their own."""
        self.others = MethodNumbers(budget)
        """All methods that have no numbers of their own."""

    def of_new(self, call: Call) -> MethodNumbers:
        """The numbers for a call of a method that is not among `methods`."""
        if self._is_known(call) and self._budget.takes(SERIES, but=self._reserve):
            numbers = self.methods[call.key] = MethodNumbers(self._budget)
            return numbers
        return self.others

    def begins(self, call: Call) -> MethodNumbers:
        """A call begins; gives what counts its end."""
        numbers = self.methods.get(call.key)
        if numbers is None:
            numbers = self.of_new(call)
        numbers.begun += 1
        return numbers

    def of(self, call: Call) -> MethodNumbers:
        """The numbers for a call; those in which it begins are those in which it ends."""
        return self.methods.get(call.key) or self.of_new(call)

    def forget(self, is_gone: Callable[[MethodKey], bool]) -> None:
        """Make room, where there is none, of methods that nobody has anymore and that nobody calls now."""
        if self._budget.left - self._reserve >= SERIES:
            return
        gone = [key for key, numbers in self.methods.items() if not numbers.in_flight and is_gone(key)]
        for key in gone:
            self._budget.left += self.methods.pop(key).series

    def read(self) -> Iterable[tuple[MethodKey, MethodNumbers]]:
        """The methods in order of their names, and then the others, if there were any calls of them."""
        yield from sorted(self.methods.items())
        if self.others.begun:
            yield OTHER_METHODS, self.others
