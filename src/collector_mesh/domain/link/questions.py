"""Whether the other side of a link is opening another one: what is asked of it when somebody says so elsewhere."""

from collections import deque

from collector_mesh.domain.model.frames import Heartbeat


class Question:
    """One question: whether the other side has dialed with a number, and waits for the answer.

    Args:
        dial: the number.
    """

    __slots__ = ("dial", "is_answered", "is_own_dial")

    def __init__(self, dial: int) -> None:
        self.dial = dial
        self.is_answered = False
        self.is_own_dial: bool | None = None
        """The answer; None if the other side is of a version that does not know of such questions."""


class Questions:
    """Those to one other side: one at a time goes with a ping, so that none is lost behind another one."""

    __slots__ = ("_asked", "_number", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Question] = deque()
        self._asked: Question | None = None
        self._number = 0

    def ask(self, dial: int) -> Question:
        """Have a question go with a ping."""
        question = Question(dial)
        self._waiting.append(question)
        return question

    def forget(self, question: Question) -> None:
        """Nobody waits for an answer anymore."""
        if self._asked is question:
            self._asked = None
        elif question in self._waiting:
            self._waiting.remove(question)

    @property
    def wait(self) -> bool:
        """Whether a ping is needed for one."""
        return self._asked is None and bool(self._waiting)

    def take(self, number: int) -> int:
        """What the ping of that number asks; 0 for nothing."""
        if not self.wait:
            return 0
        self._asked, self._number = self._waiting.popleft(), number
        return self._asked.dial

    def answered(self, pong: Heartbeat) -> None:
        """A pong has come."""
        if self._asked is not None and pong.number == self._number:
            self._asked.is_answered, self._asked.is_own_dial = True, pong.is_own_dial
            self._asked = None
