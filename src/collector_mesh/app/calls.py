"""What Collector and MeshClient have in common: a call made from what a user gives."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TypedDict, TypeVar, Unpack, overload

from collector_mesh.app.arguments import (
    idempotent_argument,
    message_class_argument,
    payload_argument,
    seconds_argument,
)
from collector_mesh.domain.model.call import NO_HINTS, Call, checked_hints, checked_metadata
from collector_mesh.domain.model.context import current_call
from collector_mesh.domain.model.names import MethodKey, text_argument
from collector_mesh.domain.model.payload import Message, Payload, flaw_of
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.clock import Clock

M = TypeVar("M", bound=Message)

Metadata = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]

# What the arguments are that are left out; an equal one from elsewhere is only looked at.
_NO_TARGET = ""
_NO_METADATA: tuple[()] = ()


class CallOptions(TypedDict, total=False):
    """What may be said of a call; see `Caller.dispatch`."""

    target: str
    timeout: float | None
    hints: Mapping[str, str] | None
    metadata: Metadata
    idempotent: bool | None


class Caller(ABC):
    """Something that calls can be made at."""

    @abstractmethod
    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | None = None,
        *,
        target: str = "",
        timeout: float | None = None,
        hints: Mapping[str, str] | None = None,
        metadata: Metadata = (),
        idempotent: bool | None = None,
    ) -> Reply:
        """Have a method run by whoever in the mesh has it.

        Cancelling this cancels the handler.

        Args:
            namespace: the namespace.
            service: the service.
            method: the method.
            request: a protobuf message, a payload, or None.
            target: id of the only collector that may run it.
            timeout: seconds; None for the default, or for what the call has left that this is made
                in (while its handler runs); `math.inf` for no limit.
            hints: for the router; 4 KiB at most.
            metadata: a mapping, or pairs, for the handler; keys in lower case, with `-bin` at their end for
                bytes; 8 KiB at most.
            idempotent: whether it may run twice.

        Returns:
            What came of it; whatever happens in the mesh is a reply with a code and never raised.

        Raises:
            TypeError: an argument is of a type that cannot be meant; the text names it.
            RuntimeError: it is not entered yet or has been left, or this is another event loop, or another
                process, than the one that it was entered in.
        """

    @overload
    async def call(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | None = None,
        *,
        returns: type[M],
        **options: Unpack[CallOptions],
    ) -> M: ...

    @overload
    async def call(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | None = None,
        *,
        returns: None = None,
        **options: Unpack[CallOptions],
    ) -> Payload: ...

    async def call(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | None = None,
        *,
        returns: type[M] | None = None,
        **options: Unpack[CallOptions],
    ) -> M | Payload:
        """Have a method run and give its result.

        Args:
            namespace: the namespace.
            service: the service.
            method: the method.
            request: a protobuf message, a payload, or None.
            returns: the message class of the result; without it the raw payload is given.
            options: as for `dispatch`.

        Raises:
            MeshError: the status is not 200; `.code`, `.executed` and `.handled_by` tell the rest.
            TypeError: an argument is of a type that cannot be meant; the text names it.
            RuntimeError: as for `dispatch`.
        """
        if returns is not None:
            message_class_argument("returns", returns)
        reply = await self.dispatch(namespace, service, method, request, **options)
        if returns is None:
            return reply.raise_for_status().payload
        return reply.unpack(returns)


class CallFactory:
    """Makes calls from what a user gives.

    Args:
        clock: the time.
        policies: how much time a call has that says nothing about it.
    """

    def __init__(self, clock: Clock, policies: Policies) -> None:
        self._now = clock.now
        self._policies = policies

    def make(
        self,
        key: MethodKey,
        request: "Message | Payload | None",
        target: str,
        timeout: float | None,
        hints: Mapping[str, str] | None,
        metadata: Metadata,
        idempotent: bool | None,  # noqa: FBT001  # as in every signature of a call
    ) -> Call:
        """Make a call; inside a handler that runs, it ends with the call that the handler runs for.

        Raises:
            InvalidCallError: metadata, hints or timeout are not what they may be, or the request cannot be
                serialized.
            TypeError: something is of a type that cannot be meant; the text names the argument.
        """
        # On the way of every call: what is of the usual type is not looked at any further.
        if type(request) is not Payload or flaw_of(request) is not None:
            request = payload_argument(request)
        parent = current_call()
        if timeout is None:
            deadline = self._now() + self._policies.of(key).timeout if parent is None else parent.deadline
        else:
            deadline = self._now() + seconds_argument("timeout", timeout)
            if parent is not None and parent.deadline < deadline:
                deadline = parent.deadline
        if target is _NO_TARGET and metadata is _NO_METADATA and hints is None and idempotent is None:
            return Call(key, request, deadline)
        return Call(
            key,
            request,
            deadline,
            text_argument("target", target),
            NO_HINTS if hints is None else checked_hints(hints),
            checked_metadata(metadata),
            idempotent_argument(idempotent),
        )
