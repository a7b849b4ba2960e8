"""SIGHUP, which has a collector read its configuration again."""

import asyncio
import signal
from collections.abc import Callable

HANGUP: "signal.Signals | None" = getattr(signal, "SIGHUP", None)
"""None where the system has no such signal."""


class Hangups:
    """Takes the signal from the start of the process on: it would end it."""

    def __init__(self) -> None:
        self._was_early = False
        if HANGUP is not None:
            signal.signal(HANGUP, lambda *_: self._came_early())

    def _came_early(self) -> None:
        self._was_early = True

    def take(self, received: Callable[[], None]) -> None:
        """Have something called in the running loop at each of them; for those that came before once, now."""
        if HANGUP is None:
            return
        asyncio.get_running_loop().add_signal_handler(HANGUP, received)
        if self._was_early:
            received()

    @staticmethod
    def ignore() -> None:
        """The loop has given the signal back: one that comes now would end the process."""
        if HANGUP is not None:
            signal.signal(HANGUP, signal.SIG_IGN)
