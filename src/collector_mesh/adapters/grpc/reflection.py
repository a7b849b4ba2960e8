"""Server reflection: a server tells which services and messages there are, its own and those of the mesh."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import chain
from operator import is_
from typing import Any

import attrs
import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from collector_mesh.adapters.grpc.callers import Callers
from collector_mesh.adapters.grpc.codes import STATUS_CODES
from collector_mesh.adapters.grpc.door import MALFORMED, Context, Door
from collector_mesh.adapters.grpc.headers import routing_in
from collector_mesh.adapters.grpc.health import HEALTH_SERVICE, REGISTRY_SERVICES
from collector_mesh.adapters.grpc.inspect_service import INSPECT_SERVICE
from collector_mesh.adapters.grpc.reflected import Reflected, Seen
from collector_mesh.adapters.grpc.unary_link import SERVICE
from collector_mesh.adapters.wire.file_sets import FileSet, set_of
from collector_mesh.adapters.wire.generated import dispatcher_pb2, inspect_pb2
from collector_mesh.adapters.wire.grpc_codes import Code, grpc_status_of
from collector_mesh.domain.model.errors import AmbiguousError, MeshError, NotFoundError, clipped, quoted
from collector_mesh.domain.model.routing_keys import NAMESPACE_KEY
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.open_streams import OpenStream
from collector_mesh.domain.ports.gateway import Gateway

_ALPHA: str = reflection.SERVICE_NAME
_V1 = "grpc.reflection.v1.ServerReflection"

Question = reflection_pb2.ServerReflectionRequest
Answer = reflection_pb2.ServerReflectionResponse
"""Their bytes are the same in both versions."""

_OWN_SERVICES = (SERVICE, INSPECT_SERVICE, HEALTH_SERVICE, _ALPHA, _V1)

_MAX_QUESTION_BYTES = 16 << 10
"""Each answer has its question in it."""

_MAX_LIST_BYTES = 3 << 20
_NAME_BYTES = 8
"""Clients of gRPC take 4 MiB; what a name takes beside its text."""

_MOST_LISTS = 8
"""Lists that are kept: callers may see different namespaces."""


@attrs.frozen
class _List:
    """An answer that lists services, and what it was made of."""

    told: list[tuple[str, ...]]
    answer: Any


class Reflection:
    """Answers which services there are; it takes bytes, as all of ours do.

    Args:
        gateway: the collector.
        proves_identity: whether callers show certificates.
        shows_mesh: whether the services of the mesh are shown too, which callers reach by the gateway.
        has_registry: whether the server has the services of a registry.
    """

    def __init__(
        self, gateway: Gateway, *, proves_identity: bool, shows_mesh: bool, has_registry: bool = False
    ) -> None:
        self._gateway = gateway
        self._callers = Callers(gateway.identify, proves_identity=proves_identity)
        self._shows_mesh = shows_mesh
        self._own = FileSet(_own_files(has_registry=has_registry))
        self._own_services = (*_OWN_SERVICES, *(REGISTRY_SERVICES if has_registry else ()))
        self._reflected = Reflected(gateway)
        self._lists: dict[tuple[str, ...], _List] = {}

    def handlers(self, door: Door) -> list[grpc.GenericRpcHandler]:
        """What a server takes: both versions of the service."""
        methods = {"ServerReflectionInfo": door.streams(partial(self.tell, door))}
        return [grpc.method_handlers_generic_handler(name, methods) for name in (_ALPHA, _V1)]

    async def tell(self, door: Door, context: Context, stream: OpenStream) -> None:
        """Answer questions until there are no more."""
        try:
            seen = self._seen(context)
        except MeshError as error:
            code = (
                Code.NOT_FOUND
                if isinstance(error, NotFoundError)
                else grpc_status_of(Reply.refused(error)).code
            )
            await context.abort(STATUS_CODES[code], clipped(str(error)))
        async for question in _questions(context, partial(door.read, stream, context)):
            answer = await self._answer(question, seen)
            answer.valid_host = question.host
            answer.original_request.CopyFrom(question)
            data = answer.SerializeToString()
            del answer  # it has as much in it, and may wait long to be taken
            await door.write(stream, context, data)

    def _seen(self, context: Context) -> Seen:
        named = routing_in(context.invocation_metadata()).namespace
        if not self._shows_mesh:
            return Seen(())
        identity = self._callers.identity(context)
        return Seen(self._gateway.reflecting.namespaces(identity, named), identity)

    async def _answer(self, question: Any, seen: Seen) -> Any:
        kind = question.WhichOneof("message_request")
        try:
            if kind == "list_services":
                return self._listed(seen)
            if kind == "file_by_filename":
                return await self._file(seen, question.file_by_filename)
            if kind == "file_containing_symbol":
                return await self._symbol(seen, question.file_containing_symbol)
            if kind == "file_containing_extension":
                extension = question.file_containing_extension
                return await self._extension(seen, extension.containing_type, extension.extension_number)
            if kind == "all_extension_numbers_of_type":
                return await self._extensions(seen, question.all_extension_numbers_of_type)
        except NotFoundError as error:
            return _failed(Code.NOT_FOUND, str(error))
        except AmbiguousError as error:
            return _failed(Code.FAILED_PRECONDITION, str(error))
        except MeshError as error:
            return _failed(grpc_status_of(Reply.refused(error)).code, str(error))
        return _failed(Code.INVALID_ARGUMENT, "there is no question in the request")

    def _listed(self, seen: Seen) -> Any:
        services = self._gateway.reflecting.services
        told = [services(namespace, seen.identity) for namespace in seen.namespaces]
        kept = self._lists.get(seen.namespaces)
        # What has not changed is the same object: many may ask, and there may be thousands of services.
        if kept is None or not all(map(is_, kept.told, told)):
            if len(self._lists) >= _MOST_LISTS:
                self._lists.clear()
            kept = self._lists[seen.namespaces] = _List(told, _list_of(self._own_services, told))
        answer = Answer()
        answer.CopyFrom(kept.answer)
        return answer

    async def _file(self, seen: Seen, name: str) -> Any:
        def find(files: FileSet) -> str:
            return name if name in files.files else ""

        return _told(*await self._found(seen, f"the file {quoted(name)}", find))

    async def _symbol(self, seen: Seen, symbol: str) -> Any:
        name = symbol.removeprefix(".")
        if own := self._own.file_of(name):
            return _told(self._own, own)
        # Whoever asks for a service or one of its methods need not have others looked through.
        for service in (name, name.rpartition(".")[0]):
            if (files := await self._reflected.files_of(seen, service)) is not None:
                return _told(files, files.service_file)
        return _told(
            *await self._found(seen, f"the symbol {quoted(name)}", lambda files: files.file_of(name))
        )

    async def _extension(self, seen: Seen, message: str, number: int) -> Any:
        what = f"the extension {number} of {quoted(message)}"
        return _told(*await self._found(seen, what, lambda files: files.file_of_extension(message, number)))

    async def _extensions(self, seen: Seen, message: str) -> Any:
        every = [self._own, *await self._reflected.all_files(seen)]
        found = [numbers for files in every if (numbers := files.extensions_of(message)) is not None]
        if not found:
            raise NotFoundError(f"the message {quoted(message)} is not known")
        answer = Answer()
        answer.all_extension_numbers_response.base_type_name = message
        numbers = sorted({number for numbers in found for number in numbers})
        answer.all_extension_numbers_response.extension_number.extend(numbers)
        return answer

    async def _found(self, seen: Seen, what: str, find: Callable[[FileSet], str]) -> tuple[FileSet, str]:
        if own := find(self._own):
            return self._own, own
        return await self._reflected.found(seen, what, find)


def _list_of(own: tuple[str, ...], told: list[tuple[str, ...]]) -> Any:
    """The answer that lists services of some namespaces, and those of the collector."""
    names = sorted({*own, *chain.from_iterable(told)})
    if sum(len(name) + _NAME_BYTES for name in names) > _MAX_LIST_BYTES:
        text = f"there are {len(names)} services, too many for one answer: name a namespace"
        return _failed(Code.RESOURCE_EXHAUSTED, f"{text} in the metadata {NAMESPACE_KEY!r}")
    answer = Answer()
    for name in names:
        answer.list_services_response.service.add(name=name)
    return answer


def _told(files: FileSet, name: str) -> Any:
    """The answer with a file and all that it imports: whoever asks need not ask for each of them."""
    answer = Answer()
    answer.file_descriptor_response.file_descriptor_proto.extend(files.with_imports(name))
    return answer


def _failed(code: int, text: str) -> Any:
    answer = Answer()
    answer.error_response.error_code = int(code)
    answer.error_response.error_message = clipped(text)
    return answer


async def _questions(context: Context, read: Callable[[], Awaitable[object]]) -> AsyncIterator[Any]:
    while isinstance(data := await read(), bytes):
        try:
            if len(data) > _MAX_QUESTION_BYTES:
                text = f"a question of {len(data)} bytes is over the limit of {_MAX_QUESTION_BYTES} bytes"
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
            question = Question.FromString(data)
        except (DecodeError, UnicodeDecodeError):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, MALFORMED)
        yield question


def _own_files(*, has_registry: bool) -> bytes:
    """The files of the collector's own services."""
    modules = [dispatcher_pb2, inspect_pb2, health_pb2, reflection_pb2]
    if has_registry:
        from collector_mesh.adapters.wire.generated import registry_pb2
        from collector_mesh.adapters.wire.generated.registry_v1 import registry_pb2 as paged_registry_pb2

        modules += [registry_pb2, paged_registry_pb2]
    files = FileDescriptorSet.FromString(set_of(module.DESCRIPTOR for module in modules))
    files.file.append(_v1_of(FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)))
    data: bytes = files.SerializeToString()
    return data


def _v1_of(alpha: FileDescriptorProto) -> FileDescriptorProto:
    """The file of the newer version of reflection, which is the same under another name; there is no module for it."""
    old, new = f".{alpha.package}.", ".grpc.reflection.v1."
    file = FileDescriptorProto(
        name="grpc/reflection/v1/reflection.proto",
        package=new.strip("."),
        syntax=alpha.syntax,
        message_type=alpha.message_type,
        service=alpha.service,
    )
    for message in file.message_type:
        for field in (one for one in message.field if one.type_name):
            field.type_name = field.type_name.replace(old, new)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(old, new)
        method.output_type = method.output_type.replace(old, new)
    return file
