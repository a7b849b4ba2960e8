"""Waits for what nobody tells: it is looked at again and again."""

from collections.abc import Callable

from collector_mesh.domain.ports.clock import Clock

_LOOK_SECONDS = 0.01


async def holds_within(
    clock: Clock, seconds: float, is_so: Callable[[], bool], *, look: float = _LOOK_SECONDS
) -> bool:
    """Wait until something holds, but not for long.

    Args:
        clock: tells the time.
        seconds: how long at most.
        is_so: whether it holds; cheap, and asked once at least.
        look: seconds between two looks.

    Returns:
        Whether it holds.
    """
    until, alarm = clock.now() + seconds, clock.alarm()
    while not (holds := is_so()) and clock.now() < until:
        await alarm.wait(look)
    return holds
