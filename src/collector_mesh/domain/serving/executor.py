"""A call on its way in, once it has been checked: admitted, validated, looked up, run."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.link.entries import Cancellable
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    HandlerError,
    MeshError,
    OutcomeUnknownError,
    OverloadedError,
    UnavailableError,
    is_a,
    text_of,
)
from collector_mesh.domain.model.limits import SHORT_TYPE_URL, is_long, long_type_url
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload, flaw_of
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit, Slot
from collector_mesh.domain.policies.lease import Lease
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Started, Tasks
from collector_mesh.domain.ports.validator import Validator
from collector_mesh.domain.serving.begun import BegunCall
from collector_mesh.domain.serving.failures import HandlerFailures
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method
from collector_mesh.domain.serving.life import NotServedError
from collector_mesh.domain.serving.nested import NestedCalls
from collector_mesh.domain.serving.outlived import Outlived
from collector_mesh.domain.serving.plain import Place, PlainFunctions
from collector_mesh.domain.serving.validation import Validation, out_of_time

if TYPE_CHECKING:
    from collector_mesh.domain.serving.keyed import KeyedCalls


class Executor:
    """Runs calls on this collector and nowhere else. It never raises but what cancels it."""

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        observer: Observer,
        slots: ConcurrencyLimit,
        plain: PlainFunctions,
        nested: NestedCalls,
        max_payload_bytes: int,
        validator: Validator | None = None,
        expose_handler_errors: bool = True,
        keys: "Callable[[], KeyedCalls] | None" = None,
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._tasks = tasks
        self.is_cancellation = tasks.is_cancellation
        """Whether an error is the cancellation of the running task, and has to go on."""
        self._clock = clock
        self._observer = observer
        self._slots = slots
        self._plain = plain
        self._nested = nested
        self._max_payload_bytes = max_payload_bytes
        self._failures = HandlerFailures(collector_id, dice, observer, expose=expose_handler_errors)
        self._validation: Validation | None = None
        self.validator = validator
        self._keys = keys
        self.outlived = Outlived()
        """Those whose callers have gone before the handler has ended."""

    @property
    def validator(self) -> Validator | None:
        """Asked before each call that is run here, if there is one."""
        return None if self._validation is None else self._validation.validator

    @validator.setter
    def validator(self, validator: Validator | None) -> None:
        parts = self._collector_id, self._handlers, self._tasks, self._observer
        self._validation = None if validator is None else Validation(validator, *parts)

    async def run(self, call: Call) -> Reply:
        """Run a call whose fields have been checked."""
        # On the way of every call: what an object or a call more would cost is seen in the benchmark.
        if call.idempotency_key and self._keys is not None:
            return await self._keys().run(call, partial(Executor.run, self))
        try:
            method, share = self._admit(call)
        except MeshError as error:
            return self._not_admitted(call, error)
        context = CallContext(call, self._collector_id, self._clock.now, self._nested)
        outcome = self._begin(call, context, method, share)
        if isinstance(outcome, Reply):
            return outcome
        try:
            return await outcome.result(call.deadline, share.release)
        except (DeadlineExceededError, OutcomeUnknownError) as error:
            return self._cut(context, error)
        except BaseException:
            self.outlived.leave(context)
            raise

    def refuse(self, call: Call, error: MeshError) -> Reply:  # noqa: ARG002  # whoever watches calls is told of it
        """The reply to a call that is refused before it is to run."""
        return Reply.refused(error)

    def execute(self, call: Call, answer: Callable[[Reply], None]) -> Cancellable | None:
        """As `run`, but nobody awaits it: `answer` is called with what comes of it."""
        if call.idempotency_key and self._keys is not None:
            return self._keys().execute(call, answer, partial(Executor.run, self))
        try:
            method, share = self._admit(call)
        except MeshError as error:
            answer(self._not_admitted(call, error))
            return None
        context = CallContext(call, self._collector_id, self._clock.now, self._nested)
        outcome = self._begin(call, context, method, share)
        if isinstance(outcome, Reply):
            answer(outcome)
            return None
        return BegunCall(self, call, context, answer, share.release, outcome)

    def _begin(
        self, call: Call, context: CallContext, method: Method | None, share: Slot
    ) -> Reply | Started[Reply]:
        """Run a call that has a slot; the slot is given back if it needs no more."""
        try:
            if self._validation is None and method is not None:
                outcome = self._tasks.begin(
                    self.work(call, context, method, share)
                    if method.around is None
                    else method.around.run(self, call, context, method, share, self._max_payload_bytes)
                )
            else:
                outcome = self._tasks.begin(self._work_behind(call, context, method, share))
        except Exception as error:  # noqa: BLE001  # whatever goes wrong is an outcome
            outcome = self.outcome(call, context, error)
        except BaseException:
            # The user's, at the terminal: the drain that follows must not wait for what will never end.
            share.release()
            raise
        if isinstance(outcome, Reply):
            share.release()
        return outcome

    def _admit(self, call: Call) -> tuple[Method | None, Slot]:
        """See that a call may run now, and take a slot for it; gives its method, which a validator may bring."""
        method = self._handlers.find(call.key)
        if call.deadline <= self._clock.now():
            raise DeadlineExceededError("deadline exceeded", executed=Executed.NO)
        if method is None and self._validation is None:
            raise self._handlers.not_callable(call.key)
        if method is not None and method.blocking:
            return method, Lease(self._slots, call.key.namespace, call.source)
        return method, self._slots.take(call.key.namespace, call.source)

    def _not_admitted(self, call: Call, error: MeshError) -> Reply:  # noqa: ARG002  # it may be counted
        return Reply.refused(error)

    def tell(self, key: MethodKey, error: BaseException) -> None:
        """Tell the observer of an error of a handler that changes no reply."""
        self._failures.tell(key, error)

    def outcome(self, call: Call, context: CallContext, error: BaseException | None) -> Reply:
        """The reply for a call that nobody awaits and whose work gave none."""
        if isinstance(error, MeshError):
            return self._cut(context, error)
        # Not a handler's, whose errors are replies: a defect of ours, which must not be lost.
        return self.failed(call.key, error or RuntimeError("no outcome"))

    def _cut(self, context: CallContext, error: MeshError) -> Reply:
        """The reply for a call that was stopped before it had ended."""
        self.outlived.leave(context)
        if context.is_validating and isinstance(error, DeadlineExceededError):
            error = out_of_time(self._collector_id)
        if not context.has_started:
            if isinstance(error, OutcomeUnknownError):
                # At the end of a drain, say, in which it has waited for a thread.
                error = UnavailableError("the call was ended before its handler was run")
            error.executed = Executed.NO
        return Reply.refused(error)

    async def _work_behind(
        self, call: Call, context: CallContext, method: Method | None, share: Slot
    ) -> Reply:
        """Run a call where a validator is asked first, or middleware is around the handler."""
        CURRENT.set(context)
        key = call.key
        try:
            validation = self._validation
            if validation is not None and (
                (allowed := validation.at_hand(key)) is None
                or method is None
                or (allowed.type_url != call.payload.type_url and allowed.type_url is not None)
            ):
                method = await validation.method_of(call, context, method, allowed)
            if method is None:
                raise self._handlers.not_callable(key)
        except MeshError as error:
            context.has_ended = True
            return Reply.refused(error)
        if method.around is None:
            return await self.work(call, context, method, share)
        return await method.around.run(self, call, context, method, share, self._max_payload_bytes)

    async def work(self, call: Call, context: CallContext, method: Method, share: Slot) -> Reply:
        """Run the handler of a call, in the task and the context that are its own. It raises nothing but what cancels it."""
        CURRENT.set(context)
        key = call.key
        try:
            request = call.payload if method.read is None else method.read(call.payload)
            pending: Any = None
            if method.blocking:
                pending = await self._run_in_thread(method, request, context, call, share)
                if isinstance(pending, Reply):
                    return pending
        except MeshError as error:
            context.has_ended = True
            return Reply.refused(error)
        context.has_started = True
        try:
            if pending is None:
                pending = method.function(request, context)
            result = await pending
        except Exception as error:  # noqa: BLE001  # whatever a handler raises is an outcome
            return self.failed(key, error, context)
        except BaseException as error:
            # SystemExit, a cancellation of its own making, and the like end the call, not the process.
            if self._tasks.is_cancellation(error):
                raise
            return self.failed(key, error, context)
        finally:
            context.has_ended = True
        return self._succeeded(method, result, context)

    async def _run_in_thread(
        self, method: Method, request: object, context: CallContext, call: Call, share: Slot
    ) -> Reply | Awaitable[object]:
        """Run a plain handler; gives what it has given where that is to be awaited."""

        def begins(place: Place) -> None:
            context.has_started = True
            context.place = place

        if method.life is not None:
            method.life.enter()
        try:
            return await self._plain.run(
                partial(self._call_blocking, method, request, context),
                context,
                begins=begins,
                lease=share if type(share) is Lease else None,
                namespace=call.key.namespace,
                source=call.source,
            )
        except OverloadedError:
            context.has_started = False
            raise
        finally:
            if method.life is not None:
                method.life.leave()

    def _call_blocking(
        self, method: Method, request: object, context: CallContext
    ) -> Reply | Awaitable[object]:
        try:
            result = method.function(request, context)
            if hasattr(type(result), "__await__"):
                return self._rest(result, context)
        except BaseException as error:
            context.has_ended = True
            # Nothing else that a handler raises may end the thread.
            if self._tasks.is_cancellation(error):
                raise
            return self.failed(method.key, error, context)
        context.has_ended = True
        return self._succeeded(method, result, context)

    def _rest(self, result: Any, context: CallContext) -> Reply | Awaitable[object]:
        """What a plain function has given that is around an async one: the rest of it belongs into the loop."""
        if not context.is_cancelled:
            rest: Awaitable[object] = result
            return rest
        # Nobody is there anymore who would await it.
        if hasattr(type(result), "close"):
            result.close()
        context.has_ended = True
        return Reply.refused(DeadlineExceededError("deadline exceeded"))

    def _succeeded(self, method: Method, result: Any, context: CallContext) -> Reply:
        key = method.key
        if type(result) is not Payload or not method.may_be_payload:
            try:
                result = method.write(result, self._max_payload_bytes)
            except BaseException as error:
                # What is in it may be of a class of the handler's own, the methods of which may do anything.
                if self._tasks.is_cancellation(error):
                    raise
                return self._unsendable(key, text_of(error), context)
        elif (flaw := flaw_of(result)) is not None:
            return self._unsendable(key, flaw, context)
        if len(result.type_url) > SHORT_TYPE_URL and is_long(result.type_url):
            return self._unsendable(key, str(long_type_url(result.type_url)), context)
        size = len(result.value)
        if size > self._max_payload_bytes:
            text = f"result of {size} bytes is over the limit of {self._max_payload_bytes} bytes"
            return self.failed(key, HandlerError(text), context)
        reply = Reply(OK, result, self._collector_id, Executed.YES)
        return _with_metadata(reply, context) if context.has_metadata else reply

    def _unsendable(self, key: MethodKey, why: str, context: CallContext) -> Reply:
        return self.failed(key, HandlerError(f"cannot send the result: {why}"), context)

    def failed(self, key: MethodKey, error: BaseException, context: CallContext | None = None) -> Reply:
        """The reply for what a handler has raised, or what is around it."""
        if is_a(error, NotServedError):
            # It was closed before the handler was run.
            return Reply.refused(self._handlers.not_callable(key))
        if context is not None and not context.has_started and is_a(error, OverloadedError):
            # There was no thread for what the interceptors of the handler are around.
            return Reply.refused(error)  # type: ignore[arg-type]  # just looked
        reply = self._failures.reply(key, error, context)
        return reply if context is None or not context.has_metadata else _with_metadata(reply, context)


def _with_metadata(reply: Reply, context: CallContext) -> Reply:
    """A reply of a handler that has set metadata for it."""
    reply.initial_metadata, reply.metadata = context.initial_metadata, context.trailing_metadata
    return reply
