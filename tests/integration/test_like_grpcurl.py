"""What grpcurl does at a collector whose peers have all the services: it asks by reflection, and calls with what it is told."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import grpc
import pytest
import pytest_asyncio
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2
from mesh_test import common_pb2, users_pb2, users_pb2_grpc
from tests.generated.servicers import Audit, Users
from tests.integration.services.processes import LOOPBACK
from tests.integration.services.unary_cases import AUDIT, USERS
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector

pytestmark = pytest.mark.asyncio(loop_scope="module")

Question = reflection_pb2.ServerReflectionRequest
Answer = reflection_pb2.ServerReflectionResponse
VERSIONS = ["v1", "v1alpha"]
USERS_FILE, COMMON_FILE = "mesh_test/users.proto", "mesh_test/common.proto"
IMPORTS = {
    USERS_FILE,
    COMMON_FILE,
    "google/protobuf/any.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/wrappers.proto",
}


@attrs.frozen
class Curl:
    """A client that knows an address and nothing else; like grpcurl it asks for a file by its name where it needs one."""

    channel: grpc.aio.Channel
    version: str = "v1"
    headers: Sequence[tuple[str, str]] = ()

    async def ask(self, *questions: Any) -> list[Any]:
        """The answers to questions on one stream."""
        stub: Any = self.channel.stream_stream(
            f"/grpc.reflection.{self.version}.ServerReflection/ServerReflectionInfo",
            Question.SerializeToString,
            Answer.FromString,
        )
        call = stub(metadata=self.headers, timeout=LIMIT_SECONDS)
        answers = []
        for question in questions:
            await call.write(question)
            answers.append(await call.read())
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        return answers

    async def services(self) -> list[str]:
        """The names of the services."""
        (answer,) = await self.ask(Question(list_services="*"))
        return [service.name for service in answer.list_services_response.service]

    async def files(self, question: Any) -> list[FileDescriptorProto]:
        """The files of an answer."""
        (answer,) = await self.ask(question)
        return [
            FileDescriptorProto.FromString(data)
            for data in answer.file_descriptor_response.file_descriptor_proto
        ]

    async def pool(self, symbol: str) -> tuple[DescriptorPool, set[str]]:
        """A pool with the file of a symbol and all that this imports, and their names."""
        files = {file.name: file for file in await self.files(Question(file_containing_symbol=symbol))}
        while missing := {name for file in files.values() for name in file.dependency} - files.keys():
            for name in missing:
                files |= {file.name: file for file in await self.files(Question(file_by_filename=name))}
        pool, added = DescriptorPool(), set()

        def add(name: str) -> None:
            if name not in added:
                added.add(name)
                for dependency in files[name].dependency:
                    add(dependency)
                pool.AddSerializedFile(files[name].SerializeToString())

        for name in files:
            add(name)
        return pool, added

    async def call(self, service: str, method: str, data: str) -> Any:
        """What a method answers to JSON, as JSON."""
        pool, _ = await self.pool(service)
        described = pool.FindServiceByName(service).FindMethodByName(method)
        request: Any = message_factory.GetMessageClass(described.input_type)()
        answer: Any = message_factory.GetMessageClass(described.output_type)
        json_format.Parse(data, request, descriptor_pool=pool)
        stub: Any = self.channel.unary_unary(
            f"/{service}/{method}", type(request).SerializeToString, answer.FromString
        )
        reply = await stub(request, metadata=self.headers, timeout=LIMIT_SECONDS)
        return json.loads(json_format.MessageToJson(reply, descriptor_pool=pool))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def edge() -> AsyncIterator[Collector]:
    namespaces = ["users", "audit-1", "audit-2"]
    async with (
        Collector("users-1", listen=LOOPBACK) as backend,
        Collector("edge", listen=LOOPBACK, namespaces=namespaces, reflection=True) as edge,
    ):
        backend.mount("users", users_pb2_grpc.add_UserServiceServicer_to_server, Users("users-1"))
        for namespace in namespaces[1:]:
            backend.mount(namespace, users_pb2_grpc.add_AuditServiceServicer_to_server, Audit())
        await edge.connect(backend.address)
        await edge.wait_for(methods=[("users", USERS, "GetUser"), ("audit-2", AUDIT, "Record")])
        yield edge


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=VERSIONS)
async def curl(request: pytest.FixtureRequest, edge: Collector) -> AsyncIterator[Curl]:
    async with grpc.aio.insecure_channel(edge.address) as channel:
        yield Curl(channel, request.param)


async def test_list_names_each_service_once_and_in_order(curl: Curl) -> None:
    services = await curl.services()

    assert services == sorted(set(services))
    assert {USERS, AUDIT, "grpc.health.v1.Health"} <= set(services)


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        (USERS, USERS_FILE),
        (f"{USERS}.GetUser", USERS_FILE),
        (f"{USERS}.ListUsers", USERS_FILE),
        ("mesh.test.users.v1.User", USERS_FILE),
        ("mesh.test.users.v1.User.name", USERS_FILE),
        ("mesh.test.users.v1.Everything.Inner", USERS_FILE),
        ("mesh.test.users.v1.Everything.Color", USERS_FILE),
        ("mesh.test.users.v1.Everything.choice", USERS_FILE),
        ("mesh.test.users.v1.Everything.CountsEntry", USERS_FILE),
        ("mesh.test.common.v1.Address", COMMON_FILE),
        ("mesh.test.common.v1.Role", COMMON_FILE),
        ("google.protobuf.Timestamp", "google/protobuf/timestamp.proto"),
        ("grpc.health.v1.HealthCheckRequest", "grpc_health/v1/health.proto"),
    ],
)
async def test_describe_gets_the_file_of_a_symbol_first(curl: Curl, symbol: str, file: str) -> None:
    files = await curl.files(Question(file_containing_symbol=symbol))

    assert files[0].name == file


@pytest.mark.parametrize(
    "symbol", ["", ".", "mesh.test", "mesh.test.users.v1.Nobody", "a" * 5000, "\0", "x/y"]
)
async def test_a_symbol_that_is_not_there_is_an_error_of_that_question_alone(curl: Curl, symbol: str) -> None:
    wrong, right = await curl.ask(
        Question(file_containing_symbol=symbol), Question(file_containing_symbol=USERS)
    )

    assert wrong.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert right.file_descriptor_response.file_descriptor_proto


@pytest.mark.parametrize("name", sorted(IMPORTS))
async def test_a_file_is_had_by_the_path_by_which_it_is_imported(curl: Curl, name: str) -> None:
    files = await curl.files(Question(file_by_filename=name))

    assert files[0].name == name


async def test_what_a_service_imports_is_there_and_is_what_it_was_generated_from(curl: Curl) -> None:
    pool, names = await curl.pool(USERS)

    assert names == IMPORTS
    for module in (users_pb2, common_pb2):
        own: Any = module.DESCRIPTOR
        assert pool.FindFileByName(own.name).serialized_pb == own.serialized_pb


async def test_a_call_is_made_with_what_was_told(curl: Curl) -> None:
    assert await curl.call(USERS, "GetUser", '{"id": "7"}') == {"id": "7", "name": "user 7"}


async def test_64_bits_bytes_maps_and_any_pass(curl: Curl) -> None:
    sent = {
        "unsigned": "18446744073709551615",
        "raw": "AP8=",
        "counts": {"a": "-1"},
        "byNumber": {"-7": {"name": "n"}},
        "any": {"@type": "type.googleapis.com/mesh.test.users.v1.Line", "text": "inside"},
        "otherName": "o",
        "text": "",
    }

    assert await curl.call(USERS, "Echo", json.dumps(sent)) == sent


async def test_the_namespace_of_a_header_counts_for_questions_and_for_calls(curl: Curl) -> None:
    audit = attrs.evolve(curl, headers=[("collector-namespace", "audit-2")])

    assert AUDIT in await audit.services()
    assert USERS not in await audit.services()
    line = {"@type": "type.googleapis.com/mesh.test.users.v1.Line", "text": "abc"}
    assert await audit.call(AUDIT, "Record", json.dumps(line)) == "5"


# ---- grpcurl itself, which is written in Go -----------------------------------------------------------

GRPCURL = shutil.which("grpcurl")


@pytest.mark.skipif(GRPCURL is None, reason="needs grpcurl")
@pytest.mark.parametrize(
    ("options", "rest", "status", "said"),
    [
        ((), ("list",), 0, [USERS, AUDIT, "grpc.health.v1.Health"]),
        ((), ("list", USERS), 0, [f"{USERS}.GetUser", f"{USERS}.Talk"]),
        ((), ("describe", USERS), 0, ["idempotency_level = IDEMPOTENT", "returns ( stream .mesh.test"]),
        ((), ("describe", "mesh.test.users.v1.Everything"), 0, ["map<string, int64> counts", "oneof choice"]),
        ((), ("describe", "mesh.test.common.v1.Role"), 0, ["ROLE_ADMIN = 2"]),
        ((), ("describe", "mesh.test.users.v1.Nobody"), 1, ["Symbol not found"]),
        (("-d", '{"id": 7}'), (f"{USERS}/GetUser",), 0, ['"name": "user 7"']),
        (("-d", '{"id": -1}'), (f"{USERS}/GetUser",), 69, ["NotFound", "no user -1"]),
        (("-d", '{"unsigned": "18446744073709551615", "raw": "AP8="}'), (f"{USERS}/Echo",), 0,
            ['"18446744073709551615"', '"AP8="']),
        (("-d", '{"any": {"@type": "x.y/mesh.test.users.v1.Line", "text": "in"}}'), (f"{USERS}/Echo",), 0, ['"text":"in"']),
        (("-H", "a: 1", "-H", "a: 2"), (f"{USERS}/Behave",), 0, ['"key": "a"', '"value": "Mg=="']),
        (("-v", "-d", '{"trailing_metadata": {"key": "last", "value": "MQ=="}}'), (f"{USERS}/Behave",), 0, ["last: 1"]),
        (("-max-time", "0.2", "-d", '{"wait": 100}'), (f"{USERS}/Behave",), 68, ["DeadlineExceeded"]),
        (("-d", '{"code": 9, "details": "not now"}'), (f"{USERS}/Behave",), 73, ["FailedPrecondition", "not now"]),
        (("-d", '{"raises": "broken"}'), (f"{USERS}/Behave",), 66, ["Unknown", "handler error: broken"]),
        (("-H", "collector-target: nobody"), (f"{USERS}/Behave",), 78, ["Unavailable", "'nobody'"]),
        ((), (f"{USERS}/ListUsers",), 76, ["Unimplemented", "of the kind 'server'"]),
        (("-d", '{"text": "a"}'), (f"{USERS}/Talk",), 76, ["Unimplemented", "of the kind 'both'"]),
        ((), (f"{AUDIT}/Record",), 73, ["FailedPrecondition", "'audit-1', 'audit-2'"]),
        (("-H", "collector-namespace: audit-1", "-d", '{"@type": "x.y/mesh.test.users.v1.Line", "text": "abc"}'),
            (f"{AUDIT}/Record",), 0, ["5"]),
        (("-H", "collector-namespace: audit-1"), ("list",), 0, [AUDIT]),
    ],
)  # fmt: skip
async def test_grpcurl_itself_lists_describes_and_calls(
    edge: Collector, options: Sequence[str], rest: Sequence[str], status: int, said: Sequence[str]
) -> None:
    process = await asyncio.create_subprocess_exec(
        str(GRPCURL), "-plaintext", *options, edge.address, *rest,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(LIMIT_SECONDS):
        output = (await process.communicate())[0].decode()

    assert [words for words in said if words not in output] == [], output
    assert process.returncode == status, output
