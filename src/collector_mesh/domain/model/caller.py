"""What clients, collectors and contexts of handlers have in common: they make calls."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TypedDict, Unpack, overload

from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES, M, Message, Payload, Plain, check_readable
from collector_mesh.domain.model.status import Reply

Metadata = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]


class CallOptions(TypedDict, total=False):
    """The options of a call; see `Caller.dispatch`."""

    target: str
    timeout: float | None
    hints: Mapping[str, str] | None
    metadata: Metadata
    idempotent: bool | None
    key: str | None


class Caller(ABC):
    """Makes calls: a client, a collector, the context of a handler."""

    __slots__ = ()

    @property
    def max_payload_bytes(self) -> int:
        """Bytes of the largest request that it sends, as far as it knows."""
        return MAX_PAYLOAD_BYTES

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
        key: str | None = None,
    ) -> Reply:
        """Run a method on a collector that has it, and return the outcome.

        Cancelling this cancels the handler.

        Args:
            namespace: the namespace.
            service: the service.
            method: the method.
            request: a protobuf message, plain data (what JSON has), a payload, or None.
            target: the id of the only collector that may run it.
            timeout: seconds; None for the default, or in a handler for the time that its own call has left;
                `math.inf` for no limit.
            hints: for the router; 4 KiB at most.
            metadata: a mapping, or pairs, for the handler; keys in lower case, with `-bin` at their end for
                bytes; 8 KiB at most.
            idempotent: whether the method may run twice; by default it says so itself.
            key: makes every repeat of this call, by anybody, the same call: 1 to 128 printable ASCII characters, which
                the caller makes up once for what it wants done. A repeat gets the first reply, and the handler does not
                run again; with another request it is refused with 409. See docs/idempotency.md.

        Returns:
            The outcome. Every outcome in the mesh is a reply with a code; none is raised.

        Raises:
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: this object is not entered yet or has been left, or belongs to another event loop or
                process.
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
        """Run a method on a collector that has it, and return its result.

        Args:
            namespace: the namespace.
            service: the service.
            method: the method.
            request: a protobuf message, plain data (what JSON has), a payload, or None.
            returns: the message class of the result, or a type of plain data (`dict`, `list[int]`, `str`); without it the
                result is the raw payload.
            options: as for `dispatch`.

        Raises:
            MeshError: the status is not 200; see its `.code`, `.executed` and `.handled_by`.
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: as for `dispatch`.
        """
        if returns is not None:
            check_readable("returns", returns)
        reply = await self.dispatch(namespace, service, method, request, **options)
        if returns is None:
            return reply.raise_for_status().payload
        return reply.unpack(returns)
