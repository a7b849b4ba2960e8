"""What the other side of a lost link may ask for: handlers that go on, and replies that it may not have got."""

from math import inf
from typing import TYPE_CHECKING

from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.sizes import CALL_MEMORY, ENVELOPE_BYTES, unusual_reply_bytes
from collector_mesh.domain.link.start import Start
from collector_mesh.domain.model.errors import OutcomeUnknownError, UnavailableError
from collector_mesh.domain.model.status import Reply

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine

MAX_KEPT_BYTES = 8 << 20
"""Most bytes of replies that are kept of one lost link; those that come later are not."""


class Earlier:
    """Stops a call of a lost link, for whoever has asked for it over another one."""

    __slots__ = ("_taken",)

    def __init__(self, taken: TakenCall) -> None:
        self._taken = taken

    def cancel(self) -> None:
        """Stop it: nobody waits anymore."""
        self._taken.is_done = True
        self._taken.stop()


class Room:
    """What may be kept of all lost links together.

    Args:
        most: bytes.
    """

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most


class KeptCalls:
    """Those of one lost link.

    Args:
        other: who was at its other end: nobody else may ask.
        last_number: the highest number of a call that has come.
        room: what may be kept of all lost links.
    """

    def __init__(self, other: Start, last_number: int, room: Room) -> None:
        self.other = other
        self.until = inf
        """When they are let go of."""
        self.asked_over: LinkEngine | None = None
        """The link over which they were asked for."""
        self._room = room
        self._reply_bytes = 0
        self._last_number = last_number
        self._not_run: set[int] = set()
        self._running: dict[int, TakenCall] = {}
        self._replies: dict[int, Reply] = {}
        self._asked: dict[int, tuple[TakenCall | None, TakenCall]] = {}
        """Calls that are those of another link now: as they were taken, if they run, and as they are there."""

    @property
    def running(self) -> int:
        """Handlers that go on."""
        return len(self._running)

    @property
    def held_bytes(self) -> int:
        """What is held for whoever may ask, about."""
        requests = sum(len(taken.call.payload.value) for taken in self._running.values())
        return self._reply_bytes + CALL_MEMORY * len(self._running) + requests

    # ---- what is kept ------------------------------------------------------------------------------

    def has_not_run(self, number: int) -> None:
        """A call has not come whole, or nobody here was told of it."""
        self._not_run.add(number)

    def runs(self, taken: TakenCall) -> None:
        """A handler goes on."""
        self._running[taken.number] = taken

    def answered(self, taken: TakenCall, reply: Reply) -> None:
        """A handler has ended after the link was lost."""
        taken.reply = reply
        number = taken.number
        if self._running.pop(number, None) is not None:
            self.keep(number, reply)
        elif number in self._asked:
            self._asked[number][1].answer(reply)

    def keep(self, number: int, reply: Reply) -> None:
        """Keep a reply, if there is room."""
        cost = _cost(reply)
        if self._reply_bytes + cost <= MAX_KEPT_BYTES and cost <= self._room.left:
            self._replies[number] = reply
            self._count(cost)

    # ---- what is asked -----------------------------------------------------------------------------

    def ask(self, number: int, again: TakenCall) -> Reply | None:
        """What has become of a call, which is `again` on another link; None if its reply is still to come."""
        taken = self._running.pop(number, None)
        reply = self._replies.pop(number, None)
        if taken is not None:
            again.call, again.work = taken.call, Earlier(taken)
        elif reply is not None:
            self._count(-_cost(reply))
        elif number > self._last_number or number in self._not_run:
            return not_run()
        else:
            return unknown()
        self._asked[number] = taken, again
        return reply

    def goes_back(self, number: int, reply: Reply | None) -> None:
        """The link over which a call was asked for is lost too: its reply, if there is one, may not have arrived."""
        if number not in self._asked:
            return  # it was not run, or nothing was known of it, which is so again
        taken, again = self._asked.pop(number)
        again.is_done = True
        if reply is not None:
            self.keep(number, reply)
        elif taken is not None:
            self.runs(taken)

    def was_answered(self, number: int) -> None:
        """The other side has the reply to a call that it has asked for, or does not want it."""
        self._asked.pop(number, None)

    def let_go(self) -> None:
        """Nobody asks anymore: stop what runs, and keep nothing."""
        running, self._running = self._running, {}
        self._replies = {}
        self._count(-self._reply_bytes)
        for taken in running.values():
            if not taken.is_done:
                taken.is_done = True
                taken.stop()

    def _count(self, size: int) -> None:
        self._reply_bytes += size
        self._room.left -= size


def _cost(reply: Reply) -> int:
    value = reply.payload.value
    size = len(value) if type(value) is bytes else 0
    try:
        return ENVELOPE_BYTES + size + unusual_reply_bytes(reply)
    except Exception:  # noqa: BLE001  # whatever is wrong with it is told when it is sent
        return MAX_KEPT_BYTES


def not_run() -> Reply:
    """What is told of a call that has not come, or not whole."""
    return Reply.refused(UnavailableError("the call had not arrived when the link was lost"))


def unknown() -> Reply:
    """What is told of a call of which nothing is known here."""
    return Reply.refused(
        OutcomeUnknownError("outcome unknown: the link was lost, and nothing is kept of the call")
    )
