"""Everything that happens in a simulation, in its order, with its virtual time."""

from collections import deque
from hashlib import blake2b
from marshal import dumps
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.model.frames import Control, Frame

if TYPE_CHECKING:
    from collector_mesh.adapters.simulated.loop import SimulatedLoop

Line = tuple[int, str, tuple[str, ...]]
"""Virtual nanoseconds, a word, and what it is about."""

_TOGETHER = 128
"""Lines and frames that are added to the digest at a time, which costs less than one by one."""

_PLAIN = 2
"""The last version of marshal that writes equal values equally, whoever else holds them; five times as fast as repr."""


def _short(value: bytes) -> str:
    return blake2b(value, digest_size=8).hexdigest()


class Trace:
    """Keeps the last lines, and a digest of all of them.

    Args:
        loop: virtual time.
        most: lines that are kept.
    """

    def __init__(self, loop: "SimulatedLoop", *, most: int = 10_000) -> None:
        self._loop = loop
        self._digest = blake2b(digest_size=16)
        self._waiting: list[object] = []
        """What is not in the digest yet."""
        self.lines: deque[Line] = deque(maxlen=most)
        self.frames = 0
        self.advertisements = 0
        """What collectors have told of themselves, and of others that can be reached through them."""
        self.advertised_at = 0.0
        """When the last one arrives, in virtual seconds."""
        self.is_over = False
        """Whether what is told is not taken down anymore: what is left is being cleared away, in no certain order."""
        self.faults: list[Line] = []
        """What was done to the mesh, all of it."""

    def fault(self, word: str, *about: str) -> None:
        """Something was done to the mesh."""
        self.note(word, *about)
        self.faults.append((self._loop.nanoseconds, word, about))

    def note(self, word: str, *about: str) -> None:
        """Something has happened."""
        if self.is_over:
            return
        line = (self._loop.nanoseconds, word, about)
        self.lines.append(line)
        self._waiting.append(line)
        if len(self._waiting) >= _TOGETHER:
            self._add()

    def frame(self, source: str, sink: str, frame: Frame | None) -> None:
        """A frame was sent."""
        self.frames += 1
        if self.is_over:
            return
        nanoseconds = self._loop.nanoseconds
        # All that a frame carries, as what marshal knows; most frames have only calls and replies.
        said: tuple[Any, ...] | None = None
        if frame is not None:
            calls, replies = frame.calls, frame.replies
            said = (
                frame.credit,
                frame.control and repr(frame.control),
                tuple(map(tuple, frame.methods)),
                frame.texts,
                frame.forgets_names,
                calls
                and (
                    calls.first,
                    calls.methods,
                    calls.types,
                    calls.values,
                    calls.remaining,
                    calls.modes,
                    calls.extras and repr(calls.extras),
                    # Not an item more where there are none: what was there before keeps its digest.
                    *((calls.traces,) if calls.traces else ()),
                ),
                replies
                and (
                    replies.numbers,
                    replies.types,
                    replies.values,
                    replies.executors,
                    replies.extras and repr(replies.extras),
                ),
                frame.cancels,
                tuple((chunk.number, chunk.of_reply, _short(chunk.value)) for chunk in frame.chunks),
            )
        self._waiting.append((nanoseconds, source, sink, said))
        if len(self._waiting) >= _TOGETHER:
            self._add()

    def advertised(self, control: Control, arrives_at: float) -> None:
        """Count what a frame tells of collectors."""
        news = sum(
            part is not None
            for part in (control.hello, control.greeting, control.catalog, control.catalog_change)
        )
        news += len(control.reach)
        if news:
            self.advertisements += news
            self.advertised_at = max(self.advertised_at, arrives_at)

    def _add(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            self._digest.update(dumps(waiting, _PLAIN))
        except ValueError:  # a name is of a class of its own
            self._digest.update(repr(waiting).encode())

    @property
    def digest(self) -> str:
        """Of every line and frame so far, as 32 hexadecimal digits."""
        self._add()
        return self._digest.hexdigest()
