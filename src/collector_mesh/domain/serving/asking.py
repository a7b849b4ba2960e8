"""Asks a registry about methods: once for each, however many calls want to know, and never in the way of a call for long."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import MeshError, text_of
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Promise, Tasks
from collector_mesh.domain.ports.validator import ReadyValidator
from collector_mesh.domain.registry.remembered import Answer, Answers, Times, Undecided
from collector_mesh.domain.serving.questions import Question, Questions

_CLOSED = Undecided("the validator was closed", is_away=True)
_TOO_MANY = Undecided("too many questions wait for the registry")


class Asking:
    """A validator that asks a registry, and remembers what it says.

    While the registry is away, calls are answered at once from what is remembered, and it is asked in the background until
    it answers. A request that was begun is run to its end, whoever has gone meanwhile; one that waits for its turn is not begun
    once all have gone who want it.

    Args:
        ask: asks the registry about a method; it raises nothing, and ends in time.
        times: how long answers are kept.
        clock: the time.
        dice: spreads requests.
        backoff: the pauses between requests while the registry is away.
        turned: told that the registry is away, with the reason, and that it is back, with an empty one.
        undecided: told that calls of a method are allowed although there is no answer that means something, and why.
    """

    def __init__(
        self,
        ask: Callable[[MethodKey], Awaitable[Answer]],
        times: Times,
        *,
        clock: Clock,
        dice: Randomness,
        backoff: Backoff,
        turned: Callable[[str], None],
        undecided: Callable[[MethodKey, str], None],
    ) -> None:
        self._ask = ask
        self._answers = Answers(times, dice)
        self._told = self._answers.told
        self._clock = clock
        self._now = clock.now
        self._dice = dice
        self._backoff = backoff
        self._turned = turned
        self._undecided = undecided
        self._tasks: Tasks | None = None
        self._questions = Questions()
        self._sought: MethodKey | None = None
        """The method that is asked about next while the registry is away."""
        self._unanswered: MethodKey | None = None
        """The one that it has not answered last."""
        self._is_probing = False

    @property
    def away(self) -> str:
        """Why the registry is away; empty while it is there, as far as is known."""
        return self._answers.away

    @property
    def is_open(self) -> bool:
        """Whether it may ask."""
        return self._tasks is not None

    def open(self, tasks: Tasks) -> None:
        """Begin to ask.

        Args:
            tasks: run the requests; whoever closes them calls `close` first.
        """
        self._tasks = tasks

    def keep_time(self, clock: Clock, dice: Randomness) -> None:
        """Use another clock and other dice; what was remembered by a clock that counts otherwise is forgotten."""
        self._clock, self._dice = clock, dice
        self._answers.dice = dice
        if clock.now != self._now:
            self._now = clock.now
            self._answers.forget()

    async def finish(self) -> None:
        """Wait until no call waits for an answer anymore."""
        while self._tasks is not None and (question := self._questions.awaited()) is not None:
            await self._asked(question.key)

    def close(self) -> None:
        """Begin no more requests; whoever waits for one is told so. What is remembered stays."""
        for question in self.abandon():
            question.settle(_CLOSED)

    def abandon(self) -> list[Question]:
        """As `close`, where nobody can wait anymore, as the loop has ended; gives what was left."""
        self._tasks = None
        self._is_probing = False
        return self._questions.drop()

    def at_hand(self, key: MethodKey, /) -> Allowed | None:
        """See the port. Almost every call ends in the first lines, which are the rule of `decided` for this case."""
        told = self._told.get(key)
        now = self._now()
        if told is not None and now < told.refresh:
            return told.allowed
        decided = self._answers.decided(key, now)
        if decided is not None:
            self._look_after(key, now)
        return decided if type(decided) is Allowed else None

    async def validate_service_method(
        self, namespace: str, service_name: str, method_name: str, /
    ) -> Allowed:
        """Say whether a method may be called, from what is remembered, else from what the registry says.

        Raises:
            NotFoundError: the registry does not have it.
            UnavailableError: that cannot be found out.
        """
        key = MethodKey(namespace, service_name, method_name)
        now = self._now()
        decided = self._answers.decided(key, now)
        if decided is None:
            decided = self._answers.judged(key, await self._asked(key), self._now())
        else:
            self._look_after(key, now)
        if isinstance(decided, MeshError):
            raise decided
        return decided

    async def _asked(self, key: MethodKey, *, is_due: bool = False) -> Answer:
        if self._tasks is None:
            return _CLOSED
        if self._questions.is_full and not is_due:
            return _TOO_MANY
        promise: Promise[Answer] = self._tasks.promise()
        self._questions.about(key, is_due=is_due).waiting.append(promise)
        self._go_on()
        return await promise

    def _look_after(self, key: MethodKey, now: float) -> None:
        """Ask in the background where that is due although an answer is there."""
        if self._tasks is None or not self._tasks.is_here():
            return
        if self._answers.away:
            self._probe(key)
        elif self._answers.wants_refresh(key, now):
            self._questions.about(key, is_due=True)
            self._go_on()

    def _go_on(self) -> None:
        """Begin what has its turn."""
        while self._tasks is not None and (question := self._questions.next()) is not None:
            self._tasks.start(self._run(question), "ask a registry")

    async def _run(self, question: Question) -> None:
        answer: Answer = _CLOSED
        try:
            try:
                answer = await self._ask(question.key)
            except Exception as error:  # noqa: BLE001  # a registry of the user's may raise anything
                answer = Undecided(text_of(error))
        finally:
            if self._questions.end(question) and answer is not _CLOSED:
                self._heard(question.key, answer)
                self._go_on()
            question.settle(answer)

    def _heard(self, key: MethodKey, answer: Answer) -> None:
        was_away = self._answers.away
        now = self._now()
        self._answers.take(key, answer, now)
        if not self._answers.away:
            if was_away:
                self._turned("")
            if isinstance(answer, Undecided) and type(self._answers.judged(key, answer, now)) is Allowed:
                self._undecided(key, answer.reason)
            return
        self._unanswered = key
        if not was_away:
            self._sought = key
            self._turned(self._answers.away)
            # Whoever waits for another answer need not find out the same.
            self._questions.settle(answer)
        self._probe(key)

    def _probe(self, key: MethodKey) -> None:
        # Not the same one again where others are wanted: it may be the only one that has no answer.
        if key != self._unanswered:
            self._sought = key
        if not self._is_probing and self._tasks is not None:
            self._is_probing = True
            self._tasks.start(self._ask_until_back(self._tasks), "ask whether a registry is back")

    async def _ask_until_back(self, tasks: Tasks) -> None:
        alarm = self._clock.alarm()
        attempt = 0
        try:
            while self._answers.away and self._tasks is tasks:
                attempt += 1
                await alarm.wait(self._backoff.pause(attempt, dice=self._dice))
                if self._answers.away and self._tasks is tasks and self._sought is not None:
                    await self._asked(self._sought, is_due=True)
        finally:
            if self._tasks is tasks:
                self._is_probing = False


if TYPE_CHECKING:
    _fits: type[ReadyValidator] = Asking
