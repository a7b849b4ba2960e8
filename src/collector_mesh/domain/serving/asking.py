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

_CLOSED = Undecided("the validator was closed", is_away=True)


class Asking:
    """A validator that asks a registry, and remembers what it says.

    While the registry is away, calls are answered at once from what is remembered, and it is asked in the background until
    it answers. A request that was begun is run to its end, whoever has gone meanwhile.

    Args:
        ask: asks the registry about a method; it raises nothing, and ends in time.
        times: how long answers are kept.
        clock: the time.
        dice: spreads requests.
        backoff: the pauses between requests while the registry is away.
        turned: told that the registry is away, with the reason, and that it is back, with an empty one.
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
    ) -> None:
        self._ask = ask
        self._answers = Answers(times, dice)
        self._told = self._answers.told
        self._clock = clock
        self._now = clock.now
        self._dice = dice
        self._backoff = backoff
        self._turned = turned
        self._tasks: Tasks | None = None
        self._requests: dict[MethodKey, list[Promise[Answer]]] = {}
        """Those under way, with whoever waits for each."""
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

    def close(self) -> None:
        """Begin no more requests; whoever waits for one is told so. What is remembered stays."""
        requests = list(self._requests.values())
        self.abandon()
        for waiting in requests:
            _settle(waiting, _CLOSED)

    def abandon(self) -> None:
        """As `close`, where nobody can wait anymore, as the loop has ended."""
        self._tasks = None
        self._requests = {}
        self._is_probing = False

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

    async def _asked(self, key: MethodKey) -> Answer:
        if self._tasks is None:
            return _CLOSED
        promise: Promise[Answer] = self._tasks.promise()
        self._request(key).append(promise)
        return await promise

    def _look_after(self, key: MethodKey, now: float) -> None:
        """Ask in the background where that is due although an answer is there."""
        if self._tasks is None:
            return
        if self._answers.away:
            self._probe(key)
        elif self._answers.wants_refresh(key, now):
            self._request(key)

    def _request(self, key: MethodKey) -> list[Promise[Answer]]:
        """Ask, unless somebody does already; gives those who wait for it."""
        waiting = self._requests.get(key)
        if waiting is None:
            assert self._tasks is not None  # whoever calls this has looked
            waiting = self._requests[key] = []
            self._tasks.start(self._run(key, waiting), "ask a registry")
        return waiting

    async def _run(self, key: MethodKey, waiting: list[Promise[Answer]]) -> None:
        answer: Answer = _CLOSED
        try:
            try:
                answer = await self._ask(key)
            except Exception as error:  # noqa: BLE001  # a registry of the user's may raise anything
                answer = Undecided(text_of(error))
        finally:
            if self._requests.get(key) is waiting:
                del self._requests[key]
                if answer is not _CLOSED:
                    self._heard(key, answer)
            _settle(waiting, answer)

    def _heard(self, key: MethodKey, answer: Answer) -> None:
        was_away = self._answers.away
        self._answers.take(key, answer, self._now())
        if not self._answers.away:
            if was_away:
                self._turned("")
            return
        if not was_away:
            self._turned(self._answers.away)
            # Whoever waits for another answer need not find out the same.
            for waiting in self._requests.values():
                _settle(waiting, answer)
        self._probe(key)

    def _probe(self, key: MethodKey) -> None:
        if not self._is_probing and self._tasks is not None:
            self._is_probing = True
            self._tasks.start(self._ask_until_back(key, self._tasks), "ask whether a registry is back")

    async def _ask_until_back(self, key: MethodKey, tasks: Tasks) -> None:
        alarm = self._clock.alarm()
        attempt = 0
        try:
            while self._answers.away and self._tasks is tasks:
                attempt += 1
                await alarm.wait(self._backoff.pause(attempt, dice=self._dice))
                if self._answers.away and self._tasks is tasks:
                    await self._asked(key)
        finally:
            if self._tasks is tasks:
                self._is_probing = False


def _settle(waiting: list[Promise[Answer]], answer: Answer) -> None:
    """Tell those who wait, and have not gone."""
    for promise in waiting:
        if not promise.done():
            promise.set_result(answer)
    waiting.clear()


if TYPE_CHECKING:
    _fits: type[ReadyValidator] = Asking
