"""The second service of a registry: what the original has no words for."""

from collections.abc import Awaitable, Callable

import grpc

from collector_mesh.adapters.grpc.door import Context, Door
from collector_mesh.adapters.grpc.registry_calls import MAX_ANSWER_BYTES, RegistryCalls, check_service
from collector_mesh.adapters.wire.paged_registry_codec import (
    decode_deregister_request,
    decode_history_request,
    decode_page_request,
    decode_paged_lookup_request,
    decode_register_request,
    encode_deregistered,
    encode_history,
    encode_page,
    encode_registered,
    encode_with_files,
)
from collector_mesh.domain.model.errors import InvalidCallError

PAGED_REGISTRY_SERVICE = "collector_mesh.registry.v1.Registry"

_MOST_SERVICES = 512


class PagedRegistryService:
    """Register, Deregister, Lookup, List and History, with statuses of gRPC for what is wrong.

    Args:
        calls: the registry.
    """

    def __init__(self, calls: RegistryCalls) -> None:
        self._calls = calls
        self._door = calls.door

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        answers = {
            "Register": self.register,
            "Deregister": self.deregister,
            "Lookup": self.lookup,
            "List": self.list_services,
            "History": self.history,
        }
        methods = {name: door.unary(self._calls.answering(answer)) for name, answer in answers.items()}
        return grpc.method_handlers_generic_handler(PAGED_REGISTRY_SERVICE, methods)

    async def register(self, data: bytes, context: Context) -> bytes:
        """Answer Register."""
        caller = self._calls.caller(context)
        request = decode_register_request(data)
        self._door.check_write(caller, request.namespace)
        if not request.files and not request.services:
            raise InvalidCallError("files or services are required")
        for service in request.services:
            check_service(service.data or b"")
        if len(request.services) > _MOST_SERVICES:
            raise InvalidCallError(
                f"{len(request.services)} services are given, at most {_MOST_SERVICES} are taken at once"
            )
        async with self._calls.turn(len(data)):
            files = await self._calls.given(request.files)
            done = await self._door.registry.register(
                request.namespace,
                # With the last service that needs them they go again.
                files=() if request.services else files,
                dependencies=files if request.services else (),
                services=request.services,
                by=str(caller),
                labels=request.labels,
                force=request.force,
                dry_run=request.dry_run,
            )
        return encode_registered(done.services or done.files)

    async def deregister(self, data: bytes, context: Context) -> bytes:
        """Answer Deregister."""
        caller = self._calls.caller(context)
        namespace, name = decode_deregister_request(data)
        self._door.check_write(caller, namespace)
        async with self._calls.turn(len(data)):
            gone = await self._door.registry.deregister(namespace, name, by=str(caller))
        return encode_deregistered(gone)

    async def lookup(self, data: bytes, context: Context) -> bytes:
        """Answer Lookup."""
        namespace, name = decode_paged_lookup_request(data)
        self._door.check_read(self._calls.caller(context), namespace)
        service = await self._door.registry.lookup(namespace, name)
        return encode_with_files(service, await self._door.registry.files(namespace, service.name))

    async def list_services(self, data: bytes, context: Context) -> bytes:
        """Answer List."""
        caller = self._calls.caller(context)
        request = decode_page_request(data)

        async def page(limit: int) -> tuple[bytes, int]:
            found = await self._door.services(caller, request.namespace, after=request.after, limit=limit)
            return encode_page(found), len(found)

        return await _that_fits(page, request.limit)

    async def history(self, data: bytes, context: Context) -> bytes:
        """Answer History."""
        caller = self._calls.caller(context)
        request = decode_history_request(data)

        async def page(limit: int) -> tuple[bytes, int]:
            found = await self._door.history(
                caller, request.namespace, request.name, after=request.after, limit=limit
            )
            return encode_history(found), len(found)

        return await _that_fits(page, request.limit)


async def _that_fits(page: Callable[[int], Awaitable[tuple[bytes, int]]], limit: int) -> bytes:
    """A page that clients take: with fewer entries where it is too large, and one at least.

    Args:
        page: makes one with at most a number of entries, and says how many are on it.
        limit: how many are asked for.
    """
    while True:
        made, count = await page(limit)
        if len(made) <= MAX_ANSWER_BYTES or count <= 1:
            return made
        limit = max(1, count * MAX_ANSWER_BYTES // (2 * len(made)))
