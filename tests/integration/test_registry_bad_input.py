"""Whatever is sent to a registry is an answer that says why, and the registry goes on."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tests.integration.services.processes import LOOPBACK
from tests.integration.services.registry_stub import RegistryStub, in_pool, refusal, registering, users_file

from collector_mesh import Collector
from collector_mesh.adapters.wire.generated import registry_pb2 as original
from collector_mesh.adapters.wire.generated.registry_v1 import registry_pb2 as paged

pytestmark = pytest.mark.asyncio(loop_scope="module")

USERS = users_file()
ORIGINAL = ("RegisterProto", "RegisterService", "LookupService", "ValidateMethod", "ListServices")
PAGED = ("Register", "Deregister", "Lookup", "List", "History")
ORIGINAL_SERVICE = "collector.CollectorRegistry"
PAGED_SERVICE = "collector_mesh.registry.v1.Registry"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RegistryStub]:
    path = tmp_path_factory.mktemp("registry") / "registry.db"
    async with (
        Collector("registry", listen=LOOPBACK, registry=path) as collector,
        RegistryStub(collector.address) as entered,
    ):
        yield entered


def field(number: int, data: bytes) -> bytes:
    """A field of bytes, as it is on the wire."""
    size, sizes = len(data), b""
    while size >= 0x80:
        sizes += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + sizes + bytes([size]) + data


def nested(depth: int) -> bytes:
    """A file with messages in messages."""
    message = field(1, b"M")
    for _ in range(depth):
        message = field(1, b"M") + field(3, message)
    return field(1, b"deep.proto") + field(4, message)


@pytest.mark.parametrize("method", ORIGINAL)
@pytest.mark.parametrize("data", [b"\xff\xff\xff", field(1, b"\xff\xfe"), b"\x0a\x7fshort"])
async def test_bytes_that_are_no_request_are_malformed(
    registry: RegistryStub, method: str, data: bytes
) -> None:
    assert await refusal(registry.raw(method, data)) == ("INVALID_ARGUMENT", "malformed request")


@pytest.mark.parametrize("method", PAGED)
async def test_bytes_that_are_no_request_of_the_second_service_are_malformed_too(
    registry: RegistryStub, method: str
) -> None:
    refused = await refusal(registry.raw(method, field(1, b"\xff\xfe"), PAGED_SERVICE))

    assert refused == ("INVALID_ARGUMENT", "malformed request")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (field(2, b"\xff\xff\xff"), "malformed descriptor"),
        (field(2, nested(1000)), "cannot be read"),
        (field(2, field(1, b"a.proto") + b"\x22\x7f"), "malformed descriptor"),
        (field(2, field(1, b"/etc/passwd")), "'/etc/passwd'"),
        (field(2, field(1, b"../a.proto")), "'../a.proto'"),
        (field(2, field(1, b"a\\b.proto")), "a\\\\b.proto"),
        (field(2, field(1, b"\xff.proto")), "malformed descriptor"),
        (field(2, field(1, b"a.proto") + field(3, b"missing.proto")), "'missing.proto'"),
        (field(2, field(1, b"a.proto")) + field(3, b"") * 5000, "4096 fields"),
        (field(2, field(1, b"a.proto")) + field(3, field(1, b"b.proto")) * 600, "512"),
    ],
)
async def test_a_file_that_cannot_be_is_refused_and_the_text_says_why(
    registry: RegistryStub, data: bytes, text: str
) -> None:
    code, said = await refusal(registry.raw("RegisterProto", field(1, b"n") + data))

    assert code == "INVALID_ARGUMENT"
    assert text in said


@pytest.mark.parametrize("namespace", ["a/b", "x" * 129, "é", "a b", "a\nb"])
async def test_names_that_ids_could_be_confused_by_are_refused(
    registry: RegistryStub, namespace: str
) -> None:
    registered = await refusal(registry.call("RegisterService", **registering(USERS, namespace)))
    found = await registry.call("LookupService", namespace=namespace, service_name="S")

    assert registered[0] == "INVALID_ARGUMENT"
    assert registered[1].startswith("namespace must match")
    assert found.status.code == 4


@pytest.mark.parametrize("name", ["a/b", "x" * 257, "1st", "é", "a..b"])
async def test_services_of_other_names_than_identifiers_are_refused(
    registry: RegistryStub, name: str
) -> None:
    code, text = await refusal(
        registry.call("RegisterService", namespace="n", service_descriptor={"name": name})
    )

    assert code == "INVALID_ARGUMENT"
    assert text.startswith("service descriptor name must match")


async def test_a_request_over_the_limit_of_bytes_is_refused_and_not_read(registry: RegistryStub) -> None:
    large = FileDescriptorProto(name="large.proto")
    large.source_code_info.location.add(leading_comments="x" * (10 << 20))

    code, _ = await refusal(
        registry.call("RegisterProto", namespace="n", file_descriptor=in_pool(large, "file"))
    )

    assert code == "RESOURCE_EXHAUSTED"


async def test_a_large_service_descriptor_is_refused_with_the_limit(registry: RegistryStub) -> None:
    data = field(1, b"n") + field(2, field(1, b"S") + field(9, b"x" * (1 << 20)))

    code, text = await refusal(registry.raw("RegisterService", data))

    assert (code, "over the limit of 1048576 bytes" in text) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize(
    ("count", "text"), [(33, "labels must be at most 32"), (5000, "a request of more than 4096 fields")]
)
async def test_very_many_labels_are_refused(registry: RegistryStub, count: int, text: str) -> None:
    labels = {f"label-{number}": "x" for number in range(count)}

    code, said = await refusal(
        registry.paged("Register", namespace="n", files=[USERS.SerializeToString()], labels=labels)
    )

    assert (code, text in said) == ("INVALID_ARGUMENT", True)


async def test_the_id_of_the_caller_is_a_name(registry: RegistryStub) -> None:
    code, text = await refusal(
        registry.call("ListServices", metadata=(("collector-id", "a b"),), namespace="n")
    )

    assert code == "INVALID_ARGUMENT"
    assert text.startswith("metadata 'collector-id' must match")


async def test_a_page_after_nothing_that_there_was_is_refused(registry: RegistryStub) -> None:
    code, text = await refusal(registry.paged("List", after="x"))

    assert (code, "'x'" in text) == ("INVALID_ARGUMENT", True)


async def test_very_many_differences_are_told_up_to_what_clients_take_of_a_text(
    registry: RegistryStub,
) -> None:
    names = [f"a_rather_long_name_of_a_field_{number}" for number in range(400)]
    await registry.call("RegisterService", **registering(users_file(*names), "many"))

    code, text = await refusal(registry.call("RegisterService", **registering(users_file("id"), "many")))

    assert code == "ALREADY_EXISTS"
    assert 4000 < len(text) < 8192
    assert "800 differences: " in text
    assert text.endswith(f"and {800 - text.count('; ')} more")


async def test_registrations_that_come_at_once_are_all_there_afterwards(registry: RegistryStub) -> None:
    services = [users_file(package=f"p{number}") for number in range(40)]
    for number, file in enumerate(services):
        file.name = f"p{number}.proto"

    answers = await asyncio.gather(
        *(registry.call("RegisterService", **registering(file, "at-once")) for file in services)
    )
    listed = await registry.call("ListServices", namespace="at-once")

    assert all(answer.status.code == 0 for answer in answers)
    assert len(listed.services) == 40


async def test_writers_of_one_name_at_once_leave_one_of_what_they_wrote(registry: RegistryStub) -> None:
    files = [users_file("id", f"extra_{number}") for number in range(20)]

    answers = await asyncio.gather(
        *(registry.call("RegisterService", **registering(file, "one-name")) for file in files),
        return_exceptions=True,
    )
    found = await registry.paged("Lookup", namespace="one-name", service="UserService")

    done = [file for file, answer in zip(files, answers, strict=True) if not isinstance(answer, Exception)]
    assert len(done) == 1
    assert list(found.files) == [done[0].SerializeToString()]


async def test_callers_who_go_leave_a_whole_registration_or_none(registry: RegistryStub) -> None:
    file = users_file(package="gone")
    calls = [registry.call("RegisterService", **registering(file, f"gone-{number}")) for number in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()

    outcomes = [await outcome(call) for call in calls]
    listed = await registry.call("ListServices")
    there = [service.namespace for service in listed.services]

    assert outcomes[1::2] == ["done"] * 10
    assert all(f"gone-{number}" in there for number in range(1, 20, 2))
    for namespace in filter(lambda one: one.startswith("gone-"), there):
        found = await registry.paged("Lookup", namespace=namespace, service="UserService")
        assert list(found.files) == [file.SerializeToString()]


async def outcome(call: Any) -> str:
    """How a call that may have been cancelled has ended."""
    try:
        await call
    except asyncio.CancelledError:
        return "cancelled"
    return "done"


async def test_requests_of_which_bytes_were_changed_are_refused_or_answered_and_never_a_defect(
    registry: RegistryStub,
) -> None:
    dice = random.Random(7)
    file = users_file(package="changed")
    names = original.LookupServiceRequest(namespace="changed", service_name="UserService")
    whole = [
        (
            "RegisterService",
            ORIGINAL_SERVICE,
            original.RegisterServiceRequest(**registering(file, "changed")),
        ),
        ("Register", PAGED_SERVICE, paged.RegisterRequest(namespace="n", files=[file.SerializeToString()])),
        ("LookupService", ORIGINAL_SERVICE, names),
        ("ValidateMethod", ORIGINAL_SERVICE, names),
        ("Deregister", PAGED_SERVICE, names),
    ]

    async def send(method: str, service: str, data: bytearray) -> str:
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data))
            data[at : at + dice.randint(0, 2)] = dice.randbytes(dice.randint(0, 2))
        try:
            await registry.raw(method, bytes(data), service)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "OK"

    codes = await asyncio.gather(
        *(
            send(method, service, bytearray(request.SerializeToString()))
            for method, service, request in whole * 60
        )
    )

    assert {"OK", "INVALID_ARGUMENT"} <= set(codes)
    assert set(codes) <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "ABORTED"}
