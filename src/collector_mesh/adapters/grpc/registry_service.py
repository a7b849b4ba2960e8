"""The registry on a grpc server, as the original's clients know it: bytes in, bytes out."""

from collections import Counter

import grpc

from collector_mesh.adapters.grpc.door import Context, Door
from collector_mesh.adapters.grpc.registry_calls import (
    MAX_ANSWER_BYTES,
    RegistryCalls,
    check_service,
    text_of,
    too_large,
)
from collector_mesh.adapters.wire.registry_codec import (
    CANNOT_TELL_CODE,
    decode_file_request,
    decode_list_request,
    decode_lookup_request,
    decode_service_request,
    decode_validate_request,
    encode_found,
    encode_list,
    encode_list_failure,
    encode_listed,
    encode_not_found,
    encode_registered_file,
    encode_registered_service,
    encode_validity,
    name_in,
)
from collector_mesh.domain.model.errors import (
    AmbiguousError,
    InvalidCallError,
    NotFoundError,
    UnavailableError,
)
from collector_mesh.domain.model.names import check_identifiers
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.registry.indexes import short_name
from collector_mesh.domain.registry.limits import MAX_PAGE
from collector_mesh.domain.registry.metadata import GIVES_KEY, MAX_TYPE_NAME, TAKES_KEY
from collector_mesh.domain.registry.results import RegisteredService, Validity

REGISTRY_SERVICE = "collector.CollectorRegistry"

_MOST_PAGES = 100
"""Of services that are looked at for one list; whoever has more of them asks for pages."""


class RegistryService:
    """Registers with statuses of gRPC for what is wrong, and answers queries with a status in the answer.

    Args:
        calls: the registry.
    """

    def __init__(self, calls: RegistryCalls) -> None:
        self._calls = calls
        self._door = calls.door

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        answers = {
            "RegisterProto": self.register_proto,
            "RegisterService": self.register_service,
            "LookupService": self.lookup_service,
            "ValidateMethod": self.validate_method,
            "ListServices": self.list_services,
        }
        methods = {name: door.unary(self._calls.answering(answer)) for name, answer in answers.items()}
        return grpc.method_handlers_generic_handler(REGISTRY_SERVICE, methods)

    async def register_proto(self, data: bytes, context: Context) -> bytes:
        """Answer RegisterProto."""
        caller = self._calls.caller(context)
        request = decode_file_request(data)
        self._door.check_write(caller, request.namespace)
        if request.file is None:
            raise InvalidCallError("file descriptor is required")
        if not name_in(request.file):
            raise InvalidCallError("file descriptor name is required")
        async with self._calls.turn(len(data)):
            file, *dependencies = await self._calls.given((request.file, *request.dependencies))
            registered = await self._door.registry.register_file(
                request.namespace, file, dependencies, by=str(caller)
            )
        return encode_registered_file(registered)

    async def register_service(self, data: bytes, context: Context) -> bytes:
        """Answer RegisterService."""
        caller = self._calls.caller(context)
        request = decode_service_request(data)
        self._door.check_write(caller, request.namespace)
        if request.service is None:
            raise InvalidCallError("service descriptor is required")
        name = name_in(request.service)
        if not name:
            raise InvalidCallError("service descriptor name is required")
        check_identifiers("service descriptor name", name)
        check_service(request.service)
        async with self._calls.turn(len(data)):
            given = await self._calls.given(() if request.file is None else (request.file,))
            registered = await self._door.registry.register_service(
                request.namespace, name, request.service, given[0] if given else None, by=str(caller)
            )
            try:
                name = await self._told_name(registered)
            except UnavailableError:
                # It is registered all the same.
                name = short_name(registered.name)
        return encode_registered_service(registered, name)

    async def lookup_service(self, data: bytes, context: Context) -> bytes:
        """Answer LookupService."""
        namespace, name = decode_lookup_request(data)
        self._door.check_read(self._calls.caller(context), namespace)
        try:
            service = await self._door.registry.lookup(namespace, name)
            return encode_found(service, await self._told_name(service))
        except UnavailableError as error:
            return encode_not_found(text_of(error), CANNOT_TELL_CODE)
        except (AmbiguousError, NotFoundError) as error:
            return encode_not_found(str(error))
        except InvalidCallError:
            # Under such a name nothing can be registered.
            return encode_not_found(not_found_text(namespace, name))

    async def validate_method(self, data: bytes, context: Context) -> bytes:
        """Answer ValidateMethod; the trailing metadata has the types, where they are known."""
        namespace, service, method = decode_validate_request(data)
        self._door.check_read(self._calls.caller(context), namespace)
        try:
            validity = await self._door.registry.validate(namespace, service, method)
        except UnavailableError as error:
            return encode_validity(Validity(False, text_of(error)), CANNOT_TELL_CODE)
        except InvalidCallError:
            return encode_validity(Validity(False, not_found_text(namespace, service)))
        types = ((TAKES_KEY, validity.takes), (GIVES_KEY, validity.gives))
        if trailing := tuple((key, name) for key, name in types if 0 < len(name) <= MAX_TYPE_NAME):
            context.set_trailing_metadata(trailing)
        return encode_validity(validity)

    async def list_services(self, data: bytes, context: Context) -> bytes:
        """Answer ListServices."""
        namespace = decode_list_request(data)
        caller = self._calls.caller(context)
        services: list[RegisteredService] = []
        size = count = 0
        after = ""
        try:
            for _ in range(_MOST_PAGES):
                page = await self._door.services(caller, namespace, after=after, limit=MAX_PAGE)
                for service in page.services:
                    count += 1
                    if size > MAX_ANSWER_BYTES:
                        # It goes on, to tell how many there are.
                        continue
                    size += len(encode_listed(service, service.name))
                    services.append(service)
                after = page.after
                if not after:
                    break
        except UnavailableError as error:
            return encode_list_failure(text_of(error))
        if after or size > MAX_ANSWER_BYTES:
            text = (
                f"there are {'more than ' if after else ''}{count} services, which do not fit into the"
                f" {MAX_ANSWER_BYTES} bytes of an answer: name a namespace, or ask"
                " collector_mesh.registry.v1.Registry/List for pages"
            )
            await too_large(context, text)
        having = Counter((service.namespace, short_name(service.name)) for service in services)
        return encode_list(
            [
                encode_listed(service, short if having[service.namespace, short] == 1 else service.name)
                for service in services
                for short in [short_name(service.name)]
            ]
        )

    async def _told_name(self, service: RegisteredService) -> str:
        """The name under which the original knows a service: the short one, while no other service of the namespace has it."""
        short = short_name(service.name)
        try:
            found = await self._door.registry.lookup(service.namespace, short)
        except (AmbiguousError, NotFoundError):
            return service.name
        return short if found.name == service.name else service.name


def not_found_text(namespace: str, name: str) -> str:
    """What is said of a service that cannot be there."""
    return f"service {visible(namespace)}/{visible(name)} not found"
