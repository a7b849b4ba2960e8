"""What a process without threads writes: nothing that it writes can block it, or end it."""

import io
import os
import select
from contextlib import suppress
from typing import TextIO

from collector_mesh.app.cli.output import SHARED_PART_BYTES


class Lossy(io.TextIOBase):
    """A text stream that drops what whoever reads takes no part of.

    Args:
        descriptor: where to.
        kept: the stream of Python in its place.
    """

    def __init__(self, descriptor: int, kept: TextIO) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._encoding = kept.encoding or "utf-8"
        with suppress(OSError, ValueError):
            kept.flush()

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def fileno(self) -> int:
        """See `io.IOBase`."""
        return self._descriptor

    def write(self, text: str, /) -> int:
        """Write a text at once, or never."""
        rest = memoryview(text.encode(self._encoding, "backslashreplace"))
        with suppress(OSError, ValueError):
            while rest and self._has_room():
                rest = rest[os.write(self._descriptor, rest[:SHARED_PART_BYTES]) :]
        return len(text)

    def _has_room(self) -> bool:
        polling = select.poll()
        polling.register(self._descriptor, select.POLLOUT)
        return bool(polling.poll(0))
