"""Asks a server for its services and their descriptors by server reflection, in either of its versions."""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from collector_mesh.adapters.grpc.server_client import ServerClient, StatusError
from collector_mesh.domain.model.names import IDENTIFIERS
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.model.texts import visible

MAX_SERVICES = 10_000
"""That a server may say it has."""

MAX_FILES = 4096
"""In one answer."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Of one answer."""

_MAX_QUESTIONS = 1000
_MAX_NAME = 512
_NOT_FOUND = 5

# The messages of both are the same.
_VERSIONS: Final = ("v1", "v1alpha")


class ReflectionError(Exception):
    """A server answers questions in a way that cannot be used; the text says how."""


class NoReflectionError(ReflectionError):
    """A server does not offer reflection."""


class Reflection:
    """What a server says of itself.

    Args:
        client: a way to the server.
        metadata: of each question.
        left: seconds until all answers have to be there.
    """

    def __init__(self, client: ServerClient, *, metadata: Metadata, left: Callable[[], float]) -> None:
        self._client = client
        self._metadata = metadata
        self._left = left
        self._versions = list(_VERSIONS)
        self._questions = 0

    async def services(self) -> list[str]:
        """Full names of the services, in their order.

        Raises:
            ReflectionError: the server has no reflection, or its answer cannot be used.
            StatusError: it has refused, or is not there.
        """
        answer = await self._ask(ServerReflectionRequest(list_services="*"))
        if not answer.HasField("list_services_response"):
            raise self._odd(answer)
        services = answer.list_services_response.service
        if len(services) > MAX_SERVICES:
            raise ReflectionError(f"{self._client.address} lists more than {MAX_SERVICES} services")
        for service in services:
            if len(service.name) > _MAX_NAME or not IDENTIFIERS.fullmatch(service.name):
                raise ReflectionError(
                    f"{self._client.address} lists a service that is no name: {visible(service.name, 100)}"
                )
        return sorted({service.name for service in services})

    async def files_with(self, symbol: str) -> list[bytes]:
        """The file in which a symbol is, and maybe others; none if the server does not know it.

        Errors are those of `services`.
        """
        return await self._files(ServerReflectionRequest(file_containing_symbol=symbol))

    async def file(self, name: str) -> list[bytes]:
        """The file of a name, and maybe others; none if the server does not have it; see `files_with`."""
        return await self._files(ServerReflectionRequest(file_by_filename=name))

    async def _files(self, question: ServerReflectionRequest) -> list[bytes]:
        answer = await self._ask(question)
        if answer.HasField("error_response") and answer.error_response.error_code == _NOT_FOUND:
            return []
        if not answer.HasField("file_descriptor_response"):
            raise self._odd(answer)
        files = answer.file_descriptor_response.file_descriptor_proto
        if len(files) > MAX_FILES:
            raise ReflectionError(f"{self._client.address} answers with more than {MAX_FILES} files")
        return list(files)

    async def _ask(self, question: ServerReflectionRequest) -> ServerReflectionResponse:
        self._questions += 1
        if self._questions > _MAX_QUESTIONS:
            raise ReflectionError(
                f"{self._client.address}: more than {_MAX_QUESTIONS} questions for descriptors are needed"
            )
        data = await self._answered(question.SerializeToString())
        if data is None:
            raise ReflectionError(
                f"{self._client.address} has ended without an answer to a reflection request"
            )
        if len(data) > MAX_ANSWER_BYTES:
            raise ReflectionError(
                f"{self._client.address} answers a reflection request with more than {MAX_ANSWER_BYTES} bytes"
            )
        try:
            return ServerReflectionResponse.FromString(data)
        except (DecodeError, UnicodeDecodeError) as error:
            raise ReflectionError(
                f"{self._client.address} answers a reflection request with what cannot be read"
            ) from error

    async def _answered(self, data: bytes) -> bytes | None:
        while self._versions:
            path = f"/grpc.reflection.{self._versions[0]}.ServerReflection/ServerReflectionInfo"
            try:
                answer = await self._client.ask(
                    path, data, metadata=self._metadata, timeout=max(0.001, self._left())
                )
            except StatusError as error:
                if not error.is_unimplemented:
                    raise
                del self._versions[0]
            else:
                # It has this one, so no other is needed.
                self._versions[1:] = []
                return answer
        raise NoReflectionError(f"{self._client.address} has no server reflection")

    def _odd(self, answer: ServerReflectionResponse) -> ReflectionError:
        if answer.HasField("error_response"):
            error = answer.error_response
            return ReflectionError(
                f"{self._client.address} refuses a reflection request: {error.error_code}"
                f" {visible(error.error_message)}"
            )
        return ReflectionError(f"{self._client.address} answers another reflection request than it was asked")
