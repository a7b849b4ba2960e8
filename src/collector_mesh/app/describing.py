"""The method of the mesh itself that each collector has in each of its namespaces: it tells what messages look like."""

from typing import TYPE_CHECKING

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload
from collector_mesh.domain.ports.reflecting import DESCRIBE, DESCRIPTORS
from collector_mesh.domain.serving.handlers import Method

if TYPE_CHECKING:
    from collector_mesh.app.container import CollectorContainer


class Describing:
    """Answers collectors that ask for the descriptor of a service; protobuf is not needed before that.

    Args:
        parts: of the collector.
    """

    def __init__(self, parts: "CollectorContainer") -> None:
        self._parts = parts

    def methods(self, namespace: str) -> tuple[Method, ...]:
        """The methods in a namespace."""
        key = MethodKey(namespace, DESCRIPTORS, DESCRIBE)
        return (Method(key, self._describe, idempotent=True, is_own=True),)

    async def _describe(self, request: Payload, context: CallContext) -> Payload:
        from google.protobuf.descriptor_pb2 import FileDescriptorSet
        from google.protobuf.wrappers_pb2 import StringValue

        from collector_mesh.adapters.wire.told_services import described

        service = request.unpack(StringValue).value
        namespace = context.namespace
        methods = [each for each in self._parts.handlers().methods if each.key[:2] == (namespace, service)]
        data = described(methods, self._parts.descriptors(), namespace, service)
        return Payload(f"{TYPE_PREFIX}{FileDescriptorSet.DESCRIPTOR.full_name}", data)
