"""What a handler knows of the call that it runs for."""

import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.call import Call, path_of
from collector_mesh.domain.model.caller import Caller
from collector_mesh.domain.model.caller import Metadata as GivenMetadata
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES, Message, Payload, Plain
from collector_mesh.domain.model.reply_metadata import checked_reply_metadata
from collector_mesh.domain.model.status import Metadata, Reply
from collector_mesh.domain.model.trace_context import trace_id_of, traceparent_of, tracestate_of


class HandlerCalls(Protocol):
    """Makes the calls of handlers: `dispatch` in the event loop, `wait` from their threads."""

    @property
    def max_payload_bytes(self) -> int:
        """Bytes of the largest request of such a call."""
        ...

    async def dispatch(self, context: "CallContext", *names_and_request: Any, **options: Any) -> Reply:
        """Have a method run for a handler, as `Caller.dispatch` does.

        Raises:
            RuntimeError: the running code is not in the event loop of the collector.
        """
        ...

    def wait(self, context: "CallContext", *names_and_request: Any, **options: Any) -> Reply:
        """The same, while the thread waits.

        Raises:
            RuntimeError: the thread runs an event loop, or that of the collector has ended.
        """
        ...


class EndsWithHandler(Protocol):
    """Something that a handler has begun."""

    def abandon(self) -> None:
        """End it: nobody waits for what the handler makes of it. It must not raise."""
        ...


class CallContext(Caller):
    """The call that a handler runs for; the handler makes calls of its own by `call`, `dispatch` and `blocking`.

    Args:
        call: the call.
        collector_id: of the collector that runs the handler.
        now: gives the time.
        calls: makes the calls of the handler; without it there are none.
    """

    # A plain slotted class: one is made for every call.
    __slots__ = (
        "__weakref__",
        "_begun",
        "_call",
        "_calls",
        "_initial_metadata",
        "_is_cancelled",
        "_now",
        "_trailing_metadata",
        "collector_id",
        "has_ended",
        "has_metadata",
        "has_started",
        "is_validating",
        "on_cancel",
        "place",
        "state",
    )

    place: Any
    """What a plain handler takes of the threads, see `serving.plain`; there is none for an async one."""
    _initial_metadata: Metadata
    """What the handler has sent so; there is none where it has not, here and below."""
    _trailing_metadata: Metadata
    _begun: "dict[EndsWithHandler, None]"
    """What it has begun, and does not await."""
    on_cancel: Callable[[], None]
    """Called when nobody waits for the result anymore, in the event loop; there is none where nobody asks for it."""

    def __init__(
        self, call: Call, collector_id: str, now: Callable[[], float], calls: HandlerCalls | None = None
    ) -> None:
        self.collector_id = collector_id
        """Id of the collector that runs the handler."""
        self.has_started = False
        """Whether the handler has been started; the validator is asked before."""
        self.has_ended = False
        """Whether the handler has ended, or never starts; what was left behind has no part in the call anymore."""
        self.is_validating = False
        """Whether the validator has been asked, and has not answered."""
        self.has_metadata = False
        """Whether the handler has set metadata for its reply."""
        self.state: Any = None
        """What the lifespan of the service has yielded in this collector; None where it has none."""
        self._call = call
        self._calls = calls
        self._now = now
        self._is_cancelled = False

    @property
    def max_payload_bytes(self) -> int:
        """See the base class."""
        return MAX_PAYLOAD_BYTES if self._calls is None else self._calls.max_payload_bytes

    @property
    def namespace(self) -> str:
        """The namespace of the call."""
        return self._call.key.namespace

    @property
    def service(self) -> str:
        """The service of the call."""
        return self._call.key.service

    @property
    def method(self) -> str:
        """The method of the call."""
        return self._call.key.method

    @property
    def payload_bytes(self) -> int:
        """How large the request is, in bytes."""
        return len(self._call.payload.value)

    @property
    def metadata(self) -> Metadata:
        """The pairs that the caller sent along."""
        return self._call.metadata

    @property
    def traceparent(self) -> str:
        """The trace context of the call, as the header of W3C Trace Context has it; empty where the call has none.

        Calls that the handler makes belong to the same trace by themselves. This is for what else it asks, and for its log.
        """
        return traceparent_of(self._call.trace)

    @property
    def tracestate(self) -> str:
        """What vendors have added to the trace context, as the header has it; empty where nothing was added."""
        return tracestate_of(self._call.trace)

    @property
    def trace_id(self) -> str:
        """The id of the trace that the call belongs to, as in log lines; empty where the call has no trace context."""
        return trace_id_of(self._call.trace)

    @property
    def path(self) -> tuple[str, ...]:
        """The ids of the collectors that the call has come over, from the first one to this one, as far as they are known."""
        return path_of(self._call, self.collector_id)

    @property
    def trace(self) -> bytes:
        """The trace context as calls carry it; see `collector_mesh.domain.model.trace_context`."""
        return self._call.trace

    @property
    def caller(self) -> str:
        """Id of the peer that the call came from over a link; empty if it is not known."""
        return self._call.caller

    @property
    def source(self) -> str:
        """Who has sent the call here, by what is proved, else by where it is; empty for this process itself."""
        return self._call.source

    @property
    def identity(self) -> Identity | None:
        """What the transport has proved about the caller, or None."""
        return self._call.identity

    @property
    def deadline(self) -> float:
        """When the time is up, on the collector's monotonic clock, in seconds."""
        return self._call.deadline

    def time_remaining(self) -> float:
        """Seconds until the deadline, never negative; `math.inf` without one."""
        if self._call.deadline == math.inf:
            return math.inf
        return max(0.0, self._call.deadline - self._now())

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller has stopped waiting for the result: it has gone, or the time is up.

        An async handler is cancelled then. A plain one cannot be stopped, and may look here.
        """
        return self._is_cancelled or self.time_remaining() <= 0.0

    def send_initial_metadata(self, metadata: GivenMetadata) -> None:
        """Send pairs that the caller gets before the result; a method with one result sends both at once.

        It may be called from any thread.

        Args:
            metadata: a mapping, or pairs; see `set_trailing_metadata`.

        Raises:
            ValueError: it cannot travel; the text says why.
            TypeError: it is neither a mapping nor pairs, or a key or value is of another type.
            RuntimeError: it has been sent before, or the handler has ended.
        """
        if hasattr(self, "_initial_metadata"):
            raise RuntimeError(f"the handler of {self._call.key} has sent its initial metadata already")
        self._initial_metadata = self._checked(metadata)
        self.has_metadata = True

    def set_trailing_metadata(self, metadata: GivenMetadata) -> None:
        """Set pairs that the caller gets with the result or the error, in place of those that were set before.

        It may be called from any thread. The caller finds them as `Reply.metadata`, or as the `metadata` of the error.

        Args:
            metadata: a mapping, or pairs; keys in lower case, with `-bin` at their end for bytes. Of the keys that begin
                with `grpc-` there are only `grpc-status-details-bin` and `grpc-retry-pushback-ms`. 8 KiB and 1,024 pairs at most.

        Raises:
            ValueError: it cannot travel; the text says why.
            TypeError: it is neither a mapping nor pairs, or a key or value is of another type.
            RuntimeError: the handler has ended.
        """
        self._trailing_metadata = self._checked(metadata)
        self.has_metadata = True

    @property
    def initial_metadata(self) -> Metadata:
        """The pairs that the handler has sent before its result."""
        return getattr(self, "_initial_metadata", ())

    @property
    def trailing_metadata(self) -> Metadata:
        """The pairs that the handler has set for the end of its reply."""
        return getattr(self, "_trailing_metadata", ())

    def _checked(self, metadata: GivenMetadata) -> Metadata:
        if self.has_ended:
            raise RuntimeError(f"the handler of {self._call.key} has ended, and its reply has gone")
        return checked_reply_metadata(metadata)

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
        """Run a method on a collector that has it, this one included; see `Caller.dispatch`.

        The call never has more time than the handler's own call has left, and is cancelled with the handler. It carries
        those pairs of the handler's metadata that the setting `forward_metadata` names. It is a call of this collector: the
        identity of the handler's own caller does not travel on.

        Raises:
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: the handler has ended; or this is not the event loop of the collector, as in a plain handler,
                which uses `context.blocking`.
        """
        return await self._able().dispatch(
            self,
            namespace,
            service,
            method,
            request,
            target=target,
            timeout=timeout,
            hints=hints,
            metadata=metadata,
            idempotent=idempotent,
            key=key,
        )

    @property
    def blocking(self) -> "BlockingCalls":
        """The same for a plain handler, and threads that it has started: `context.blocking.call(...)` waits.

        A thread that waits so does not count among the plain handlers that run (`max_threads`).
        """
        return BlockingCalls(self)

    def _able(self) -> HandlerCalls:
        """What makes calls.

        Raises:
            RuntimeError: nothing does, or not anymore.
        """
        if self._calls is None:
            raise RuntimeError(
                "this context makes no calls: no collector has made it. For a test of a handler make one with"
                " collector_mesh.testing.call_context(calls=...)"
            )
        if self.has_ended:
            raise RuntimeError(
                f"the handler of {self._call.key} has ended, and its context makes no more calls: a handler waits"
                " for what it has begun; what is to outlive it uses collector.call, in a thread collector.blocking.call"
            )
        return self._calls

    def cancel(self) -> None:
        """Take down that nobody waits for the result anymore."""
        self._is_cancelled = True
        if not self.has_started:
            self.has_ended = True
        # Another thread may take it off meanwhile.
        hook: Callable[[], None] | None = getattr(self, "on_cancel", None)
        if hook is not None:
            hook()
        for begun in list(getattr(self, "_begun", ())):
            begun.abandon()

    def goes_on_as(self, call: Call) -> None:
        """Take down what middleware has made of the call."""
        self._call = call

    def begins(self, call: "EndsWithHandler") -> None:
        """Take down what the handler has begun, and does not await: it ends when nobody waits for the result anymore."""
        if not hasattr(self, "_begun"):
            self._begun = {}
        self._begun[call] = None

    def ends(self, call: "EndsWithHandler") -> None:
        """Take down that it has ended by itself."""
        self._begun.pop(call, None)


class BlockingCalls(BlockingCaller):
    """Calls of a plain handler, whose thread waits for them: `context.blocking`."""

    __slots__ = ("_context",)

    def __init__(self, context: CallContext) -> None:
        self._context = context

    @property
    def max_payload_bytes(self) -> int:
        """See the base class."""
        return self._context.max_payload_bytes

    def dispatch(
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
        """Have a method run, and wait for what comes of it; see `CallContext.dispatch`.

        Once nobody waits for the handler anymore, what it waits for is cancelled: the reply is a 504 or a 502 then.

        Raises:
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: the handler has ended; or an event loop runs in this thread, as in an async handler, which
                uses `await context.call(...)`.
        """
        return self._context._able().wait(  # noqa: SLF001  # a part of it
            self._context,
            namespace,
            service,
            method,
            request,
            target=target,
            timeout=timeout,
            hints=hints,
            metadata=metadata,
            idempotent=idempotent,
            key=key,
        )


CURRENT: ContextVar[CallContext | None] = ContextVar("collector_mesh_call", default=None)
"""The call that the running code belongs to, so that calls made in a handler inherit its deadline.

Tasks and threads that a handler starts inherit it too, and may outlive the call: see `has_ended`, and `current_call`.
"""


def current_call() -> CallContext | None:
    """The call that the running code belongs to, also in tasks and threads of its own; None once its handler has ended.

    So code finds it that is given no `CallContext`, as the methods of a servicer of gRPC.
    """
    context = CURRENT.get()
    return None if context is None or context.has_ended else context
