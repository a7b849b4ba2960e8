"""An alarm clock for the loop that is more precise than the loop's own timers."""

import asyncio
import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Protocol

_MONOTONIC, _ABSOLUTE = 1, 1  # of timerfd_create(2) and timerfd_settime(2)


class Alarm(Protocol):
    """Calls back once at each moment that it is set to; a new moment replaces the old one."""

    note: str

    def at(self, moment: float) -> None:
        """Set it, to a moment of `time.monotonic`."""
        ...

    def close(self) -> None:
        """Never call back anymore."""
        ...


class TimerFd:
    """A timer of the kernel in the loop's selector, which alone wakes at whole milliseconds only."""

    note = "sleeping with a timerfd"

    def __init__(self, callback: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._set = libc.timerfd_settime
        self._fd: int = libc.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._ring)

    def at(self, moment: float) -> None:
        """Set it; a moment that is over rings at once."""
        whole = int(moment)
        spec = struct.pack("qqqq", 0, 0, whole, int((moment - whole) * 1e9) + 1)
        if self._set(self._fd, _ABSOLUTE, spec, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def _ring(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # set anew between its ringing and now
            return
        self._callback()

    def close(self) -> None:
        """Give the timer back."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class LoopTimer:
    """The loop's own timer."""

    note = "sleeping with the loop's own timer, which is coarse: latencies hold up to 1 ms of it"

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def at(self, moment: float) -> None:
        """Set it; the loop's own time may begin elsewhere."""
        self.close()
        self._handle = self._loop.call_later(moment - time.monotonic(), self._callback)

    def close(self) -> None:
        """Take the call back."""
        if self._handle is not None:
            self._handle.cancel()


def make_alarm(callback: Callable[[], None]) -> Alarm:
    """The best alarm that there is on this system."""
    return TimerFd(callback) if sys.platform == "linux" else LoopTimer(callback)
