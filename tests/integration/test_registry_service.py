"""A registry over gRPC, as clients of the original and our own see it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from scripts.generate_protos import REGISTRY_CLIENT, ROOT
from tests.integration.services.processes import LOOPBACK, SERVICES
from tests.integration.services.registry_stub import (
    RegistryStub,
    in_pool,
    refusal,
    registering,
    users_file,
)
from tests.integration.test_other_languages import NODE, node_has_grpc
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    Collector,
    InvalidCallError,
    LoopbackNetwork,
    Registry,
    RegistryError,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.errors import ListenError
from collector_mesh.domain.model.events import RegistryAway, RegistryBack
from collector_mesh.domain.registry.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

USERS = users_file()


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector("registry", listen=LOOPBACK, registry=Registry()) as entered:
        yield entered


@pytest_asyncio.fixture
async def registry(collector: Collector) -> AsyncIterator[RegistryStub]:
    async with RegistryStub(collector.address) as entered:
        yield entered


async def test_a_service_is_registered_with_its_methods_in_the_order_of_the_descriptor(
    registry: RegistryStub,
) -> None:
    answer = await registry.call("RegisterService", **registering(USERS))

    assert (answer.status.code, answer.service_id) == (0, "users/UserService")
    assert list(answer.registered_methods) == ["GetUser", "AddUser"]


async def test_a_file_is_registered_with_its_top_level_messages(registry: RegistryStub) -> None:
    answer = await registry.call("RegisterProto", namespace="users", file_descriptor=in_pool(USERS, "file"))

    assert (answer.status.code, answer.proto_id) == (0, "users/acme/users.proto")
    assert list(answer.registered_messages) == ["User", "GetUserRequest"]


@pytest.mark.parametrize(
    ("method", "fields", "text"),
    [
        ("RegisterProto", {}, "namespace is required"),
        ("RegisterProto", {"file_descriptor": {"name": "a.proto"}}, "namespace is required"),
        ("RegisterProto", {"namespace": "n"}, "file descriptor is required"),
        ("RegisterProto", {"namespace": "n", "file_descriptor": {}}, "file descriptor name is required"),
        ("RegisterService", {}, "namespace is required"),
        ("RegisterService", {"namespace": "n"}, "service descriptor is required"),
        (
            "RegisterService",
            {"namespace": "n", "service_descriptor": {}},
            "service descriptor name is required",
        ),
    ],
)
async def test_what_is_missing_is_a_status_of_grpc_with_the_text_of_the_original(
    registry: RegistryStub, method: str, fields: dict[str, Any], text: str
) -> None:
    assert await refusal(registry.call(method, **fields)) == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize("name", ["UserService", "acme.v1.UserService"])
async def test_a_service_is_found_by_its_short_and_its_full_name(registry: RegistryStub, name: str) -> None:
    await registry.call("RegisterService", **registering(USERS))

    answer = await registry.call("LookupService", namespace="users", service_name=name)

    assert (answer.status.code, answer.status.message) == (0, "Success")
    assert (answer.service.id, answer.service.namespace) == ("users/UserService", "users")
    assert answer.service.service_name == "UserService"
    assert list(answer.service.method_names) == ["GetUser", "AddUser"]
    assert answer.service.metadata.created_at.seconds > 0


async def test_descriptors_come_back_as_they_were_written(registry: RegistryStub) -> None:
    # A field that no version of protobuf has, as options that are not known here are.
    strange = in_pool(USERS.service[0], "service").SerializeToString() + b"\xfa\xff\xff\x7f\x03abc"

    await registry.raw("RegisterService", b"\x0a\x05users\x12" + bytes([len(strange)]) + strange)
    answer = await registry.raw("LookupService", b"\x0a\x05users\x12\x0bUserService")

    assert strange in answer


async def test_ids_of_services_with_the_same_short_name_are_told_apart(registry: RegistryStub) -> None:
    await registry.call("RegisterService", **registering(USERS))
    other = users_file(package="other.v1")
    other.name = "other/users.proto"

    answer = await registry.call("RegisterService", **registering(other))
    everything = await registry.call("ListServices", namespace="users")
    unclear = await registry.call("LookupService", namespace="users", service_name="UserService")

    assert answer.service_id == "users/other.v1.UserService"
    assert [service.id for service in everything.services] == [
        "users/other.v1.UserService",
        "users/acme.v1.UserService",
    ]
    assert unclear.status.code == 4
    assert "ambiguous" in unclear.status.message


async def test_what_is_not_there_is_told_in_the_answer(registry: RegistryStub) -> None:
    await registry.call("RegisterService", **registering(USERS))

    service = await registry.call("LookupService", namespace="users", service_name="Nothing")
    method = await registry.call(
        "ValidateMethod", namespace="users", service_name="UserService", method_name="Drop"
    )
    nowhere = await registry.call("ValidateMethod", namespace="", service_name="A", method_name="B")

    assert (service.status.code, service.status.message) == (4, "service users/Nothing not found")
    assert not service.HasField("service")
    assert (method.status.code, method.is_valid) == (4, False)
    assert method.message == "method Drop not found on service users/UserService"
    assert (nowhere.status.code, nowhere.message) == (4, "service /A not found")


async def test_a_method_that_is_there_is_valid_and_its_types_are_told_beside_the_answer(
    registry: RegistryStub,
) -> None:
    await registry.call("RegisterService", **registering(USERS))

    call = registry.call(
        "ValidateMethod", namespace="users", service_name="UserService", method_name="GetUser"
    )
    answer = await call

    assert (answer.status.code, answer.is_valid, answer.message) == (0, True, "Method is valid")
    assert dict(await call.trailing_metadata()) == {
        "collector-takes": "acme.v1.GetUserRequest",
        "collector-gives": "acme.v1.User",
    }


async def test_an_empty_namespace_lists_all_services_the_newest_first(registry: RegistryStub) -> None:
    await registry.call("RegisterService", **registering(USERS, "a"))
    await registry.call("RegisterService", **registering(USERS, "b"))

    everywhere = await registry.call("ListServices")
    there = await registry.call("ListServices", namespace="a")

    assert (everywhere.status.code, everywhere.status.message) == (0, "Success")
    assert [service.id for service in everywhere.services] == ["b/UserService", "a/UserService"]
    assert [service.id for service in there.services] == ["a/UserService"]


async def test_to_register_the_same_again_is_fine_and_an_incompatible_change_is_not(
    registry: RegistryStub,
) -> None:
    await registry.call("RegisterService", **registering(USERS))

    again = await registry.call("RegisterService", **registering(USERS))
    code, text = await refusal(registry.call("RegisterService", **registering(users_file("other"))))

    assert again.status.code == 0
    assert code == "ALREADY_EXISTS"
    assert "acme.v1.User" in text


async def test_a_program_with_the_code_that_the_compiler_made_of_the_originals_messages_uses_it(
    collector: Collector,
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SERVICES / "registry_client.py"),
        collector.address,
        env={**os.environ, "PYTHONPATH": str(ROOT / REGISTRY_CLIENT)},
        stdout=subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_SECONDS):
        output, _ = await process.communicate()
    file, service, valid, invalid, descriptor, listed, refused = json.loads(output)

    success = {"message": "Success"}
    methods = ["GetUser", "AddUser"]
    assert file == {
        "status": success,
        "protoId": "users/users.proto",
        "registeredMessages": ["User", "GetUserRequest"],
    }
    assert service == {"status": success, "serviceId": "users/UserService", "registeredMethods": methods}
    assert valid == {
        "status": {"message": "Method is valid"},
        "isValid": True,
        "message": "Method is valid",
    }
    assert invalid["status"] == {
        "code": 4,
        "message": "method Drop not found on service users/UserService",
    }
    assert [method["name"] for method in descriptor["method"]] == methods
    assert listed == {
        "id": "users/UserService",
        "namespace": "users",
        "serviceName": "UserService",
        "methodNames": methods,
    }
    assert refused == "INVALID_ARGUMENT: service descriptor is required"


@pytest.mark.skipif(not node_has_grpc(), reason="needs node, @grpc/grpc-js and @grpc/proto-loader")
async def test_a_program_for_node_with_the_originals_messages_uses_it(collector: Collector) -> None:
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(SERVICES / "registry_client.js"), collector.address, stdout=subprocess.PIPE
    )
    async with asyncio.timeout(LIMIT_SECONDS):
        output, _ = await process.communicate()

    assert output.decode() == "users/UserService GetUser true service descriptor is required\n"


FULL = "the registry cannot be written: its disk is full"


class Failing:
    """A store that works until it is told to fail."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        self.fails = False

    def __getattr__(self, name: str) -> Any:
        if self.fails:
            raise RegistryError("registry '/srv/registry.db' cannot be written: its disk is full")
        return getattr(self._store, name)


async def test_a_store_that_fails_is_told_and_the_collector_goes_on() -> None:
    store = Failing()
    observer = FakeObserver()
    async with (
        Collector(
            "registry", listen=LOOPBACK, registry=Registry(store=store), observer=observer
        ) as collector,
        RegistryStub(collector.address) as registry,
    ):
        await registry.call("RegisterService", **registering(USERS))
        store.fails = True
        refused = [
            await refusal(registry.call("RegisterService", **registering(USERS))),
            await refusal(
                registry.call("RegisterProto", namespace="n", file_descriptor=in_pool(USERS, "file"))
            ),
            await refusal(registry.paged("Lookup", namespace="users", service="UserService")),
            await refusal(registry.paged("List")),
        ]
        found = await registry.call("LookupService", namespace="users", service_name="UserService")
        valid = await registry.call(
            "ValidateMethod", namespace="users", service_name="UserService", method_name="GetUser"
        )
        listed = await registry.call("ListServices")
        store.fails = False
        again = await registry.call("LookupService", namespace="users", service_name="UserService")

    assert refused == [("UNAVAILABLE", FULL)] * 4
    assert (found.status.code, found.status.message) == (12, FULL)
    assert (valid.status.code, valid.is_valid, valid.message) == (12, False, FULL)
    assert listed.status.code == 12
    assert again.status.code == 0
    told = [event for event in observer.events if isinstance(event, RegistryAway | RegistryBack)]
    assert [(type(event), event.use) for event in told] == [(RegistryAway, "keep"), (RegistryBack, "keep")]
    assert isinstance(told[0], RegistryAway)
    assert told[0].reason == "registry '/srv/registry.db' cannot be written: its disk is full"


async def test_a_registry_of_a_programs_own_that_is_open_stays_open() -> None:
    async with Registry() as own:
        async with (
            Collector("registry", listen=LOOPBACK, registry=own) as collector,
            RegistryStub(collector.address) as registry,
        ):
            await registry.call("RegisterService", **registering(USERS))
        found = await own.lookup("users", "UserService")

    assert found.method_names == ("GetUser", "AddUser")


async def test_a_registry_that_its_program_has_closed_is_one_that_cannot_be_used_now() -> None:
    async with AsyncExitStack() as closing:
        own = await closing.enter_async_context(Registry())
        async with (
            Collector("registry", listen=LOOPBACK, registry=own) as collector,
            RegistryStub(collector.address) as registry,
        ):
            await closing.aclose()
            refused = await refusal(registry.call("RegisterService", **registering(USERS)))
            found = await registry.call("LookupService", namespace="users", service_name="UserService")

    assert refused == ("UNAVAILABLE", "the registry is closed")
    assert (found.status.code, found.status.message) == (12, "the registry is closed")


async def test_a_start_that_fails_leaves_the_store_to_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    async with Collector("other", listen=LOOPBACK) as other:
        with pytest.raises(ListenError):
            await Collector("registry", listen=other.address, registry=path).start()

    async with (
        Collector("registry", listen=LOOPBACK, registry=path) as collector,
        RegistryStub(collector.address) as registry,
    ):
        answer = await registry.call("RegisterService", **registering(USERS))

    assert answer.status.code == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"listen": ""}, "registry needs an address to listen at"),
        ({"listen": "a", "transport": LoopbackNetwork()}, "registry needs gRPC"),
        ({"listen": LOOPBACK, "registry": ""}, "registry must be the path of a file, got ''"),
        (
            {"listen": LOOPBACK, "registry": 7},
            "registry must be a collector_mesh.Registry or the path of a file",
        ),
    ],
)
async def test_a_registry_that_nobody_could_reach_is_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises((InvalidCallError, TypeError), match=text):
        Collector("registry", **{"registry": Registry(), **options})


async def test_a_collector_without_a_registry_has_none_of_its_methods() -> None:
    async with Collector("c-1", listen=LOOPBACK) as collector, RegistryStub(collector.address) as registry:
        code, _ = await refusal(registry.call("ListServices"))

    assert code == "UNIMPLEMENTED"


async def test_health_is_told_of_the_registry_by_name(collector: Collector) -> None:
    async with grpc.aio.insecure_channel(collector.address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="collector.CollectorRegistry"), timeout=LIMIT_SECONDS
        )

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
