"""Calls with an idempotency key: the first one runs, whoever repeats it gets the same reply."""

from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Any

import attrs

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    ConflictError,
    Executed,
    MeshError,
    OutcomeUnknownError,
    is_a,
    text_of,
)
from collector_mesh.domain.model.events import KeyStoreFailed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.key_store import (
    Claim,
    KeyRules,
    KeysFullError,
    KeyState,
    KeyStore,
    KeyStoreError,
)
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Promise, Tasks
from collector_mesh.domain.serving.keyed_run import KeyedRun, Waiter
from collector_mesh.domain.serving.memory_keys import reply_bytes

_FIRST_LOOK, _LAST_LOOK = 0.02, 0.5
"""How often it is looked whether a call that runs elsewhere has ended, in seconds."""

_SAVE_AGAIN = 0.2
"""Seconds after which what could not be written into a store is written again."""

_LOST = "outcome unknown: the collector that ran the first call with this key has ended"

_ENDED = "outcome unknown: the first call with this key was ended before its handler had"

Run = Callable[[Call], Coroutine[Any, Any, Reply]]
"""Runs a call here, with whatever belongs to that: its place among those that run, the validator, the handler."""


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
        self._unsaved: dict[KeyedRun, Reply | None] = {}
        """Those that the store has not taken yet, with what is to be kept of them; None where they did not run."""
        self._unsaved_bytes = 0

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
        going = self._runs[place] = KeyedRun(call, claim, self._clock, self._rules.seconds, self._stopped)
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
                if reply is None:
                    self._stopped(going, error)
                else:
                    self._ended(going, reply)

            going.job = outcome.go_on(float("inf"), _nothing, settle)
        return waiter

    def _ended(self, going: KeyedRun, reply: Reply) -> None:
        if going.reply is None:
            self._runs.pop(going.place, None)
        going.settle(reply)

    def _stopped(self, going: KeyedRun, error: BaseException | None) -> None:
        """It was ended before it had. Nobody knows how far it came, so it is kept that it is not to run again."""
        going.reply = Reply.refused(OutcomeUnknownError(_ENDED))
        self._save_again(going, going.reply, 0.0)
        self._ended(going, Reply.refused(_why_stopped(error)))

    async def _go(self, going: KeyedRun, run: Run) -> Reply:
        call, claim = going.call, going.claim
        known = await self._known(going)
        if known is not None:
            return known
        reply = await run(attrs.evolve(call, idempotency_key="", deadline=call.deadline + self._grace))
        kept: Reply | None = reply
        # A success stands, whoever has given it: middleware may have, without the handler.
        if reply.status.code == OK.code:
            pass
        elif reply.executed is Executed.NO:
            kept = None
        elif reply.executed is Executed.MAYBE:
            kept = Reply.refused(OutcomeUnknownError(_ENDED))
        try:
            await self._save(claim, kept)
        except Exception as error:  # noqa: BLE001  # the store may be a user's
            self._observer.tell(KeyStoreFailed(self._collector_id, claim.method, error))
            if kept is not None:
                going.reply = kept
            self._save_again(going, kept, _SAVE_AGAIN)
        return reply

    async def _known(self, going: KeyedRun) -> Reply | None:
        """What is known of a key already; None where it is this collector's now, and its call is to run."""
        pause = _FIRST_LOOK
        while True:
            try:
                if self._unsaved_bytes:
                    self._check_room()
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

    def _save_again(self, going: KeyedRun, kept: Reply | None, pause: float) -> None:
        """Have it written by and by; meanwhile it is kept here, and gone with the process."""
        going.until = self._clock.now() + self._rules.seconds
        if kept is not None:
            self._unsaved_bytes += reply_bytes(kept)
        self._unsaved[going] = kept
        if len(self._unsaved) == 1:
            self._tasks.start(self._save_all(pause), "keep replies to idempotency keys")

    async def _save_all(self, pause: float) -> None:
        """Write what could not be written, one after the other, until all of it is or its time is up."""
        while self._unsaved:
            if pause:
                await self._clock.alarm().wait(pause)
            pause = _SAVE_AGAIN
            for going, kept in list(self._unsaved.items()):
                # Where its call did not run, somebody may have begun it anew.
                if kept is not None or going.place not in self._runs:
                    try:
                        await self._save(going.claim, kept)
                    except Exception:  # noqa: BLE001  # it was told the first time
                        if self._clock.now() < going.until:
                            break
                self._saved(going)

    def _saved(self, going: KeyedRun) -> None:
        kept = self._unsaved.pop(going)
        if kept is not None:
            self._unsaved_bytes -= reply_bytes(kept)
        if self._runs.get(going.place) is going:
            del self._runs[going.place]

    def _check_room(self) -> None:
        """See that the store can be written, as far as is known: what it does not take has to be kept here.

        Raises:
            KeysFullError: too much waits to be written.
        """
        if self._unsaved_bytes >= self._rules.max_bytes:
            raise KeysFullError.of(
                f"overloaded: {self._unsaved_bytes} bytes of replies to idempotency keys wait to be written into the key store"
            )


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


def _why_stopped(error: BaseException | None) -> MeshError:
    if isinstance(error, MeshError):
        return OutcomeUnknownError(f"outcome unknown: {text_of(error)}") if error.code != 502 else error
    return OutcomeUnknownError(_ENDED)


def _nothing() -> None:
    """Its slot is given back by whoever runs it."""
