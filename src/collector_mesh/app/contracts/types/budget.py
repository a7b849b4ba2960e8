"""How much is written of a value: one that stands in many places takes room in each of them, so a small one may be endless."""

from typing import Any

from collector_mesh.adapters.wire.described.weight import SMALLEST, weight_of
from collector_mesh.adapters.wire.message_classes import MAX_MEMORY

UNWEIGHED = 1 << 20
"""Bytes of memory of what is written before all of the value is weighed."""


class UnweighedError(Exception):
    """A value takes so much that it has to be weighed first."""


class OverBudgetError(Exception):
    """A value takes more than may be written."""


class Budget:
    """What is left to be written, while a value is looked through.

    It is spent by what the bytes have at least. So nothing is refused that could be sent.

    Args:
        most: bytes that the value may take.
        is_weighed: whether it is known that its messages do not take too much memory.
    """

    __slots__ = ("_is_weighed", "left", "memory")

    def __init__(self, most: int, *, is_weighed: bool = False) -> None:
        self._is_weighed = is_weighed
        self.left = most
        # More could not be read.
        self.memory = MAX_MEMORY if is_weighed else UNWEIGHED

    def over(self) -> None:
        """Refuse the value.

        Raises:
            OverBudgetError: it takes too much.
            UnweighedError: it has to be weighed.
        """
        raise UnweighedError if self.left >= 0 and not self._is_weighed else OverBudgetError

    def items(self, value: Any) -> Any:
        """Take several values, each of which takes a byte or more."""
        self.left -= length_of(value)
        if self.left < 0:
            raise OverBudgetError
        return value

    def messages(self, value: Any) -> Any:
        """Take several values, each of which is a message with two fields."""
        size = length_of(value)
        self.left -= SMALLEST * size
        self.memory -= weight_of(2) * size
        if self.left < 0 or self.memory < 0:
            self.over()
        return value

    def texts(self, value: Any) -> Any:
        """Take several texts, or bytes; of a map, its keys."""
        self.left -= len(value) + sum(map(len, value))
        if self.left < 0:
            raise OverBudgetError
        return value

    def text(self, value: Any) -> Any:
        """Take a text, or bytes."""
        self.left -= len(value)
        if self.left < 0:
            raise OverBudgetError
        return value


def length_of(value: Any) -> int:
    """How many bytes or items there are, whatever a subclass makes of it."""
    for kind in (str, bytes, list, tuple, dict):
        if issubclass(type(value), kind):
            return kind.__len__(value)
    return len(value)
