"""Calls under way on a link, seen from the side that has sent them and from the side that runs them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.status import Reply

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine


class Cancellable(Protocol):
    """Something under way that can be told to stop."""

    def cancel(self) -> object:
        """Tell it to stop; it need not be done at once, and nobody waits for what comes of it."""
        ...


class SentCall:
    """A call of this side; `settle` is called once with what came of it, unless it is cancelled.

    Args:
        call: the call.
        mode: what is wanted of it.
        answer: given what came of it.
        deadline: when it is given up, if that is before the call's own deadline.
    """

    # Plain slotted classes, here and below: one of each is made for every call.
    __slots__ = ("_answer", "call", "deadline", "is_done", "mode", "number", "reply", "size")
    is_reply: Literal[False] = False

    def __init__(
        self, call: Call, mode: Mode, answer: Callable[[Reply], None], deadline: float | None = None
    ) -> None:
        self.call = call
        self.mode = mode
        self._answer = answer
        self.deadline = call.deadline if deadline is None else deadline
        self.number = 0
        """0 until it has been put into a frame, whole or in part."""
        self.size = 0
        self.is_done = False
        """Whether nobody waits for it anymore: it was told what came of it, or is cancelled."""
        self.reply: Reply
        """What came of it, once that is known."""

    def settle(self, reply: Reply) -> None:
        """Take what came of it."""
        self._answer(reply)

    def goes_on_elsewhere(self) -> bool:
        """Whether it is tried somewhere else where nobody knows what came of it: then nobody has to find out."""
        return False


class TakenCall:
    """A call of the other side; it is answered once, or cancelled."""

    __slots__ = ("_engine", "call", "is_done", "mode", "number", "reply", "size", "work")
    is_reply: Literal[True] = True

    def __init__(self, engine: "LinkEngine", number: int, call: Call, mode: int) -> None:
        self._engine = engine
        self.number = number
        self.call = call
        self.mode = mode
        self.reply: Reply | None = None
        self.work: Cancellable | None = None
        """What runs it, to be told if nobody waits for the reply anymore."""
        self.size = 0
        self.is_done = False
        """Whether the other side waits for its reply no longer."""

    def answer(self, reply: Reply) -> None:
        """Send the reply."""
        self._engine.answer(self, reply)

    def stop(self) -> None:
        """Stop what runs it: nobody waits anymore."""
        if self.work is not None:
            self.work.cancel()


News = SentCall | TakenCall | Callable[[], None]
"""What is to be told: a call of this side has a reply, one of the other side is to be run, or something else."""
