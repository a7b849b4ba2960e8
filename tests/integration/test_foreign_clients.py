"""Clients that know of no mesh call servicers that know of none: through the gateway of one collector, at another one."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import grpc
import pytest
import pytest_asyncio
from mesh_test import users_pb2, users_pb2_grpc
from tests.generated.generations import OLDEST, Generation, folder_of
from tests.generated.servicers import Audit, BlockingUsers, Users
from tests.integration.services.processes import LOOPBACK, serving
from tests.integration.services.unary_cases import (
    CASES,
    MAX_PAYLOAD,
    UNIMPLEMENTED,
    USERS,
    Case,
    Metadata,
    Outcome,
    behave,
    joined,
)
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import Collector, Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = Settings(max_payload_bytes=MAX_PAYLOAD)
NAMESPACES = ["users", "audit-1", "audit-2"]
SERVICES = Path(__file__).parent / "services"
NODE = shutil.which("node")


class AioClient:
    """grpcio, with asyncio."""

    def __init__(self, address: str, options: Sequence[tuple[str, Any]] = ()) -> None:
        self.channel = grpc.aio.insecure_channel(address, options=options)

    def begin(self, path: str, request: bytes, **how: Any) -> Any:
        stub: Any = self.channel.unary_unary(path)
        return stub(request, **{"timeout": LIMIT_SECONDS, **how})

    async def call(self, path: str, request: bytes, **how: Any) -> Outcome:
        call = self.begin(path, request, **how)
        code = await call.code()
        return Outcome(
            code.value[0],
            await call.details(),
            await call if code is grpc.StatusCode.OK else b"",
            tuple(await call.initial_metadata()),
            tuple(await call.trailing_metadata()),
        )

    async def stream(self, kind: str, path: str, request: bytes) -> tuple[int, list[bytes]]:
        async def requests() -> AsyncIterator[bytes]:
            yield request

        stub = getattr(self.channel, kind)(path)
        while True:
            call = stub(requests() if kind.startswith("stream") else request, timeout=LIMIT_SECONDS)
            answers = []
            with suppress(grpc.RpcError):
                answers = [each async for each in call] if kind.endswith("stream") else [await call]
            # What this client says where the server has answered before it has sent anything.
            if await call.details() != "Internal error from Core":
                return (await call.code()).value[0], answers


class SyncClient:
    """grpcio, in threads."""

    def __init__(self, address: str, options: Sequence[tuple[str, Any]] = ()) -> None:
        self.channel = grpc.insecure_channel(address, options=options)

    def begin(self, path: str, request: bytes, **how: Any) -> Any:
        stub: Any = self.channel.unary_unary(path)
        return stub.future(request, **{"timeout": LIMIT_SECONDS, **how})

    async def call(self, path: str, request: bytes, **how: Any) -> Outcome:
        return await asyncio.to_thread(self._call, path, request, how)

    def _call(self, path: str, request: bytes, how: dict[str, Any]) -> Outcome:
        call = self.begin(path, request, **how)
        code = call.code()
        return Outcome(
            code.value[0],
            call.details(),
            call.result() if code is grpc.StatusCode.OK else b"",
            tuple(call.initial_metadata()),
            tuple(call.trailing_metadata()),
        )

    async def stream(self, kind: str, path: str, request: bytes) -> tuple[int, list[bytes]]:
        return await asyncio.to_thread(self._stream, kind, path, request)

    def _stream(self, kind: str, path: str, request: bytes) -> tuple[int, list[bytes]]:
        stub = getattr(self.channel, kind)(path)
        stub = stub if kind.endswith("stream") else stub.future
        call = stub(iter([request]) if kind.startswith("stream") else request, timeout=LIMIT_SECONDS)
        answers = []
        with suppress(grpc.RpcError):
            answers = list(call) if kind.endswith("stream") else [call.result()]
        return call.code().value[0], answers


CLIENTS: dict[str, Any] = {"aio": AioClient, "sync": SyncClient}


@attrs.frozen
class Mesh:
    """Two collectors with a servicer each, and one that has nothing, but for its gateway."""

    edge: Collector
    servicers: Sequence[Any]


SERVICERS: dict[str, Any] = {"async": Users, "threads": BlockingUsers}


@asynccontextmanager
async def mesh_of(kind: str, **options: Any) -> AsyncIterator[Mesh]:
    """A mesh of servicers of a kind."""
    servicers = [SERVICERS[kind](f"users-{number}") for number in (1, 2)]
    backends = [Collector(each.by, listen=LOOPBACK, settings=SETTINGS) for each in servicers]
    for number, (backend, servicer) in enumerate(zip(backends, servicers, strict=True), 1):
        backend.mount("users", users_pb2_grpc.add_UserServiceServicer_to_server, servicer)
        backend.mount(f"audit-{number}", users_pb2_grpc.add_AuditServiceServicer_to_server, Audit())
    edge = Collector("edge", listen=LOOPBACK, namespaces=NAMESPACES, settings=SETTINGS, **options)
    async with backends[0], backends[1], edge:
        for backend in backends:
            await edge.connect(backend.address)
        yield Mesh(edge, servicers)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=SERVICERS)
async def mesh(request: pytest.FixtureRequest) -> AsyncIterator[Mesh]:
    async with mesh_of(request.param) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=CLIENTS)
async def client(request: pytest.FixtureRequest, mesh: Mesh) -> AsyncIterator[Any]:
    made = CLIENTS[request.param](mesh.edge.address)
    yield made
    await closed(made)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=CLIENTS)
async def plain(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A client of a server of gRPC, without a mesh."""
    server = grpc.aio.server()
    users_pb2_grpc.add_UserServiceServicer_to_server(Users("users-1"), server)
    port = server.add_insecure_port(LOOPBACK)
    await server.start()
    made = CLIENTS[request.param](f"127.0.0.1:{port}")
    yield made
    await closed(made)
    await server.stop(None)


async def closed(client: Any) -> None:
    if isinstance(client, AioClient):
        await client.channel.close()
    else:
        client.channel.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_call_of_grpcio_comes_to_what_it_has_to(client: Any, case: Case) -> None:
    outcome = await client.call(
        case.path, case.request.SerializeToString(), metadata=case.metadata, timeout=case.timeout
    )

    case.check(outcome)


@pytest.mark.parametrize("case", [case for case in CASES if not case.of_mesh], ids=lambda case: case.name)
async def test_a_call_at_a_server_of_grpc_comes_to_the_same(plain: Any, case: Case) -> None:
    outcome = await plain.call(
        case.path, case.request.SerializeToString(), metadata=case.metadata, timeout=case.timeout
    )

    case.check(outcome)


@pytest.mark.parametrize("how", CLIENTS)
async def test_stubs_of_every_generation_call_through_the_gateway(
    mesh: Mesh, generation: Generation, how: str
) -> None:
    request = generation.users.GetUserRequest(id=3)
    if how == "aio":
        async with grpc.aio.insecure_channel(mesh.edge.address) as aio:
            user = await generation.users_grpc.UserServiceStub(aio).GetUser(request, timeout=LIMIT_SECONDS)
    else:
        with grpc.insecure_channel(mesh.edge.address) as sync:
            stub = generation.users_grpc.UserServiceStub(sync)
            user = await asyncio.to_thread(stub.GetUser, request, timeout=LIMIT_SECONDS)

    assert user == generation.users.User(id=3, name="user 3")


@pytest.mark.parametrize("kind", ["unary_stream", "stream_unary", "stream_stream"])
@pytest.mark.parametrize("method", ["ListUsers", "GetUser"])
async def test_whoever_streams_is_told_the_kind_or_gets_the_one_answer(
    client: Any, kind: str, method: str
) -> None:
    request = users_pb2.GetUserRequest(id=1).SerializeToString()
    outcome = await client.stream(kind, f"/{USERS}/{method}", request)

    assert (
        outcome
        == {
            "ListUsers": (UNIMPLEMENTED, []),
            "GetUser": (0, [users_pb2.User(id=1, name="user 1").SerializeToString()]),
        }[method]
    )


async def test_a_cancel_reaches_the_servicer() -> None:
    async with mesh_of("async") as mesh:
        for make in CLIENTS.values():
            client = make(mesh.edge.address)
            before = [each.calls for each in mesh.servicers]
            call = client.begin(f"/{USERS}/Behave", behave(wait=LIMIT_SECONDS).SerializeToString())
            await until(lambda before=before: [each.calls for each in mesh.servicers] != before)  # type: ignore[misc]  # bound at once

            call.cancel()

            gone = sum(each.calls for each in mesh.servicers)
            await until(lambda gone=gone: sum(each.cancelled for each in mesh.servicers) == gone)  # type: ignore[misc]  # the same
            await closed(client)


async def test_many_calls_at_once_get_each_its_own_answer(client: Any) -> None:
    sizes = range(200)

    outcomes = await asyncio.gather(
        *(client.call(f"/{USERS}/Behave", behave(size=size).SerializeToString()) for size in sizes)
    )

    answers = [users_pb2.Behaved.FromString(outcome.response) for outcome in outcomes]
    assert [len(answer.payload) for answer in answers] == list(sizes)


async def test_a_compressed_request_is_refused_with_the_reason(client: Any) -> None:
    outcome = await client.call(
        f"/{USERS}/Behave",
        behave(padding=b"x" * 1000).SerializeToString(),
        compression=grpc.Compression.Gzip,
    )

    assert outcome.code == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert "gzip" in outcome.details


async def test_an_answer_that_is_too_large_for_the_client_is_its_own_error(mesh: Mesh) -> None:
    small = (("grpc.max_receive_message_length", 100),)
    for make in CLIENTS.values():
        client = make(mesh.edge.address, small)

        outcome = await client.call(f"/{USERS}/Behave", behave(size=200).SerializeToString())

        assert outcome.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
        await closed(client)


async def test_a_gateway_that_is_switched_off_has_no_such_methods() -> None:
    async with mesh_of("async", gateway=False) as mesh:
        for make in CLIENTS.values():
            client = make(mesh.edge.address)
            outcome = await client.call(f"/{USERS}/GetUser", b"")

            assert (outcome.code, outcome.details) == (12, "Method not found!")
            await closed(client)


# ---- a provider that dies -----------------------------------------------------------------------------


def provider(name: str) -> AbstractAsyncContextManager[Any]:
    """A process of its own that serves the service."""
    mount = "users=mesh_test.users_pb2_grpc:add_UserServiceServicer_to_server=tests.generated.servicers:Users"
    root = Path(__file__).parents[2]
    path = os.pathsep.join(map(str, (root / "src", root, folder_of(OLDEST))))
    return serving(name, "--mount", mount, environment={"PYTHONPATH": path})


@asynccontextmanager
async def edge_of_a_process() -> AsyncIterator[tuple[Collector, Any]]:
    """A collector whose only provider is a process of its own."""
    async with (
        provider("users-1") as process,
        Collector("edge", listen=LOOPBACK, namespaces=["users"], peers=[process.address]) as edge,
    ):
        await edge.wait_for(methods=[("users", USERS, "Behave")])
        yield edge, process


async def running(edge: Collector, count: int) -> None:
    """Wait until so many calls run at the provider, which counts them with those that ask how many."""
    async with grpc.aio.insecure_channel(edge.address) as channel, asyncio.timeout(LIMIT_SECONDS):
        stub = users_pb2_grpc.UserServiceStub(channel)
        asked = 1
        while (await stub.CreateUser(users_pb2.User())).id != asked + count:
            asked += 1


async def test_of_calls_that_may_run_twice_none_fails_when_one_of_two_providers_is_killed() -> None:
    async with (
        provider("users-1") as killed,
        provider("users-2") as other,
        Collector(
            "edge", listen=LOOPBACK, namespaces=["users"], peers=[killed.address, other.address]
        ) as edge,
        grpc.aio.insecure_channel(edge.address) as channel,
    ):
        await edge.wait_for(peers=2)
        stub = users_pb2_grpc.UserServiceStub(channel)
        made, over = 0, False

        async def load() -> None:
            nonlocal made
            while not over:
                await stub.GetUser(users_pb2.GetUserRequest(id=1), timeout=LIMIT_SECONDS)
                made += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(load())
            await until(lambda: made > 300)
            await killed.kill()
            at_least = made + 300
            await until(lambda: made > at_least)
            over = True

    assert made > 600


async def test_calls_under_way_at_a_provider_that_is_killed_have_an_unknown_outcome_and_are_never_unavailable() -> (
    None
):
    async with edge_of_a_process() as (edge, provider):
        clients = [make(edge.address) for make in CLIENTS.values()]
        request = behave(wait=LIMIT_SECONDS).SerializeToString()
        calls = [asyncio.create_task(client.call(f"/{USERS}/Behave", request)) for client in clients]
        await running(edge, len(calls))

        await provider.kill()

        outcomes = [await call for call in calls]
        for client in clients:
            await closed(client)
    assert [outcome.code for outcome in outcomes] == [grpc.StatusCode.UNKNOWN.value[0]] * 2, outcomes


# ---- Node.js ------------------------------------------------------------------------------------------


def node_has_grpc() -> bool:
    """Whether Node finds its gRPC, by NODE_PATH or beside the program."""
    if NODE is None:
        return False
    done = subprocess.run(
        [NODE, "-e", "require.resolve('@grpc/grpc-js')"], cwd=SERVICES, capture_output=True, check=False
    )
    return done.returncode == 0


needs_node = pytest.mark.skipif(not node_has_grpc(), reason="needs node and @grpc/grpc-js")


async def made_by_node(
    address: str,
    calls: Sequence[dict[str, Any]],
    *,
    together: bool = False,
    options: Any = None,
    under_way: Callable[[], object] = bool,
) -> list[Outcome]:
    """What a program for Node.js has seen of calls, in their order; those to be cancelled are so once they are under way."""
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(SERVICES / "unary.js"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    asked = {"address": address, "calls": calls, "together": together, "options": options or {}}
    assert process.stdin is not None
    process.stdin.write(f"{json.dumps(asked)}\n".encode())
    if any("cancels" in call for call in calls):
        await until(under_way)
    process.stdin.close()
    async with asyncio.timeout(LIMIT_SECONDS):
        output, _ = await process.communicate()
    return [
        Outcome(
            each["code"],
            each["details"],
            base64.b64decode(each["response"]),
            metadata_of(each["initial"]),
            metadata_of(each["trailing"]),
        )
        for each in json.loads(output)
    ]


def metadata_of(pairs: list[tuple[str, str]]) -> Metadata:
    return tuple((key, base64.b64decode(value) if key.endswith("-bin") else value) for key, value in pairs)


def for_node(
    path: str, request: bytes, *, metadata: Metadata = (), timeout: float = LIMIT_SECONDS, **more: Any
) -> dict[str, Any]:
    """A call, as the program takes it."""
    pairs = [
        (key, base64.b64encode(value).decode() if isinstance(value, bytes) else value)
        for key, value in metadata
    ]
    return {
        "path": path,
        "request": base64.b64encode(request).decode(),
        "metadata": pairs,
        "timeout": timeout,
        **more,
    }


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def seen_by_node(mesh: Mesh) -> dict[str, Outcome]:
    """What has come of each case; one process makes all of them."""
    calls = [
        for_node(case.path, case.request.SerializeToString(), metadata=case.metadata, timeout=case.timeout)
        for case in CASES
    ]
    outcomes = await made_by_node(mesh.edge.address, calls)
    return {case.name: outcome for case, outcome in zip(CASES, outcomes, strict=True)}


@needs_node
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_call_of_node_comes_to_what_it_has_to(seen_by_node: dict[str, Outcome], case: Case) -> None:
    case.check(seen_by_node[case.name], joined)


@needs_node
async def test_many_calls_of_node_at_once_get_each_its_own_answer(mesh: Mesh) -> None:
    sizes = range(200)
    calls = [for_node(f"/{USERS}/Behave", behave(size=size).SerializeToString()) for size in sizes]

    outcomes = await made_by_node(mesh.edge.address, calls, together=True)

    answers = [users_pb2.Behaved.FromString(outcome.response) for outcome in outcomes]
    assert [len(answer.payload) for answer in answers] == list(sizes)


@needs_node
async def test_node_cancels_compresses_and_meets_a_gateway_that_is_off() -> None:
    wait = behave(wait=LIMIT_SECONDS).SerializeToString()
    async with mesh_of("async") as mesh:
        (cancelled,) = await made_by_node(
            mesh.edge.address,
            [for_node(f"/{USERS}/Behave", wait, cancels=True)],
            under_way=lambda: sum(each.calls for each in mesh.servicers),
        )
        await until(lambda: sum(each.cancelled for each in mesh.servicers) == 1)
        (compressed,) = await made_by_node(
            mesh.edge.address,
            [for_node(f"/{USERS}/Behave", b"")],
            options={"grpc.default_compression_algorithm": 2},
        )
    async with mesh_of("async", gateway=False) as mesh:
        (off,) = await made_by_node(mesh.edge.address, [for_node(f"/{USERS}/GetUser", b"")])

    assert cancelled.code == grpc.StatusCode.CANCELLED.value[0]
    assert (compressed.code, "gzip" in compressed.details) == (UNIMPLEMENTED, True)
    assert (off.code, off.details) == (UNIMPLEMENTED, "Method not found!")


@needs_node
async def test_a_call_of_node_at_a_provider_that_is_killed_is_never_unavailable() -> None:
    request = behave(wait=LIMIT_SECONDS).SerializeToString()
    async with edge_of_a_process() as (edge, provider):
        made = asyncio.create_task(made_by_node(edge.address, [for_node(f"/{USERS}/Behave", request)]))
        await running(edge, 1)

        await provider.kill()

        (outcome,) = await made
    assert outcome.code == grpc.StatusCode.UNKNOWN.value[0]
