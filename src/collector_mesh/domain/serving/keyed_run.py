"""A call with an idempotency key that runs here, and those who wait for what comes of it."""

from collections.abc import Callable

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import DeadlineExceededError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.clock import Clock, Timer
from collector_mesh.domain.ports.key_store import Claim
from collector_mesh.domain.ports.tasks import Job


class Waiter:
    """One of those who wait for the reply to a key.

    Args:
        run: what it waits for.
        answer: told once what comes of it.
    """

    __slots__ = ("_run", "answer", "timer")

    def __init__(self, run: "KeyedRun", answer: Callable[[Reply], None]) -> None:
        self._run = run
        self.answer = answer
        self.timer: Timer | None = None

    def cancel(self) -> None:
        """Wait no longer. The handler goes on: what it comes to is the reply to the next one who asks."""
        self._run.leave(self)

    def expire(self) -> None:
        """Its time is up."""
        if self._run.leave(self):
            self.answer(Reply.refused(DeadlineExceededError("deadline exceeded")))


class KeyedRun:
    """A call with a key that runs here, or is waited for, for all who have asked for it."""

    __slots__ = (
        "_clock",
        "_on_stop",
        "_patience",
        "_waiters",
        "call",
        "claim",
        "job",
        "reply",
        "timer",
        "until",
    )

    def __init__(
        self,
        call: Call,
        claim: Claim,
        clock: Clock,
        patience: float,
        on_stop: "Callable[[KeyedRun, BaseException | None], None]",
    ) -> None:
        self.call = call
        self.claim = claim
        self._clock = clock
        self._patience = patience
        self._on_stop = on_stop
        self._waiters: dict[Waiter, None] = {}
        self.job: Job | None = None
        self.timer: Timer | None = None
        """Ends it where nobody waits for it anymore, and it has no time of its own."""
        self.reply: Reply | None = None
        """What it has come to, while that is not in the store yet."""
        self.until = float("inf")
        """How long it is tried to write that into the store."""

    @property
    def place(self) -> tuple[MethodKey, str]:
        """What tells it from others."""
        return self.call.key, self.call.idempotency_key

    @property
    def is_awaited(self) -> bool:
        """Whether anybody waits for it."""
        return bool(self._waiters)

    def join(self, call: Call, answer: Callable[[Reply], None]) -> Waiter:
        """Wait for it too, within the time of a call."""
        waiter = Waiter(self, answer)
        self._waiters[waiter] = None
        if call.deadline != float("inf"):
            waiter.timer = self._clock.call_at(call.deadline, waiter.expire)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        return waiter

    def leave(self, waiter: Waiter) -> bool:
        """One of them waits no longer; gives whether it has waited."""
        if waiter not in self._waiters:
            return False
        del self._waiters[waiter]
        if waiter.timer is not None:
            waiter.timer.cancel()
        if not self._waiters and self.job is not None and self.call.deadline == float("inf"):
            # A handler that never ends is not kept for ever.
            self.timer = self._clock.call_at(self._clock.now() + self._patience, self._stop)
        return True

    def _stop(self) -> None:
        if self.job is not None:
            self.job.cancel()
            self._on_stop(self, None)

    def settle(self, reply: Reply) -> None:
        """Tell all of them what came of it."""
        if self.timer is not None:
            self.timer.cancel()
        waiters, self._waiters = list(self._waiters), {}
        for waiter in waiters:
            if waiter.timer is not None:
                waiter.timer.cancel()
            # Whoever gets one changes it on its way.
            waiter.answer(attrs.evolve(reply, nested=None))
