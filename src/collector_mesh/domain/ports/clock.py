"""Port: the time."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is made at its time."""

    def cancel(self) -> object:
        """Do not make it; nothing happens if it was made."""
        ...


class Alarm(Protocol):
    """Wakes one sleeper, when its time has come or when it is rung."""

    async def wait(self, seconds: float) -> bool:
        """Sleep, at most so long; at once if it was rung since the last wait.

        Returns:
            Whether it was rung.
        """
        ...

    def ring(self) -> None:
        """Wake the sleeper, or have the next one not sleep at all."""
        ...


class Clock(Protocol):
    """Tells the time, and calls and wakes at it. The time of day is no business of the domain."""

    def now(self) -> float:
        """Monotonic time, in seconds from an arbitrary point."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call something at a monotonic time, or soon if that has passed; never before this returns.

        The last digits of the time may be lost. The context of whoever calls this is not kept.
        """
        ...

    def alarm(self) -> Alarm:
        """Make an alarm."""
        ...
