"""What is around calls: code of a program's own, between whoever makes a call and the handler that runs for it."""

from collections.abc import Awaitable, Callable
from typing import Any

from collector_mesh.domain.model.call import NO_HINTS, Call, checked_hints, checked_metadata, says_idempotent
from collector_mesh.domain.model.caller import Metadata as GivenMetadata
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import InvalidCallError, kind_of, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey, text_argument
from collector_mesh.domain.model.payload import Message, Payload, Plain, payload_of
from collector_mesh.domain.model.reply_metadata import checked_reply_metadata
from collector_mesh.domain.model.status import OK, Metadata, Reply

_KEPT: Any = object()
"""What is left out of `replace`."""


class SeenCall:
    """What both kinds of calls show. It does not change: `replace` gives another one."""

    __slots__ = ("_call",)

    _call: Call

    @property
    def method_key(self) -> MethodKey:
        """The names of the method."""
        return self._call.key

    @property
    def namespace(self) -> str:
        """The namespace."""
        return self._call.key.namespace

    @property
    def service(self) -> str:
        """The service."""
        return self._call.key.service

    @property
    def method(self) -> str:
        """The method."""
        return self._call.key.method

    @property
    def payload(self) -> Payload:
        """The request."""
        return self._call.payload

    @property
    def metadata(self) -> Metadata:
        """Pairs that travel with the call to the handler."""
        return self._call.metadata

    @property
    def key(self) -> str:
        """The idempotency key of the call, or empty."""
        return self._call.idempotency_key

    @property
    def source(self) -> str:
        """Who has sent the call here, by what is proved, else by where it is; empty for this process itself."""
        return self._call.source

    @property
    def identity(self) -> Identity | None:
        """What the transport has proved about the caller, or None."""
        return self._call.identity

    def reply(
        self, result: "Message | Payload | Plain | None" = None, *, metadata: GivenMetadata = ()
    ) -> Reply:
        """Make a reply for a success, to give it in the place of the handler's.

        Args:
            result: a protobuf message, plain data, a payload, or None.
            metadata: pairs for the caller, as `CallContext.set_trailing_metadata` takes them.

        Raises:
            TypeError: the result or the metadata is of another type.
            ValueError: the metadata cannot travel.
            InvalidCallError: the result cannot be serialized.
        """
        return Reply(OK, payload_of(result), metadata=checked_reply_metadata(metadata) if metadata else ())

    def __repr__(self) -> str:
        # Nothing of what the call carries: it may come into a log.
        return f"<{type(self).__name__} {quoted('/'.join(map(str, self._call.key)))}>"


class OutgoingCall(SeenCall):
    """A call that is dispatched, as middleware sees it.

    Args:
        call: the call.
        now: gives the time.
    """

    __slots__ = ("_now",)

    def __init__(self, call: Call, now: Callable[[], float]) -> None:
        self._call = call
        self._now = now

    @property
    def target(self) -> str:
        """Id of the only collector that may run it, or empty."""
        return self._call.target

    @property
    def hints(self) -> "dict[str, str]":
        """For the router."""
        return dict(self._call.hints)

    @property
    def idempotent(self) -> bool | None:
        """Whether it may run twice; None where the caller has not said."""
        return says_idempotent(self._call)

    @property
    def is_from_client(self) -> bool:
        """Whether it comes from a program outside the mesh; others are calls of this process."""
        return self._call.source != "" or self._call.identity is not None

    def time_remaining(self) -> float:
        """Seconds until the deadline, never negative; `math.inf` without one."""
        return max(0.0, self._call.deadline - self._now())

    def replace(
        self,
        *,
        payload: "Message | Payload | Plain | None" = _KEPT,
        metadata: GivenMetadata = _KEPT,
        target: str = _KEPT,
        hints: "dict[str, str]" = _KEPT,
        idempotent: bool | None = _KEPT,
        timeout: float = _KEPT,
    ) -> "OutgoingCall":
        """Make a call that differs in what is given; the method stays.

        Args:
            payload: the request: a protobuf message, plain data, a payload, or None.
            metadata: all pairs, in the place of those that there are.
            target: id of the only collector that may run it, or empty.
            hints: for the router.
            idempotent: whether it may run twice; None to leave that to the method.
            timeout: seconds from now; the call never has more time than it had.

        Raises:
            InvalidCallError: a value is not what it may be.
            TypeError: an argument is of a wrong type; the text names it.
        """
        call = self._call
        deadline = call.deadline
        if timeout is not _KEPT:
            if isinstance(timeout, bool) or not isinstance(timeout, int | float):
                raise TypeError(f"timeout must be a number of seconds, got {kind_of(timeout)}")
            if not timeout >= 0:
                raise InvalidCallError(f"timeout must be a number of seconds from 0, got {timeout!r}")
            deadline = min(deadline, self._now() + timeout)
        if idempotent is not _KEPT and idempotent is not None and not isinstance(idempotent, bool):
            raise TypeError(f"idempotent must be True, False or None, got {kind_of(idempotent)}")
        return OutgoingCall(
            _changed(
                call,
                payload=payload if payload is _KEPT else payload_of(payload),
                metadata=metadata if metadata is _KEPT else checked_metadata(metadata),
                target=target if target is _KEPT else text_argument("target", target),
                hints=hints if hints is _KEPT else checked_hints(hints or NO_HINTS),
                idempotent=idempotent,
                deadline=deadline,
            ),
            self._now,
        )


class IncomingCall(SeenCall):
    """A call that is run here, as middleware sees it.

    Args:
        call: the call.
        context: what the handler sees of it.
    """

    __slots__ = ("context",)

    def __init__(self, call: Call, context: CallContext) -> None:
        self._call = call
        self.context = context
        """What the handler gets too: deadline, caller, `state`, and calls of its own."""

    @property
    def caller(self) -> str:
        """Id of the peer that the call came from over a link; empty if it is not known."""
        return self._call.caller

    def time_remaining(self) -> float:
        """Seconds until the deadline, never negative; `math.inf` without one."""
        return self.context.time_remaining()

    def replace(
        self, *, payload: "Message | Payload | Plain | None" = _KEPT, metadata: GivenMetadata = _KEPT
    ) -> "IncomingCall":
        """Make a call that differs in what is given: the handler gets to see that.

        Args:
            payload: the request: a protobuf message, plain data, a payload, or None.
            metadata: all pairs, in the place of those that there are.

        Raises:
            InvalidCallError: a value is not what it may be.
            TypeError: an argument is of a wrong type; the text names it.
        """
        changed = _changed(
            self._call,
            payload=payload if payload is _KEPT else payload_of(payload),
            metadata=metadata if metadata is _KEPT else checked_metadata(metadata),
        )
        return IncomingCall(changed, self.context)


DispatchNext = Callable[[OutgoingCall], Awaitable[Reply]]
"""Has the call go on: to the next middleware, in the end to whoever runs it. It raises nothing but what cancels it."""

ServeNext = Callable[[IncomingCall], Awaitable[Reply]]
"""Has the call go on: to the next middleware, in the end to the handler. It raises nothing but what cancels it."""


class Middleware:
    """Code around calls. A subclass overrides one of the two methods, or both; the other one costs nothing.

    It is one object for all calls, which run beside each other. It calls on at most once for each call; what it raises is
    the outcome of that call, as a handler's error is.
    """

    async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
        """Be around a call that this collector dispatches; it runs in the task of whoever awaits the call.

        Args:
            call: the call.
            call_next: has it, or what `call.replace` gives, go on; gives the outcome, whatever its code is.

        Returns:
            The outcome: that of `call_next`, or another one, as `call.reply` makes it.

        Raises:
            MeshError: the outcome of the call, by its code.
            BaseException: a 500.
        """
        return await call_next(call)

    async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
        """Be around the handler of a call that runs here, in the task and the context of the handler.

        Args:
            call: the call.
            call_next: has it, or what `call.replace` gives, go on; gives the outcome, whatever its code is.

        Returns:
            The outcome: that of `call_next`, or another one, as `call.reply` makes it.

        Raises:
            MeshError: the outcome of the call, by its code.
            BaseException: a 500.
        """
        return await call_next(call)


def check_middleware(given: object) -> tuple[Middleware, ...]:
    """See that something is a list of middleware; gives it.

    Raises:
        TypeError: it is none, or one of it is no `Middleware`; the text says what it is.
    """
    # A class says in vain that it is one: what is called are the methods of an instance.
    if not isinstance(given, list | tuple):
        raise TypeError(
            f"middleware must be a list of collector_mesh.Middleware, as middleware=[Audit()]; got {kind_of(given)}"
        )
    for each in given:
        if not isinstance(each, Middleware):
            need = "; an instance of it is needed" if isinstance(each, type) else ""
            raise TypeError(
                f"each of middleware must be a collector_mesh.Middleware, got {kind_of(each)}{need}"
            )
    return tuple(given)


def _changed(call: Call, **changes: Any) -> Call:
    """A copy of a call in which those values are others that are not left out."""
    copied = Call.__new__(Call)
    for name in _FIELDS:
        value = changes.get(name, _KEPT)
        setattr(copied, name, getattr(call, name) if value is _KEPT else value)
    return copied


_FIELDS: tuple[str, ...] = tuple(field.name for field in Call.__attrs_attrs__)
