"""A call made from what a user gives."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from collector_mesh.app.arguments import (
    idempotency_key_argument,
    idempotent_argument,
    payload_argument,
    seconds_argument,
)
from collector_mesh.domain.model.call import NO_HINTS, Call, checked_hints, checked_metadata
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.context import CallContext, current_call
from collector_mesh.domain.model.names import MethodKey, text_argument
from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES, Message, Payload, Plain, flaw_of
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.trace_context import NO_TRACE, TRACE_KEYS, trace_in
from collector_mesh.domain.ports.clock import Clock

if TYPE_CHECKING:
    from collector_mesh.domain.policies.policy import Policies

# What the arguments are that are left out; an equal one from elsewhere is only looked at.
_NO_TARGET = ""
_NO_METADATA: tuple[()] = ()


def made_in_handler(reply: Reply, key: MethodKey, here: str) -> Reply:
    """Have a reply that is no success say of which call it is, where that was made in a handler; gives the reply.

    What it raises is told from an error of the handler's own then.

    Args:
        reply: the reply.
        key: the method called.
        here: where the call was made.
    """
    if current_call() is not None:
        reply.nested = (key, here)
    return reply


class CallFactory:
    """Makes calls from what a user gives.

    Args:
        clock: the time.
        policies: how much time a call has that says nothing about it.
        forwarded: keys of the metadata that calls carry on which are made in a handler.
        max_payload_bytes: bytes of the largest request; plain data is written no further than that.
        root: gives a trace context to a call that nothing comes before; None where nobody reads it.
        current: gives the trace context of the program's own span that is current, empty bytes without one.
    """

    def __init__(
        self,
        clock: Clock,
        policies: "Policies",
        forwarded: Collection[str] = (),
        *,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        root: Callable[[], bytes] | None = None,
        current: Callable[[], bytes] | None = None,
    ) -> None:
        self._now = clock.now
        self._policies = policies
        self._forwarded = frozenset(forwarded)
        self._max_payload_bytes = max_payload_bytes
        self._root = root
        self._current = current

    def make(
        self,
        key: MethodKey,
        request: "Message | Payload | Plain | None",
        target: str,
        timeout: float | None,
        hints: Mapping[str, str] | None,
        metadata: Metadata,
        idempotent: bool | None,  # noqa: FBT001  # as in every signature of a call
        idempotency_key: str | None = None,
    ) -> Call:
        """Make a call; inside a handler that runs, it ends with the call that the handler runs for.

        Raises:
            InvalidCallError: metadata, hints or timeout are not what they may be, or the request cannot be
                serialized.
            PayloadTooLargeError: the request is plain data that takes too many bytes.
            TypeError: an argument is of a wrong type; the text names it.
        """
        # On the way of every call: what is of the usual type is not looked at any further.
        if type(request) is not Payload or flaw_of(request) is not None:
            request = payload_argument(request, self._max_payload_bytes)
        parent = current_call()
        if timeout is None:
            deadline = self._now() + self._policies.of(key).timeout if parent is None else parent.deadline
        else:
            deadline = self._now() + seconds_argument("timeout", timeout)
            if parent is not None and parent.deadline < deadline:
                deadline = parent.deadline
        if self._forwarded and parent is not None and parent.metadata:
            metadata = self._with_forwarded(parent, metadata)
        if (
            target is _NO_TARGET
            and metadata is _NO_METADATA
            and hints is None
            and idempotent is None
            and idempotency_key is None
        ):
            call = Call(key, request, deadline)
        else:
            call = Call(
                key,
                request,
                deadline,
                text_argument("target", target),
                NO_HINTS if hints is None else checked_hints(hints),
                checked_metadata(metadata),
                idempotent_argument(idempotent),
                idempotency_key=idempotency_key_argument(idempotency_key),
            )
        if parent is not None or call.metadata:
            call.trace = self._trace(call, parent)
        elif self._root is not None:
            call.trace = self._root() if self._current is None else self._current() or self._root()
        return call

    def _trace(self, call: Call, parent: CallContext | None) -> bytes:
        """The trace context that a call goes on with: what its metadata says, else the program's own span, else its handler's."""
        if call.metadata and (told := trace_in(call.metadata)):
            return told
        inherited = NO_TRACE if parent is None else parent.trace
        current = NO_TRACE if self._current is None else self._current()
        # A span of the handler's own is one of the same trace; another one was current where all this was started.
        if current and (not inherited or current[:16] == inherited[:16]):
            return current
        if inherited or self._root is None:
            return inherited
        return self._root()

    def _with_forwarded(self, parent: CallContext, metadata: Metadata) -> Metadata:
        """Metadata of a call, and of the call that it is made in what is to travel on and has no key of those."""
        own = checked_metadata(metadata)
        # A trace goes on by itself, from where it has come to by now.
        keys = {key for key, _ in own} | TRACE_KEYS
        carried = tuple(
            pair for pair in parent.metadata if pair[0] in self._forwarded and pair[0] not in keys
        )
        return (*carried, *own) if carried else own or _NO_METADATA
