"""The calls of a program outside the mesh, checked before anything of them is sent."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from collector_mesh.app.calls import CallFactory
from collector_mesh.app.tracing.making import current_of, root_of
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.errors import PayloadTooLargeError
from collector_mesh.domain.model.names import MethodKey, check_name
from collector_mesh.domain.model.payload import Message, Payload, Plain

if TYPE_CHECKING:
    from collector_mesh.app.container import ClientContainer


class ClientCalls:
    """Makes calls from what a user gives; any thread may use it.

    Args:
        parts: of the client.
    """

    def __init__(self, parts: "ClientContainer") -> None:
        settings = parts.settings()
        self._max_payload_bytes = settings.max_payload_bytes
        self._make = CallFactory(
            parts.clock(),
            parts.policies(),
            settings.forward_metadata,
            max_payload_bytes=settings.max_payload_bytes,
            root=root_of(parts.roots()),
            current=current_of(parts.tracer()),
        ).make

    def make(
        self,
        key: MethodKey,
        request: Message | Payload | Plain | None,
        target: str,
        timeout: float | None,
        hints: Mapping[str, str] | None,
        metadata: Metadata,
        idempotent: bool | None,  # noqa: FBT001  # as in every signature of a call
        idempotency_key: str | None = None,
    ) -> Call:
        """Make a call.

        Raises:
            MeshError: a part of it is not what it may be, or the request is too large.
            TypeError: an argument is of a wrong type; the text names it.
        """
        call = self._make(key, request, target, timeout, hints, metadata, idempotent, idempotency_key)
        call.key.check()
        if call.target:
            check_name("target_collector_id", call.target)
        size = len(call.payload.value)
        if size > self._max_payload_bytes:
            raise PayloadTooLargeError.of(size, self._max_payload_bytes)
        return call
