"""Registries that answer anything: programs that ask them get errors of the mesh, and an end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from tests.integration.services.registry_stub import users_file

from collector_mesh import MeshError, RegistryClient, UnavailableError
from collector_mesh.adapters.wire.generated.registry_v1 import registry_pb2
from collector_mesh.domain.registry import every

pytestmark = pytest.mark.asyncio

ODD = [b"\xff\xff\xff", b"\x0a\xff", b"\x08\x96\x01", b"\x0a\x02\xff\xfe", b"\x0a\x04\x0a\x02\xc3\x28"]
ASKS: list[Callable[[RegistryClient], Awaitable[Any]]] = [
    lambda registry: registry.register("users", users_file()),
    lambda registry: registry.lookup("users", "UserService"),
    lambda registry: registry.files("users", "UserService"),
    lambda registry: registry.validate("users", "UserService", "GetUser"),
    lambda registry: registry.list(),
    lambda registry: registry.history(),
    lambda registry: registry.deregister("users", "UserService"),
]


class Anything(grpc.GenericRpcHandler):
    """Takes every call, and answers the same."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def service(self, _details: grpc.HandlerCallDetails) -> Any:
        async def answer(_request: bytes, _context: Any) -> bytes:
            return self._data

        return grpc.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def registry(data: bytes) -> AsyncIterator[RegistryClient]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([Anything(data)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with RegistryClient(f"127.0.0.1:{port}") as client:
            yield client
    finally:
        await server.stop(0)


@pytest.mark.parametrize("data", ODD)
async def test_what_cannot_be_read_is_an_error_or_nothing(data: bytes) -> None:
    async with registry(data) as client:
        for ask in ASKS:
            try:
                found = await ask(client)
            except MeshError as error:
                assert error.code in {503, 404}  # noqa: PT017  # it need not be raised
            else:
                assert not getattr(found, "services", ()), found


async def test_a_look_up_without_a_service_is_no_answer() -> None:
    async with registry(b"") as client:
        with pytest.raises(UnavailableError, match="cannot be read"):
            await client.lookup("users", "UserService")


async def test_pages_that_do_not_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(every, "_MOST_EMPTY", 20)
    page: Any = registry_pb2.ListResponse(next="more")
    async with registry(page.SerializeToString()) as client:
        with pytest.raises(UnavailableError, match="does not come to an end"):
            async for _ in client.every():
                pass
