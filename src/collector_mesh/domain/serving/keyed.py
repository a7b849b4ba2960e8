"""Calls with an idempotency key: the first one runs, whoever repeats it gets the same reply."""

from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Any

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    ConflictError,
    DeadlineExceededError,
    Executed,
    MeshError,
    OutcomeUnknownError,
    is_a,
    text_of,
)
from collector_mesh.domain.model.events import KeyStoreFailed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.clock import Clock, Timer
from collector_mesh.domain.ports.key_store import (
    Claim,
    KeyRules,
    KeysFullError,
    KeyState,
    KeyStore,
    KeyStoreError,
)
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Job, Promise, Tasks

_FIRST_LOOK, _LAST_LOOK = 0.02, 0.5
"""How often it is looked whether a call that runs elsewhere has ended, in seconds."""

_SAVE_AGAIN = 0.2
"""Seconds after which what could not be written into a store is written again."""

_LOST = "outcome unknown: the collector that ran the first call with this key has ended"

Run = Callable[[Call], Coroutine[Any, Any, Reply]]
"""Runs a call here, with whatever belongs to that: its place among those that run, the validator, the handler."""


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

    __slots__ = ("_clock", "_patience", "_waiters", "call", "claim", "job", "reply", "timer")

    def __init__(self, call: Call, claim: Claim, clock: Clock, patience: float) -> None:
        self.call = call
        self.claim = claim
        self._clock = clock
        self._patience = patience
        self._waiters: dict[Waiter, None] = {}
        self.job: Job | None = None
        self.timer: Timer | None = None
        """Ends it where nobody waits for it anymore, and it has no time of its own."""
        self.reply: Reply | None = None
        """What it has come to, while that is not in the store yet."""

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
            self.timer = self._clock.call_at(self._clock.now() + self._patience, self.job.cancel)
        return True

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


class KeyedCalls:
    """Runs a call once for each key, and gives its reply to all who repeat it.

    A handler that has begun is not cancelled when its callers go: cut off halfway nobody would know what it has done.

    Args:
        collector_id: of this collector.
        store: keeps what became of them.
        claimant: stands for this start of this collector.
        rules: how much is kept, and for how long.
        grace: seconds that a handler may go on after the deadline of its first caller.
        tasks: runs what nobody owns.
        clock: the time.
        observer: told where the store fails.
    """

    def __init__(
        self,
        collector_id: str,
        store: KeyStore,
        claimant: str,
        rules: KeyRules,
        *,
        grace: float,
        tasks: Tasks,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._collector_id = collector_id
        self._store = store
        self._claimant = claimant
        self._rules = rules
        self._grace = grace
        self._tasks = tasks
        self._clock = clock
        self._observer = observer
        self._runs: dict[tuple[MethodKey, str], KeyedRun] = {}

    async def run(self, call: Call, run: Run) -> Reply:
        """Run a call, or wait for whoever runs it. Whoever is cancelled meanwhile cancels nobody else.

        Args:
            call: has a key.
            run: runs it here.
        """
        promise: Promise[Reply] = self._tasks.promise()

        def settle(reply: Reply) -> None:
            if not promise.done():
                promise.set_result(reply)

        waiter = self.execute(call, settle, run)
        try:
            return await promise
        except BaseException:
            if waiter is not None:
                waiter.cancel()
            raise

    def execute(self, call: Call, answer: Callable[[Reply], None], run: Run) -> Waiter | None:
        """As `run`, but nobody awaits it: `answer` is called with what comes of it."""
        place = call.key, call.idempotency_key
        digest = digest_of(call)
        going = self._runs.get(place)
        if going is not None:
            if going.claim.digest != digest:
                answer(Reply.refused(_taken(call)))
                return None
            if going.reply is not None:
                answer(attrs.evolve(going.reply))
                return None
            return going.join(call, answer)
        claim = Claim(call.key, call.idempotency_key, digest, self._claimant)
        going = self._runs[place] = KeyedRun(call, claim, self._clock, self._rules.seconds)
        waiter = going.join(call, answer)
        try:
            outcome = self._tasks.begin(self._go(going, run))
        except Exception as error:  # noqa: BLE001  # a defect of ours: whoever waits hears of it
            self._ended(going, Reply.refused(OutcomeUnknownError(f"outcome unknown: {text_of(error)}")))
            return waiter
        except BaseException:
            del self._runs[place]
            raise
        if isinstance(outcome, Reply):
            self._ended(going, outcome)
        else:

            def settle(reply: Reply | None, error: BaseException | None) -> None:
                self._ended(going, Reply.refused(_stopped(error)) if reply is None else reply)

            going.job = outcome.go_on(float("inf"), _nothing, settle)
        return waiter

    def _ended(self, going: KeyedRun, reply: Reply) -> None:
        if going.reply is None:
            self._runs.pop((going.call.key, going.call.idempotency_key), None)
        going.settle(reply)

    async def _go(self, going: KeyedRun, run: Run) -> Reply:
        call, claim = going.call, going.claim
        known = await self._known(going)
        if known is not None:
            return known
        reply = await run(attrs.evolve(call, idempotency_key="", deadline=call.deadline + self._grace))
        kept: Reply | None = reply
        if reply.executed is Executed.NO:
            kept = None
        elif reply.executed is Executed.MAYBE:
            kept = Reply.refused(
                OutcomeUnknownError(
                    "outcome unknown: the first call with this key was ended before its handler had"
                )
            )
        try:
            await self._save(claim, kept)
        except Exception as error:  # noqa: BLE001  # the store may be a user's
            self._observer.tell(KeyStoreFailed(self._collector_id, claim.method, error))
            if kept is not None:
                going.reply = kept
            self._tasks.start(self._save_later(going, kept), f"keep the reply of {claim.method.short}")
        return reply

    async def _known(self, going: KeyedRun) -> Reply | None:
        """What is known of a key already; None where it is this collector's now, and its call is to run."""
        pause = _FIRST_LOOK
        while True:
            try:
                state, reply = await self._store.reserve(going.claim, self._rules, self._clock.now())
            except Exception as error:  # noqa: BLE001  # the store may be a user's
                return self._refused(going.claim, error)
            if state is not KeyState.RUNNING:
                break
            if not going.is_awaited:
                return Reply.refused(OutcomeUnknownError("outcome unknown: it runs elsewhere"))
            await self._clock.alarm().wait(pause)
            pause = min(pause * 1.5, _LAST_LOOK)
        if state is KeyState.BEGUN:
            return None
        if reply is not None:
            return reply
        return Reply.refused(_taken(going.call) if state is KeyState.TAKEN else OutcomeUnknownError(_LOST))

    def _refused(self, claim: Claim, error: Exception) -> Reply:
        """The reply where the store could not be asked: the call has not run."""
        if not is_a(error, KeysFullError):
            self._observer.tell(KeyStoreFailed(self._collector_id, claim.method, error))
            told = error.told if isinstance(error, KeyStoreError) else "the key store cannot be used"
            error = KeyStoreError(told)
        assert isinstance(error, MeshError)  # for the type checker: one or the other
        error.executed = Executed.NO
        return Reply.refused(error)

    async def _save(self, claim: Claim, kept: Reply | None) -> None:
        if kept is None:
            await self._store.release(claim)
        else:
            await self._store.finish(claim, kept, self._rules, self._clock.now())

    async def _save_later(self, going: KeyedRun, kept: Reply | None) -> None:
        """Try again to write what could not be written; meanwhile it is kept here, and gone with the process."""
        place = going.call.key, going.call.idempotency_key
        until = self._clock.now() + self._rules.seconds
        while self._clock.now() < until:
            await self._clock.alarm().wait(_SAVE_AGAIN)
            if kept is None and place in self._runs:
                # Somebody has begun it anew.
                return
            try:
                await self._save(going.claim, kept)
                break
            except Exception:  # noqa: BLE001, S112  # it was told the first time
                continue
        if self._runs.get(place) is going:
            del self._runs[place]


def digest_of(call: Call) -> bytes:
    """What tells the request of a call from others."""
    payload = call.payload
    found = blake2b(payload.type_url.encode("utf-8", "surrogatepass"), digest_size=16)
    found.update(b"\0")
    found.update(payload.value)
    return found.digest()


def _taken(call: Call) -> MeshError:
    return ConflictError(
        f"the idempotency key of this call of '{call.key.short}' has come with another request before: a key stands"
        " for one request"
    )


def _stopped(error: BaseException | None) -> MeshError:
    if isinstance(error, MeshError):
        return OutcomeUnknownError(f"outcome unknown: {text_of(error)}") if error.code != 502 else error
    return OutcomeUnknownError("outcome unknown: it was stopped")


def _nothing() -> None:
    """Its slot is given back by whoever runs it."""
