"""Port: the time."""

from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that is made at its time."""

    def cancel(self) -> object:
        """Do not make it; has no effect if it was made."""
        ...


class Alarm(Protocol):
    """Wakes one sleeper, when its time has come or when it is rung."""

    async def wait(self, seconds: float) -> bool:
        """Sleep for at most this number of seconds; return at once if it was rung since the last wait.

        Returns:
            Whether it was rung.
        """
        ...

    def ring(self) -> None:
        """Wake the sleeper, or keep the next one from sleeping at all."""
        ...


class Clock(Protocol):
    """Gives the time, and calls and wakes at it. The domain does not know the time of day."""

    def now(self) -> float:
        """Monotonic time, in seconds from an arbitrary point."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call something at a monotonic time, or soon if that has passed; never before this returns.

        The last digits of the time may be lost. The context of the caller is not kept.
        """
        ...

    def alarm(self) -> Alarm:
        """Make an alarm."""
        ...
