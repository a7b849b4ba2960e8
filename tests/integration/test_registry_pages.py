"""The second service of a registry: pages, labels, force, dry runs, removal, history, and who may do what."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tests.integration.services.certificates import Authority
from tests.integration.services.processes import LOOPBACK
from tests.integration.services.registry_stub import (
    RegistryStub,
    credentials_of,
    refusal,
    registering,
    users_file,
)

from collector_mesh import Collector, Registry
from collector_mesh.domain.model.identity import Identity

pytestmark = pytest.mark.asyncio

USERS = users_file()
NAME = "acme.v1.UserService"


class Rules:
    """An authorizer: `a` is for everybody, `b` for those who only look, `c` for nobody."""

    def __init__(self) -> None:
        self.asked: list[tuple[Identity | None, str, str]] = []

    def may_use(self, _identity: Identity | None, namespace: str) -> bool:
        return namespace in {"a", "b"}

    def may_serve(self, identity: Identity | None, collector_id: str, namespace: str) -> bool:
        self.asked.append((identity, collector_id, namespace))
        return namespace == "a"


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[RegistryStub]:
    async with (
        Collector("registry", listen=LOOPBACK, registry=Registry()) as collector,
        RegistryStub(collector.address) as entered,
    ):
        yield entered


def given(file: FileDescriptorProto, namespace: str = "users", **more: Any) -> dict[str, Any]:
    """The fields of a RegisterRequest for the service in a file."""
    name = f"{file.package}.{file.service[0].name}"
    return {
        "namespace": namespace,
        "files": [file.SerializeToString()],
        "services": [{"name": name}],
        **more,
    }


async def test_a_service_is_registered_by_its_name_alone_with_the_files_that_have_it(
    registry: RegistryStub,
) -> None:
    answer = await registry.paged("Register", **given(USERS, labels={"team": "accounts"}))
    again = await registry.paged("Register", **given(USERS, labels={"team": "accounts"}))
    found = await registry.paged("Lookup", namespace="users", service="UserService")

    assert [(one.id, one.outcome) for one in answer.registered] == [(f"users/{NAME}", "registered")]
    assert [one.outcome for one in again.registered] == ["unchanged"]
    assert (found.service.name, found.service.file) == (NAME, "acme/users.proto")
    assert dict(found.service.labels) == {"team": "accounts"}
    assert list(found.files) == [USERS.SerializeToString()]


async def test_the_files_of_a_service_come_after_those_that_they_import(registry: RegistryStub) -> None:
    common = FileDescriptorProto(name="acme/common.proto", package="acme", syntax="proto3")
    common.message_type.add(name="Nothing")
    users = users_file()
    users.dependency.append("acme/common.proto")
    files = [users.SerializeToString(), common.SerializeToString()]

    await registry.paged("Register", **{**given(users), "files": files})
    found = await registry.paged("Lookup", namespace="users", service=NAME)

    assert list(found.files) == files[::-1]


async def test_a_dry_run_tells_what_would_happen_and_force_does_it(registry: RegistryStub) -> None:
    await registry.paged("Register", **given(USERS))
    other = users_file("other")

    dry = await registry.paged("Register", **given(other, dry_run=True))
    code, text = await refusal(registry.paged("Register", **given(other)))
    forced = await registry.paged("Register", **given(other, force=True))
    history = await registry.paged("History", namespace="users", name="acme/users.proto")

    assert dry.registered[0].outcome == "changed"
    assert dry.registered[0].differences
    assert (code, dry.registered[0].differences[0] in text) == ("ALREADY_EXISTS", True)
    assert list(forced.registered[0].differences) == list(dry.registered[0].differences)
    assert [change.is_forced for change in history.changes] == [True, False]


async def test_what_is_deregistered_is_gone_and_the_history_says_by_whom(registry: RegistryStub) -> None:
    await registry.paged("Register", metadata=(("collector-id", "users-1"),), **given(USERS))

    gone = await registry.paged("Deregister", namespace="users", name="UserService")
    code, text = await refusal(registry.paged("Lookup", namespace="users", service="UserService"))
    history = await registry.paged("History", namespace="users", name=NAME)

    assert gone.id == f"users/{NAME}"
    assert (code, text) == ("NOT_FOUND", "service users/UserService not found")
    assert [change.action for change in history.changes] == ["deregistered", "registered"]
    assert history.changes[1].by.startswith("127.0.0.1:")
    assert history.changes[1].by.endswith(" as users-1")


async def test_lists_come_in_pages(registry: RegistryStub) -> None:
    for namespace in ("a", "b", "c"):
        await registry.call("RegisterService", **registering(USERS, namespace))

    first = await registry.paged("List", limit=2)
    second = await registry.paged("List", limit=2, after=first.next)

    assert [service.namespace for service in (*first.services, *second.services)] == ["c", "b", "a"]
    assert second.next == ""


async def test_a_page_has_no_more_than_clients_take_and_a_list_says_that_it_does_not_fit(
    registry: RegistryStub,
) -> None:
    for number in range(6):
        large = users_file(package="", service=f"S{number}").service[0]
        large.options.uninterpreted_option.add(string_value=b"x" * 900_000)
        services = [{"service_descriptor": large.SerializeToString()}]
        await registry.paged("Register", namespace="large", services=services)

    first = await registry.paged("List", namespace="large")
    second = await registry.paged("List", namespace="large", after=first.next)
    code, text = await refusal(registry.call("ListServices", namespace="large"))

    assert [service.name for service in (*first.services, *second.services)][:3] == ["S5", "S4", "S3"]
    assert code == "RESOURCE_EXHAUSTED"
    assert "there are 6 services" in text


async def test_only_those_who_may_serve_a_namespace_register_there_and_only_who_may_use_it_look() -> None:
    rules = Rules()
    async with (
        Collector("registry", listen=LOOPBACK, registry=Registry(), authorizer=rules) as collector,
        RegistryStub(collector.address) as registry,
    ):
        await registry.paged("Register", metadata=(("collector-id", "users-1"),), **given(USERS, "a"))
        refused = [
            await refusal(registry.paged("Register", **given(USERS, "b"))),
            await refusal(registry.call("RegisterService", **registering(USERS, "b"))),
            await refusal(registry.call("RegisterProto", namespace="b")),
            await refusal(registry.paged("Deregister", namespace="b", name="X")),
            await refusal(registry.call("LookupService", namespace="c", service_name="X")),
            await refusal(registry.call("ValidateMethod", namespace="c", service_name="X", method_name="Y")),
            await refusal(registry.call("ListServices", namespace="c")),
            await refusal(registry.paged("List", namespace="c")),
            await refusal(registry.paged("History", namespace="c")),
            await refusal(registry.paged("Lookup", namespace="c", service="X")),
        ]
        there = await registry.call("LookupService", namespace="b", service_name="X")

    assert rules.asked[0] == (None, "users-1", "a")
    assert {code for code, _ in refused} == {"PERMISSION_DENIED"}
    assert "may not register in the namespace 'b'" in refused[0][1]
    assert "may not use namespace 'c'" in refused[4][1]
    assert there.status.code == 4


async def test_lists_show_only_what_the_caller_may_use() -> None:
    async with (
        Registry() as own,
        Collector("registry", listen=LOOPBACK, registry=own, authorizer=Rules()) as collector,
        RegistryStub(collector.address) as registry,
    ):
        for namespace in ("a", "b", "c"):
            await own.register(namespace, USERS)
        original = await registry.call("ListServices")
        page = await registry.paged("List")
        history = await registry.paged("History")

    assert [service.namespace for service in original.services] == ["b", "a"]
    assert [service.namespace for service in page.services] == ["b", "a"]
    assert {change.namespace for change in history.changes} == {"a", "b"}


async def test_with_certificates_the_history_has_the_name_that_was_proved_and_no_other_id_is_taken(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    own, users = authority.collector("registry"), authority.collector("users-1")
    credentials = credentials_of(users)
    async with (
        Collector("registry", listen="localhost:0", registry=tmp_path / "registry.db", tls=own) as collector,
        RegistryStub(collector.address, credentials=credentials) as registry,
    ):
        await registry.paged("Register", **given(USERS))
        history = await registry.paged("History")
        code, text = await refusal(
            registry.paged("Register", metadata=(("collector-id", "users-2"),), **given(USERS))
        )

    assert history.changes[0].by.startswith("spiffe://")
    assert history.changes[0].by.endswith("/collector/users-1")
    assert code == "PERMISSION_DENIED"
    assert "'users-2' does not follow from the certificate" in text
