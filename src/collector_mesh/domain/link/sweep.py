"""One timer for all links of a collector, instead of one for each link or each call."""

from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

from collector_mesh.domain.ports.clock import Clock, Timer

LOOK_SECONDS = 0.02
"""How soon it is looked at what has changed meanwhile."""

_GRAIN_SECONDS = 0.005
"""Least time between two looks."""

_ROUNDING_SECONDS = 1e-6
"""What a timer may come early: the last digits of a time may be lost."""

_NEVER = float("inf")
_MOST_VOID = 64
"""Void entries, beside as many as there are others."""


class Timed(Protocol):
    """Something that is told when its time has come. None of it raises."""

    entry: "Entry | None"
    """When it is told next, as far as that is known. The sweep's own, as the next one."""

    is_watched: bool
    """Whether it is looked at again soon."""

    @property
    def next_tick(self) -> float:
        """When it wants to be told next; infinity for never."""
        ...

    @property
    def stays_watched(self) -> bool:
        """Whether it has to be looked at again soon, though nobody says so."""
        ...

    def tick(self, now: float) -> None:
        """Its time has come."""
        ...


class Entry:
    """A time at which something is to be told; void where that was taken back."""

    __slots__ = ("number", "timed", "when")

    def __init__(self, when: float, number: int, timed: Timed) -> None:
        self.when = when
        self.number = number
        self.timed: Timed | None = timed

    def __lt__(self, other: "Entry") -> bool:
        return (self.when, self.number) < (other.when, other.number)


class Sweep:
    """Tells many when their time has come.

    Whatever is sent may bring a time forward, and to take that down for each call would cost more than most
    deadlines ever do. So who has something to send is watched, which costs a mark, and asked a little later.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None
        self._timer_at = _NEVER
        self._looked = -_NEVER
        self._watched: list[Timed] = []
        self._heap: list[Entry] = []
        self._numbers = count()
        self._size = 0
        """How many entries are not void."""

    def watch(self, timed: Timed) -> None:
        """Look at something soon: it may have to be told earlier than it was known."""
        if not timed.is_watched:
            timed.is_watched = True
            self._watched.append(timed)
            if len(self._watched) == 1:
                self._set_timer()

    def forget(self, timed: Timed) -> None:
        """Tell something nothing anymore."""
        self._unset(timed)
        if timed.is_watched:
            timed.is_watched = False
            self._watched.remove(timed)
        if not self._size and not self._watched:
            self._heap = []
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._timer_at = None, _NEVER

    def _set_timer(self) -> None:
        """Have the timer come for the first thing that there is to do."""
        when = self._clock.now() + LOOK_SECONDS if self._watched else _NEVER
        if self._heap:
            when = min(when, max(self._heap[0].when, self._looked + _GRAIN_SECONDS))
        if self._timer_at <= when:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self._clock.call_at(when, self._ring), when

    def _ring(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        self._looked = self._clock.now()
        try:
            self._look(self._looked)
        finally:
            self._set_timer()

    def _look(self, now: float) -> None:
        watched, self._watched = self._watched, []
        for timed in watched:
            timed.is_watched = False
            self._set(timed, timed.next_tick)
            if timed.stays_watched:
                self.watch(timed)
        for timed in self._due(now + _ROUNDING_SECONDS):
            wanted = timed.next_tick
            if wanted <= now + _ROUNDING_SECONDS:  # else it has changed its mind
                timed.tick(max(now, wanted))
            # Not at once again, whatever it wants.
            self._set(timed, max(timed.next_tick, now + _GRAIN_SECONDS))
        if len(self._heap) > 2 * self._size + _MOST_VOID:
            self._heap = [entry for entry in self._heap if entry.timed is not None]
            heapify(self._heap)

    def _due(self, until: float) -> list[Timed]:
        """Who is to be told by now."""
        due: list[Timed] = []
        while self._heap and self._heap[0].when <= until:
            timed = heappop(self._heap).timed
            if timed is not None:
                self._unset(timed)
                due.append(timed)
        return due

    def _set(self, timed: Timed, when: float) -> None:
        """Have something told at a time, if that is earlier than it was known."""
        if when < (_NEVER if timed.entry is None else timed.entry.when):
            self._unset(timed)
            self._size += 1
            timed.entry = Entry(when, next(self._numbers), timed)
            heappush(self._heap, timed.entry)

    def _unset(self, timed: Timed) -> None:
        if timed.entry is not None:
            self._size -= 1
            timed.entry.timed = None
            timed.entry = None
