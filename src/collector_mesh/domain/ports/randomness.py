"""Port: the dice."""

from typing import Protocol


class Randomness(Protocol):
    """Everything that is left to chance."""

    def below(self, limit: int) -> int:
        """Give a whole number from 0 to below `limit`, which is at least 1."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """Give a number between two."""
        ...

    def token(self) -> str:
        """128 random bits as 32 hexadecimal digits."""
        ...
