"""What all objects have in common that make calls for code that does not await."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Unpack, overload

from collector_mesh.domain.model.caller import CallOptions, Metadata
from collector_mesh.domain.model.payload import MAX_PAYLOAD_BYTES, M, Message, Payload, Plain, check_readable
from collector_mesh.domain.model.status import Reply


class BlockingCaller(ABC):
    """Makes calls for code that does not await: the calling thread waits.

    Any number of threads may use it at once, but not one that runs an event loop.
    """

    __slots__ = ()

    @property
    def max_payload_bytes(self) -> int:
        """Bytes of the largest request that it sends, as far as it knows."""
        return MAX_PAYLOAD_BYTES

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
        key: str | None = None,
    ) -> Reply:
        """Run a method on a collector that has it, wait, and return the outcome.

        Arguments and reply are those of `Caller.dispatch`. An interrupt, such as Ctrl-C, cancels the handler.

        Raises:
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: an event loop runs in this thread, and would stand still; or this object is closed, or belongs
                to another process. The text says what to do.
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
        """Run a method, wait, and return its result; arguments and result are those of `Caller.call`.

        Raises:
            MeshError: the status is not 200; see its `.code`, `.executed` and `.handled_by`.
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: as for `dispatch`.
        """
        if returns is not None:
            check_readable("returns", returns)
        reply = self.dispatch(namespace, service, method, request, **options)
        if returns is None:
            return reply.raise_for_status().payload
        return reply.unpack(returns)
