"""Gives memory back to the system: after a flood the C library keeps what it has freed."""

import ctypes
import linecache
import threading
from collections.abc import Callable

from collector_mesh.adapters.runtime.memory import resident_bytes

_LOOK_SECONDS = 10.0
_STARTED_SECONDS = 1.0
"""After which what a command needs only for its start is not in use anymore."""

_MARGIN_BYTES = 64 << 20
"""Growth that is worth the look: it keeps other threads from memory for some milliseconds."""


class Trimmer:
    """Asks for what is free to be given back when a process has grown.

    Args:
        resident: how many bytes the process has.
        trim: gives back what is free.
    """

    def __init__(self, resident: Callable[[], int], trim: Callable[[], object]) -> None:
        self._resident = resident
        self._trim = trim
        self._least = resident()

    def look(self) -> bool:
        """See whether the process has grown; whether memory was given back."""
        now = self._resident()
        if now < self._least + _MARGIN_BYTES:
            self._least = min(self._least, now)
            return False
        self._trim()
        # What is still there is in use.
        self._least = self._resident()
        return True


def forget_sources() -> None:
    """Forget the sources of what attrs has generated, which are for debuggers: what comes then takes their place."""
    linecache.clearcache()


def start_trimming() -> threading.Event | None:
    """Do so in the background, where the C library knows how; setting what is returned ends it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
        trimmer = Trimmer(resident_bytes, lambda: trim(0))
    except (AttributeError, OSError):
        return None
    ended = threading.Event()

    def run() -> None:
        if not ended.wait(_STARTED_SECONDS):
            # What reading the configuration took, too.
            forget_sources()
            trim(0)
        while not ended.wait(_LOOK_SECONDS):
            trimmer.look()

    threading.Thread(target=run, name="give memory back", daemon=True).start()
    return ended
