"""Contexts for tests of a handler alone: the calls that it makes go to a fake."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from collector_mesh.app.arguments import (
    idempotency_key_argument,
    idempotent_argument,
    key_argument,
    payload_argument,
    seconds_argument,
)
from collector_mesh.app.services.offered import Offered, services_of
from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.call import Call, checked_hints, checked_metadata
from collector_mesh.domain.model.caller import Caller
from collector_mesh.domain.model.caller import Metadata as GivenMetadata
from collector_mesh.domain.model.context import CallContext, HandlerCalls
from collector_mesh.domain.model.errors import Executed, MeshError, NotFoundError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.middleware import IncomingCall, OutgoingCall
from collector_mesh.domain.model.names import MethodKey, text_argument
from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES, Message, Payload, Plain, payload_of
from collector_mesh.domain.model.status import OK, Reply, status_of
from collector_mesh.domain.model.trace_context import trace_in
from collector_mesh.domain.serving.handlers import Method

Answer = Message | Payload | Plain | MeshError | None | Callable[[Payload], Any]
"""What a fake method gives: a result, an error, or a function of the request that gives or raises one of them."""

_WHO = "fake"


@attrs.frozen
class MadeCall:
    """A call that was made at a fake.

    Attributes:
        method: `NAMESPACE/SERVICE/METHOD`.
        request: the request.
        options: the other arguments of `dispatch` that were not left out.
    """

    method: str
    request: Payload
    options: Mapping[str, Any] = attrs.field(factory=dict)


class FakeCalls(Caller):
    """Answers calls from a table, or by services that it runs itself, and keeps those that were made.

    Args:
        answers: what each method gives, by `NAMESPACE/SERVICE/METHOD`; any other call is a 404.
        services: whatever a collector could serve, as a class that implements a contract; methods run where they are
            called. What is in the table stands before them, and no lifespan is opened.

    Raises:
        TypeError: one of the services is none.
    """

    def __init__(
        self, answers: Mapping[str, Answer] | None = None, *, services: Iterable[Offered] = ()
    ) -> None:
        self._answers = dict(answers or {})
        self._methods = {"/".join(each.key): each for one in services_of(services) for each in one.methods}
        self.made: list[MadeCall] = []
        """The calls that were made, in order."""

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        target: str = "",
        timeout: float | None = None,
        hints: Mapping[str, str] | None = None,
        metadata: GivenMetadata = (),
        idempotent: bool | None = None,
        key: str | None = None,
    ) -> Reply:
        """See `Caller.dispatch`."""
        method_key = key_argument(namespace, service, method)
        try:
            method_key.check()
            payload = payload_argument(request)
            options = {
                "target": text_argument("target", target),
                "timeout": None if timeout is None else seconds_argument("timeout", timeout),
                "hints": dict(checked_hints(hints or {})),
                "metadata": checked_metadata(metadata),
                "idempotent": idempotent_argument(idempotent),
                "key": idempotency_key_argument(key),
            }
        except MeshError as error:
            return Reply.refused(error)
        name = "/".join(method_key)
        given = {option: value for option, value in options.items() if value not in ("", None, {}, ())}
        self.made.append(MadeCall(name, payload, given))
        if name not in self._answers and name in self._methods:
            return await self._run(self._methods[name], payload)
        if name not in self._answers:
            known = ", ".join([*self._answers, *self._methods])
            return Reply.refused(NotFoundError(f"no answer for {name}: there are {known}"))
        answer: Any = self._answers[name]
        try:
            # A message class has a `__call__` too; a message has none.
            if callable(answer):
                answer = answer(payload)
            if isinstance(answer, MeshError):
                raise answer
            return Reply(OK, payload_of(answer), _WHO, Executed.YES)
        except Exception as error:  # as a handler's
            return _failed(error)

    async def _run(self, method: Method, payload: Payload) -> Reply:
        try:
            request = payload if method.read is None else method.read(payload)
        except MeshError as error:
            return Reply.refused(error)
        try:
            result = method.function(
                request, call_context(self, method="/".join(method.key), request=payload)
            )
            if inspect.isawaitable(result):
                result = await result
            if type(result) is not Payload or not method.may_be_payload:
                result = method.write(result, MAX_PAYLOAD_BYTES)
            return Reply(OK, result, _WHO, Executed.YES)
        except Exception as error:  # as a handler's
            return _failed(error)


def _failed(error: Exception) -> Reply:
    """The reply for what a handler raises."""
    metadata = error.metadata if isinstance(error, MeshError) else ()
    return Reply(status_of(error), handled_by=_WHO, executed=Executed.YES, metadata=metadata)


class _TestCalls:
    """Makes the calls of a handler that a test calls."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def max_payload_bytes(self) -> int:
        """See the port."""
        return self._caller.max_payload_bytes

    async def dispatch(self, context: CallContext, *names_and_request: Any, **options: Any) -> Reply:
        """See the port."""
        reply = await self._caller.dispatch(*names_and_request, **options)
        namespace, service, method = names_and_request[:3]
        reply.nested = ((namespace, service, method), context.collector_id)
        return reply

    def wait(self, context: CallContext, *names_and_request: Any, **options: Any) -> Reply:
        """See the port: a fake never waits."""
        return run(self.dispatch(context, *names_and_request, **options))


def call_context(
    calls: Caller | Mapping[str, Answer] | None = None,
    *,
    method: str = "test/TestService/Test",
    request: Message | Payload | Plain | None = None,
    metadata: GivenMetadata = (),
    timeout: float = math.inf,
    caller: str = "",
    identity: Identity | None = None,
    collector_id: str = "test",
    state: Any = None,
) -> CallContext:
    """Make a context, to test a handler as the function that it is.

    Args:
        calls: what the calls of the handler go to: a table as that of `FakeCalls`, or a `FakeCalls`, which keeps them.
        method: `NAMESPACE/SERVICE/METHOD` of the handler.
        request: what it is called with.
        metadata: as the caller of the handler has given it; `traceparent` in it is the trace context of the call.
        timeout: seconds that the call has; they do not pass.
        caller: id of the peer that the call has come from.
        identity: of that peer.
        collector_id: of the collector that the handler is to run on.
        state: what the lifespan of the service would have yielded there.

    Raises:
        ValueError: the method is not of that form.
        InvalidCallError: metadata or timeout are not what they may be.
        TypeError: an argument is of a wrong type; the text names it.
    """
    parts = method.split("/")
    if len(parts) != 3:
        raise ValueError(f"method must be NAMESPACE/SERVICE/METHOD, got {method!r}")
    call = Call(
        MethodKey(*parts),
        payload_argument(request),
        seconds_argument("timeout", timeout),
        metadata=checked_metadata(metadata),
        caller=caller,
        identity=identity,
    )
    call.trace = trace_in(call.metadata)
    made = calls if isinstance(calls, Caller) else FakeCalls(calls)
    context = CallContext(call, collector_id, lambda: 0.0, _TestCalls(made))
    context.has_started = True
    context.state = state
    return context


def incoming_call(
    request: Message | Payload | Plain | None = None, *, metadata: GivenMetadata = (), **context: Any
) -> IncomingCall:
    """Make a call, to test the `serve` of a middleware as the function that it is.

    Args:
        request: what the handler is called with.
        metadata: as the caller has given it.
        context: the other arguments of `call_context`.

    Raises:
        ValueError, InvalidCallError, TypeError: as for `call_context`.
    """
    made = call_context(request=request, metadata=metadata, **context)
    made.has_started = False
    return IncomingCall(made._call, made)  # noqa: SLF001  # handlers are not to see it


def outgoing_call(
    request: Message | Payload | Plain | None = None,
    *,
    method: str = "test/TestService/Test",
    metadata: GivenMetadata = (),
    timeout: float = math.inf,
    target: str = "",
) -> OutgoingCall:
    """Make a call, to test the `dispatch` of a middleware as the function that it is.

    Args:
        request: what the method is called with.
        method: `NAMESPACE/SERVICE/METHOD`.
        metadata: as the caller has given it.
        timeout: seconds that the call has; they do not pass.
        target: the id of the only collector that may run it.

    Raises:
        ValueError, InvalidCallError, TypeError: as for `call_context`.
    """
    made = call_context(method=method, request=request, metadata=metadata, timeout=timeout)
    call: Call = made._call  # noqa: SLF001  # handlers are not to see it
    call.target = text_argument("target", target)
    return OutgoingCall(call, lambda: 0.0)


if TYPE_CHECKING:
    _fits: type[HandlerCalls] = _TestCalls
