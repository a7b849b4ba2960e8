"""What a command that runs for long writes: nothing that it writes can block it, or end it.

Whoever reads its output may stop reading, may go away, or may be a disk that is full.
"""

import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TextIO

MAX_QUEUED_BYTES = 1 << 20
"""What may wait for whoever reads; beyond it lines are dropped."""

SHARED_PART_BYTES = 4096
"""What a pipe takes as a whole, and not mixed with what other processes write to it."""

_MAX_PART_BYTES = 64 * 1024
"""A line that is longer is written in parts; more is never given to the system at once."""

_LAST_SECONDS = 1.0
"""How long the end of a command waits for whoever reads."""


class Outlet(io.TextIOBase):
    """A text stream in place of `sys.stdout` or `sys.stderr` that never waits and never fails.

    A thread of its own writes what is queued. What does not fit into the queue is dropped, and counted.

    Args:
        descriptor: where to; it is not closed, and another one of that number later is not written to.
        encoding: what it is written in; signs that it does not have are escaped.
        on_trouble: told in the thread how many lines were lost and why: when writing fails, and once it works again.
        most_at_once: bytes of several lines that are given to the system together.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        encoding: str,
        on_trouble: Callable[[int, str], None],
        most_at_once: int = _MAX_PART_BYTES,
    ) -> None:
        super().__init__()
        self._most_at_once = most_at_once
        self._descriptor = os.dup(descriptor)
        self._encoding = encoding
        self._on_trouble = on_trouble
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._part = b""
        self._is_writing = False
        self._lost = 0
        self._why = ""
        self._has_failed = False
        self._pid = os.getpid()
        self.buffer = _Bytes(self)
        threading.Thread(target=self._run, name=f"write to {descriptor}", daemon=True).start()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute in the stubs
        """What it is written in."""
        return self._encoding

    @property
    def errors(self) -> str:  # type: ignore[override]  # an attribute in the stubs
        """What becomes of signs that the encoding does not have."""
        return "backslashreplace"

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def fileno(self) -> int:
        """See `io.IOBase`."""
        return self._descriptor

    def isatty(self) -> bool:
        """See `io.IOBase`."""
        return os.isatty(self._descriptor)

    def write(self, text: str, /) -> int:
        """Queue a text; whole lines are written at once, others with `flush`."""
        self.write_bytes(text.encode(self._encoding, self.errors))
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        """Queue bytes."""
        if os.getpid() != self._pid:
            # Of a child that was forked: it has no such thread.
            self._write(data)
            return
        with self._changed:
            self._part += data
            end = len(self._part) if len(self._part) > _MAX_PART_BYTES else self._part.rfind(b"\n") + 1
            self._put(end)

    def flush(self) -> None:
        """Queue what is not a whole line yet; does not wait."""
        with self._changed:
            self._put(len(self._part))

    def drain(self, seconds: float) -> bool:
        """Wait until everything is written, for at most this number of seconds; gives whether it was."""
        self.flush()
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._is_writing, seconds)

    def _put(self, end: int) -> None:
        data, self._part = self._part[:end], self._part[end:]
        if not data:
            return
        if self._queued_bytes + len(data) > MAX_QUEUED_BYTES:
            self._lose(data, "nobody reads them")
            return
        self._queue.append(data)
        self._queued_bytes += len(data)
        self._changed.notify_all()

    def _lose(self, data: bytes, why: str) -> None:
        self._lost += max(1, data.count(b"\n"))
        self._why = why

    def _take(self) -> bytes:
        taken = [self._queue.popleft()]
        size = len(taken[0])
        while self._queue and size + len(self._queue[0]) <= self._most_at_once:
            size += len(self._queue[0])
            taken.append(self._queue.popleft())
        self._queued_bytes -= size
        return b"".join(taken)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._queue))
                self._is_writing = True
                data = self._take()
            error = self._write(data)
            with self._changed:
                if error is not None:
                    self._lose(data, error.strerror or type(error).__name__)
                    if self._has_failed:
                        continue
                self._has_failed = error is not None
                lost, why, self._lost = self._lost, self._why, 0
            if lost:
                self._on_trouble(lost, why)

    def _write(self, data: bytes) -> OSError | None:
        rest = memoryview(data)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest[:_MAX_PART_BYTES]) :]
                except BlockingIOError:
                    # Somebody who shares the descriptor has made it so.
                    select.select([], [self._descriptor], [], 1.0)
        except (OSError, ValueError) as error:
            return error if isinstance(error, OSError) else OSError(str(error))
        return None


class _Bytes(io.RawIOBase):
    """The bytes below an outlet, for those who write some."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._outlet.fileno()

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        self._outlet.write_bytes(bytes(data))
        return len(data)

    def flush(self) -> None:
        self._outlet.flush()


class Outlets:
    """Both streams of a command, for as long as the context is open.

    Args:
        on_trouble: told which stream has lost how many lines, and why.
        shared: whether other processes write there too, so that lines must not be mixed.
    """

    def __init__(self, on_trouble: Callable[[str, int, str], None], *, shared: bool = False) -> None:
        self._on_trouble = on_trouble
        self._most_at_once = SHARED_PART_BYTES if shared else _MAX_PART_BYTES
        self._kept = (sys.stdout, sys.stderr)

    def __enter__(self) -> Self:
        """Put them in the place of those of Python."""
        sys.stdout = self._outlet("stdout", 1, sys.stdout)
        sys.stderr = self._outlet("stderr", 2, sys.stderr)
        return self

    def __exit__(self, *raised: object) -> None:
        """Give what is left some time; then the streams of Python are back."""
        until = time.monotonic() + _LAST_SECONDS
        outlets = (sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = self._kept
        for outlet in outlets:
            if isinstance(outlet, Outlet):
                outlet.drain(max(0.0, until - time.monotonic()))

    def _outlet(self, name: str, descriptor: int, kept: TextIO) -> Outlet:
        def trouble(lost: int, why: str) -> None:
            self._on_trouble(name, lost, why)

        with suppress(OSError, ValueError):
            kept.flush()
        return Outlet(
            descriptor,
            encoding=kept.encoding or "utf-8",
            on_trouble=trouble,
            most_at_once=self._most_at_once,
        )


def make_usable() -> None:
    """Have the three streams of a command be there, and take any text, whatever it was started with.

    A descriptor from 0 to 2 that is closed would be given to the next file or connection that is opened, which
    would then be written to.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free, so this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # for as long as the process lives
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def abandon_stdout() -> None:
    """Forget what could not be written: Python would try again, and complain, on every way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
