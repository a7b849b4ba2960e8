"""Port: the time."""

from typing import Protocol


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
    """Tells the time and wakes sleepers."""

    def now(self) -> float:
        """Monotonic time, in seconds from an arbitrary point."""
        ...

    def wall(self) -> float:
        """Time of day, in seconds since the epoch; it may jump."""
        ...

    def alarm(self) -> Alarm:
        """Make an alarm."""
        ...
