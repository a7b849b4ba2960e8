"""What everything has in common that calls can be made at."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack, overload

from collector_mesh.domain.model.payload import M, Message, Payload, Plain, check_readable
from collector_mesh.domain.model.status import Reply

Metadata = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]


class CallOptions(TypedDict, total=False):
    """What may be said of a call; see `Caller.dispatch`."""

    target: str
    timeout: float | None
    hints: Mapping[str, str] | None
    metadata: Metadata
    idempotent: bool | None


class Caller(ABC):
    """Something that calls can be made at."""

    __slots__ = ()

    @abstractmethod
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
        metadata: Metadata = (),
        idempotent: bool | None = None,
    ) -> Reply:
        """Have a method run by whoever in the mesh has it.

        Cancelling this cancels the handler.

        Args:
            namespace: the namespace.
            service: the service.
            method: the method.
            request: a protobuf message, plain data (what JSON has), a payload, or None.
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
        request: Message | Payload | Plain | None = None,
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
        request: Message | Payload | Plain | None = None,
        *,
        returns: None = None,
        **options: Unpack[CallOptions],
    ) -> Payload: ...

    async def call(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        returns: type[M] | None = None,
        **options: Unpack[CallOptions],
    ) -> M | Payload:
        """Have a method run and give its result.

        Args:
            namespace: the namespace.
            service: the service.
            method: the method.
            request: a protobuf message, plain data (what JSON has), a payload, or None.
            returns: the message class of the result, or a type of plain data (`dict`, `list[int]`, `str`); without it the
                raw payload is given.
            options: as for `dispatch`.

        Raises:
            MeshError: the status is not 200; `.code`, `.executed` and `.handled_by` tell the rest.
            TypeError: an argument is of a type that cannot be meant; the text names it.
            RuntimeError: as for `dispatch`.
        """
        if returns is not None:
            check_readable("returns", returns)
        reply = await self.dispatch(namespace, service, method, request, **options)
        if returns is None:
            return reply.raise_for_status().payload
        return reply.unpack(returns)
