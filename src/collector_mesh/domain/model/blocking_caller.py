"""What everything has in common that calls can be made at by code that does not await."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Unpack, overload

from collector_mesh.domain.model.caller import CallOptions, Metadata
from collector_mesh.domain.model.payload import M, Message, Payload, Plain, check_readable
from collector_mesh.domain.model.status import Reply


class BlockingCaller(ABC):
    """Something that calls can be made at by code that does not await: the calling thread waits.

    It may be used from any number of threads at once, but in none that runs an event loop.
    """

    __slots__ = ()

    @abstractmethod
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
        metadata: Metadata = (),
        idempotent: bool | None = None,
    ) -> Reply:
        """Have a method run by whoever in the mesh has it, and wait for what comes of it.

        Arguments and reply are those of `Caller.dispatch`. Whatever interrupts this, as Ctrl-C does, cancels the
        handler.

        Raises:
            TypeError: an argument is of a type that cannot be meant; the text names it.
            RuntimeError: an event loop runs in this thread, and would stand still; or it cannot be used anymore, or
                not in this process. The text says what to do.
        """

    @overload
    def call(
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
    def call(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        returns: None = None,
        **options: Unpack[CallOptions],
    ) -> Payload: ...

    def call(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        returns: type[M] | None = None,
        **options: Unpack[CallOptions],
    ) -> M | Payload:
        """Have a method run, wait, and give its result; arguments and result are those of `Caller.call`.

        Raises:
            MeshError: the status is not 200; `.code`, `.executed` and `.handled_by` tell the rest.
            TypeError: an argument is of a type that cannot be meant; the text names it.
            RuntimeError: as for `dispatch`.
        """
        if returns is not None:
            check_readable("returns", returns)
        reply = self.dispatch(namespace, service, method, request, **options)
        if returns is None:
            return reply.raise_for_status().payload
        return reply.unpack(returns)
