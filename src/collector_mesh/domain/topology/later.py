"""When what takes long is gone on with."""

from collections.abc import Callable

Later = Callable[[Callable[[], None]], None]
"""Calls something soon, when others have had their turn."""


def at_once(work: Callable[[], None]) -> None:
    """Do not wait at all."""
    work()
