"""The two services of a registry as a program of grpc calls them, and descriptors to call them with."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from tests.limits import LIMIT_SECONDS

from collector_mesh import Tls
from collector_mesh.adapters.wire.generated import registry_pb2 as original
from collector_mesh.adapters.wire.generated.registry_v1 import registry_pb2 as paged

_STRING = FieldDescriptorProto.TYPE_STRING
_OPTIONAL = FieldDescriptorProto.LABEL_OPTIONAL

Pairs = tuple[tuple[str, str], ...]


class RegistryStub:
    """Calls a registry at an address; a method is called by its name, with the fields of its request."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self._channel = (
            grpc.aio.insecure_channel(address)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials)
        )

    def call(self, method: str, metadata: Pairs = (), **fields: Any) -> Any:
        """Call a method of `collector.CollectorRegistry`; the call is awaited for its answer."""
        return self._begin(original, "collector.CollectorRegistry", method, metadata, fields)

    def paged(self, method: str, metadata: Pairs = (), **fields: Any) -> Any:
        """Call a method of `collector_mesh.registry.v1.Registry`, likewise."""
        return self._begin(paged, "collector_mesh.registry.v1.Registry", method, metadata, fields)

    def _begin(
        self,
        module: Any,
        service: str,
        method: str,
        metadata: Pairs,
        fields: dict[str, Any],
    ) -> Any:
        request = getattr(module, f"{method}Request")
        return self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=getattr(module, f"{method}Response").FromString,
        )(request(**fields), timeout=LIMIT_SECONDS, metadata=metadata)

    async def raw(self, method: str, data: bytes, service: str = "collector.CollectorRegistry") -> bytes:
        """Send bytes to a method."""
        call: Any = self._channel.unary_unary(f"/{service}/{method}")
        answer: bytes = await call(data, timeout=LIMIT_SECONDS)
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._channel.close()


def credentials_of(tls: Tls) -> grpc.ChannelCredentials:
    """What a client shows that has a certificate."""
    return grpc.ssl_channel_credentials(
        *(Path(str(part)).read_bytes() for part in (tls.ca, tls.key, tls.cert))
    )


async def refusal(calling: Any) -> tuple[str, str]:
    """The code and the text that a call is refused with."""
    try:
        answer = await calling
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    raise AssertionError(f"it was not refused: {answer}")


def users_file(*fields: str, package: str = "acme.v1", service: str = "UserService") -> FileDescriptorProto:
    """A file with a service of two methods; a User has these fields, all of them texts."""
    prefix = f"{package}." if package else ""
    file = FileDescriptorProto(name="acme/users.proto", package=package, syntax="proto3")
    user = file.message_type.add(name="User")
    for number, name in enumerate(fields or ("id", "name"), start=1):
        user.field.add(name=name, number=number, type=_STRING, label=_OPTIONAL, json_name=name)
    file.message_type.add(name="GetUserRequest").field.add(
        name="id", number=1, type=_STRING, label=_OPTIONAL, json_name="id"
    )
    made = file.service.add(name=service)
    made.method.add(name="GetUser", input_type=f".{prefix}GetUserRequest", output_type=f".{prefix}User")
    made.method.add(name="AddUser", input_type=f".{prefix}User", output_type=f".{prefix}User")
    return file


def in_pool(message: Any, kind: str) -> Any:
    """The same descriptor as a message of the pool that the messages of the registry are in."""
    field = {"file": "file_descriptor", "service": "service_descriptor"}[kind]
    return type(getattr(original.RegisterServiceRequest(), field)).FromString(message.SerializeToString())


def registering(file: FileDescriptorProto, namespace: str = "users") -> dict[str, Any]:
    """The fields of a RegisterServiceRequest for the service in a file."""
    return {
        "namespace": namespace,
        "service_descriptor": in_pool(file.service[0], "service"),
        "file_descriptor": in_pool(file, "file"),
    }
