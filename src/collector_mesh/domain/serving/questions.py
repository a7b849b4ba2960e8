"""Questions to a registry: which are under way, which wait for their turn, and who waits for each."""

from collections import deque

import attrs

from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.ports.tasks import Promise
from collector_mesh.domain.registry.remembered import Answer

_MOST_ASKED = 64
"""Questions at once; others wait for their turn."""

_MOST_WAITING = 10_000
"""Questions that wait for their turn, where all of them are wanted."""


@attrs.define(eq=False)
class Question:
    """Whether a method may be called.

    Attributes:
        key: the method.
        waiting: those who wait for the answer.
        is_due: whether it is asked also where nobody waits for the answer, and before those that are not.
    """

    key: MethodKey
    waiting: list[Promise[Answer]] = attrs.field(factory=list)
    is_due: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether it has to be asked."""
        return self.is_due or self.is_awaited

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits for the answer: callers that have gone do not."""
        return any(not promise.done() for promise in self.waiting)

    def settle(self, answer: Answer) -> None:
        """Tell those who wait, and have not gone."""
        for promise in self.waiting:
            if not promise.done():
                promise.set_result(answer)
        self.waiting.clear()


class Questions:
    """One question for each method, however many want to know; a bounded number at once, and of those that wait.

    Anybody may ask for methods that are not there, and go at once. So a question that nobody wants when its turn comes is
    not asked, and one about a method that is in use does not wait for such.
    """

    def __init__(self) -> None:
        self._all: dict[MethodKey, Question] = {}
        self._asked: dict[MethodKey, Question] = {}
        self._due: deque[Question] = deque()
        self._others: deque[Question] = deque()

    def __len__(self) -> int:
        return len(self._all)

    @property
    def is_full(self) -> bool:
        """Whether no more can wait."""
        if len(self._others) >= _MOST_WAITING:
            wanted = [question for question in self._others if question.is_wanted]
            for question in self._others:
                if not question.is_wanted:
                    del self._all[question.key]
            self._others = deque(wanted)
        return len(self._others) >= _MOST_WAITING

    def about(self, key: MethodKey, *, is_due: bool) -> Question:
        """The question about a method: the one that is there, or a new one, which waits for its turn."""
        question = self._all.get(key)
        if question is None:
            question = self._all[key] = Question(key, is_due=is_due)
            (self._due if is_due else self._others).append(question)
        question.is_due |= is_due
        return question

    def next(self) -> Question | None:
        """The question to ask now, if there is one."""
        while len(self._asked) < _MOST_ASKED and (waiting := self._due or self._others):
            question = waiting.popleft()
            if question.is_wanted:
                self._asked[question.key] = question
                return question
            del self._all[question.key]
        return None

    def awaited(self) -> Question | None:
        """One that is asked as somebody waits for the answer, None if there is none."""
        return next((one for one in self._all.values() if one.is_awaited and not one.is_due), None)

    def end(self, question: Question) -> bool:
        """A question was asked; gives whether it still was one of these."""
        if self._asked.get(question.key) is not question:
            return False
        del self._asked[question.key], self._all[question.key]
        return True

    def settle(self, answer: Answer) -> None:
        """Give all who wait the same answer. What is under way goes on, the others are not asked anymore."""
        for question in self._all.values():
            question.settle(answer)
        self._all = dict(self._asked)
        self._due.clear()
        self._others.clear()

    def drop(self) -> list[Question]:
        """Know of none anymore; gives those that there were."""
        left = list(self._all.values())
        self._all, self._asked = {}, {}
        self._due.clear()
        self._others.clear()
        return left
