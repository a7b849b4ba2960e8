"""Calls of this side whose link was lost: held until the same start of the other side has told what became of them."""

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.link.sizes import MAX_ASKED
from collector_mesh.domain.link.start import Start
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import DeadlineExceededError, Executed
from collector_mesh.domain.model.frames import Asked
from collector_mesh.domain.model.status import Reply

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine


class Resumed(SentCall):
    """A call of a lost link as a call of another link to the same start.

    Args:
        held: those of the lost link.
        sent: the call as it was sent.
        engine: of the other link.
        number: of the call on it.
    """

    __slots__ = ("_held", "engine", "sent")

    def __init__(self, held: "HeldCalls", sent: SentCall, engine: "LinkEngine", number: int) -> None:
        super().__init__(sent.call, sent.mode, self._told, sent.deadline)
        self.number = number
        self.sent = sent
        self.engine = engine
        self._held = held

    def lost(self) -> None:
        """The other link has ended too."""
        self._held.goes_back(self)

    def _told(self, reply: Reply) -> None:
        self._held.was_told(self, reply)


class HeldCalls:
    """Those of one lost link. Whoever waits for one is told in the same way as by the link itself.

    Args:
        engine: of the lost link.
        other: who was at its other end.
        link: what the other end has called it.
        addresses: where that one can be dialed.
        counts: counts what comes of them.
        on_wait: called when calls are held again.
        on_asked: called when none is held anymore.
    """

    def __init__(
        self,
        engine: "LinkEngine",
        other: Start,
        link: str,
        addresses: frozenset[str],
        counts: Counts,
        *,
        on_wait: Callable[["HeldCalls"], None],
        on_asked: Callable[["HeldCalls"], None],
    ) -> None:
        self.other = other
        self.addresses = addresses
        self.until = inf
        """When those that were not asked for are given up."""
        self.on_alone: Callable[[HeldCalls], None] = _nobody
        """Called when calls are held, and there is no link to ask over."""
        self.is_over = False
        """Whether nobody is asked anymore."""
        self._engine = engine
        self._link = link
        self._counts = counts
        self._on_wait = on_wait
        self._on_asked = on_asked
        self._has_asked = False
        self._earliest = inf
        """The time of none that waits is up before."""
        self._calls: dict[SentCall, Reply] = {}
        """Those that wait to be asked for, with what is told of them if they cannot be."""
        self._resumed: dict[SentCall, tuple[Resumed, Reply]] = {}
        """Those that were asked for, and have no answer."""

    @property
    def waits(self) -> bool:
        """Whether there are calls that were not asked for."""
        return bool(self._calls)

    @property
    def in_doubt(self) -> int:
        """Calls of which it is not known what became of them."""
        return len(self._calls) + len(self._resumed)

    @property
    def next_tick(self) -> float:
        """When there is something to do."""
        return min(self.until, self._earliest)

    def is_of(self, engine: "LinkEngine") -> bool:
        """Whether they are those of a link."""
        return self._engine is engine

    def hold(self, sent: SentCall, unknown: Reply) -> bool:
        """Hold a call; `unknown` is what is told of it if nobody can be asked. False if there are too many."""
        if len(self._calls) >= MAX_ASKED:
            return False
        self._add(sent, unknown)
        return True

    def _add(self, sent: SentCall, unknown: Reply) -> None:
        self._calls[sent] = unknown
        self._earliest = min(self._earliest, sent.deadline)

    def cancel(self, sent: SentCall) -> None:
        """Nobody waits for a call anymore; whoever was asked for it is told."""
        self._calls.pop(sent, None)
        resumed, _ = self._resumed.pop(sent, (None, None))
        if resumed is not None:
            resumed.engine.cancel(resumed)

    def ask(self, engine: "LinkEngine", first: int) -> tuple[Asked, list[Resumed]] | None:
        """What is asked over another link to the same start, and the calls that it has from now on.

        Where no calls are held, the other side is asked all the same: it keeps nothing for this side anymore.
        """
        if self.is_over or (self._has_asked and not self._calls):
            return None
        self._has_asked = True
        ordered = sorted(self._calls, key=_number)
        resumed = [Resumed(self, sent, engine, first + index) for index, sent in enumerate(ordered)]
        for again in resumed:
            self._resumed[again.sent] = again, self._calls[again.sent]
        self._calls = {}
        self.until = self._earliest = inf
        self._on_asked(self)
        return Asked(self._link, first, tuple(map(_number, ordered))), resumed

    def was_told(self, resumed: Resumed, reply: Reply) -> None:
        """An answer has come."""
        _, unknown = self._resumed.pop(resumed.sent, (None, reply))
        if reply.executed is Executed.NO:
            self._counts.lost_not_run += 1
        elif reply.executed is Executed.YES:
            self._counts.lost_answered += 1
        else:
            self._counts.lost_unknown += 1
        self._engine.time = resumed.engine.time
        self._settle(resumed.sent, _no_less(reply, unknown))

    def goes_back(self, resumed: Resumed) -> None:
        """The link over which a call was asked for has ended: it is asked for again."""
        _, unknown = self._resumed.pop(resumed.sent, (None, None))
        if unknown is None:
            return  # it was cancelled
        self._add(resumed.sent, unknown)
        self._on_wait(self)

    def tick(self, now: float) -> None:
        """Tell of those whose time is up, and of all if they were held long enough."""
        self._engine.time = now
        self._earliest = min((sent.deadline for sent in self._calls if sent.deadline > now), default=inf)
        for sent, unknown in list(self._calls.items()):
            if sent.deadline <= now:
                del self._calls[sent]
                self._counts.lost_unknown += 1
                late = DeadlineExceededError("deadline exceeded")
                self._settle(sent, _no_less(Reply.refused(late), unknown))
        if now >= self.until:
            self.give_up(now)

    def give_up(self, now: float) -> None:
        """Ask nobody anymore: what has become of those that were not asked for stays unknown."""
        self.is_over = True
        self._engine.time = now
        calls, self._calls = self._calls, {}
        self._counts.lost_unknown += len(calls)
        for sent, unknown in calls.items():
            self._settle(sent, unknown)

    def _settle(self, sent: SentCall, reply: Reply) -> None:
        # By what the lost link tells with: whatever those who are told raise, nobody else suffers.
        self._engine.settle_late(sent, reply)


def _number(sent: SentCall) -> int:
    return sent.number


def _no_less(reply: Reply, unknown: Reply) -> Reply:
    """An answer, which tells no less of whether a handler ran than was known before."""
    if unknown.executed is Executed.YES and reply.executed is not Executed.YES:
        if reply.executed is Executed.NO:
            return unknown
        reply.executed, reply.handled_by = unknown.executed, unknown.handled_by
    return reply


def _nobody(_held: HeldCalls) -> None:
    """Tell nobody."""
