"""What is counted of the calls of one method, and of those methods that are too many to be told apart."""

from bisect import bisect_left
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

_CANCELLED = 499
_MAX_CODES = 8

SERIES = len(BOUNDS) + 5
"""Series that a method takes: its buckets, the sum, the number, what is in flight, and the codes that are summed."""


class MethodNumbers:
    """Calls of one method, on one side. Plain attributes, because every call counts in them."""

    __slots__ = ("_budget", "begun", "buckets", "errors", "seconds")

    def __init__(self, budget: "SeriesBudget") -> None:
        self._budget = budget
        self.begun = 0
        self.buckets = [0] * (len(BOUNDS) + 1)
        """How many took how long; together as many as have ended."""
        self.seconds = 0.0
        """How long all that have ended took together."""
        self.errors: dict[int, int] = {}
        """Those that had no success, by code; beyond a number of codes by `OTHER_CODES`."""

    @property
    def in_flight(self) -> int:
        """How many have begun and not ended."""
        return self.begun - sum(self.buckets)

    @property
    def series(self) -> int:
        """How many series it takes at most."""
        return SERIES + sum(code != OTHER_CODES for code in self.errors)

    def failed(self, code: int) -> None:
        """Count one that had no success; without a reply it was cancelled."""
        if code == OK.code:
            return
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
        self.others = MethodNumbers(budget)
        """All methods that have no numbers of their own."""
        self._strays: set[int] = set()
        """The calls under way that were counted with the others: their methods may have become known meanwhile."""

    def begins(self, call: Call) -> None:
        """A call begins; see `CallWatch`."""
        numbers = self.methods.get(call.key)
        if numbers is None:
            numbers = self._of_new(call)
        numbers.begun += 1

    def ended(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """The same call has ended; see `CallWatch`."""
        # On the way of every call: all of it is done here.
        numbers = self.methods.get(call.key)
        if numbers is None or self._strays:
            numbers = self._of_known(call, numbers)
        seconds = ended - began
        numbers.buckets[bisect_left(BOUNDS, seconds)] += 1
        numbers.seconds += seconds
        if reply is None:
            numbers.failed(_CANCELLED)
        elif reply.status is not OK:
            numbers.failed(reply.status.code)

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

    def _of_known(self, call: Call, numbers: MethodNumbers | None) -> MethodNumbers:
        if id(call) in self._strays:
            self._strays.remove(id(call))
            return self.others
        return self.others if numbers is None else numbers

    def _of_new(self, call: Call) -> MethodNumbers:
        if self._is_known(call) and self._budget.takes(SERIES, but=self._reserve):
            numbers = self.methods[call.key] = MethodNumbers(self._budget)
            return numbers
        self._strays.add(id(call))
        return self.others
