"""`collector_mesh.Registry`, in memory and in a file."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from mesh_test import common_pb2, users_pb2

from collector_mesh import (
    Contract,
    IncompatibleError,
    InvalidCallError,
    NotFoundError,
    Registry,
    RegistryError,
    contract_of,
)
from collector_mesh.domain.registry.memory_store import MemoryStore
from collector_mesh.domain.registry.results import Validity

USERS = "mesh.test.users.v1.UserService"


@pytest_asyncio.fixture(params=["memory", "file"])
async def registry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Registry]:
    async with Registry(tmp_path / "registry.db" if request.param == "file" else None) as registry:
        yield registry


def shop(*fields: str, name: str = "shop.proto", service: str = "Shop") -> FileDescriptorProto:
    """A file with a service and a message."""
    file = FileDescriptorProto(name=name, package=name.partition(".")[0], syntax="proto3")
    message = file.message_type.add(name="Thing")
    for number, field in enumerate(fields, start=1):
        message.field.add(
            name=field,
            number=number,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
            type=FieldDescriptorProto.TYPE_STRING,
        )
    thing = f".{file.package}.Thing"
    file.service.add(name=service).method.add(name="Order", input_type=thing, output_type=thing)
    return file


@pytest.mark.asyncio
async def test_a_service_whose_types_have_long_names_is_registered_again_and_looked_up(
    registry: Registry,
) -> None:
    file = FileDescriptorProto(name="long.proto", package="p" * 100, syntax="proto3")
    file.message_type.add(name="M" * 200)
    thing = f".{file.package}.{file.message_type[0].name}"
    file.service.add(name="Shop").method.add(name="Order", input_type=thing, output_type=thing)

    outcomes = [(await registry.register("shop", file)).services[0].outcome for _ in range(2)]

    assert outcomes == ["registered", "unchanged"]
    assert (await registry.validate("shop", "Shop", "Order")).takes == thing[1:]


@pytest.mark.asyncio
async def test_a_generated_module_is_registered_looked_up_listed_and_removed(registry: Registry) -> None:
    done = await registry.register("users", users_pb2, by="ann", labels={"team": "a"})

    assert [one.id for one in done.services] == [f"users/{USERS}", "users/mesh.test.users.v1.AuditService"]
    assert {one.outcome for one in done.services} == {"registered"}
    found = await registry.lookup("users", "UserService")
    assert (found.name, found.file, found.labels) == (USERS, "mesh_test/users.proto", {"team": "a"})
    assert found.method_names[:2] == ("GetUser", "PutUser")
    assert await registry.validate("users", "UserService", "GetUser") == Validity(
        is_valid=True,
        message="Method is valid",
        takes="mesh.test.users.v1.GetUserRequest",
        gives="mesh.test.users.v1.User",
    )
    page = await registry.list("users")
    assert len(page) == 2
    assert list(page) == list(page.services)
    changes = await registry.history("users")
    assert len(changes) == len(list(changes))
    assert {one.by for one in changes} == {"ann"}
    assert await registry.deregister("users", USERS) == f"users/{USERS}"
    with pytest.raises(NotFoundError):
        await registry.lookup("users", "UserService")


@pytest.mark.asyncio
async def test_the_files_of_a_service_can_be_built_one_after_the_other(registry: Registry) -> None:
    await registry.register("users", users_pb2)

    files = [FileDescriptorProto.FromString(one) for one in await registry.files("users", "UserService")]

    seen: set[str] = set()
    for file in files:
        assert set(file.dependency) <= seen
        seen.add(file.name)
    assert files[-1].name == "mesh_test/users.proto"
    assert "google/protobuf/any.proto" in seen


@pytest.mark.parametrize(
    ("what", "services", "files"),
    [
        (users_pb2.DESCRIPTOR.services_by_name["AuditService"], ["mesh.test.users.v1.AuditService"], []),
        (common_pb2, [], ["mesh_test/common.proto"]),
        (common_pb2.DESCRIPTOR, [], ["mesh_test/common.proto"]),
        (shop("item"), ["shop.Shop"], []),
        (FileDescriptorSet(file=[shop("a"), shop("b", name="b.proto")]), ["shop.Shop", "b.Shop"], []),
        (FileDescriptorSet(file=[shop("a")]).SerializeToString(), ["shop.Shop"], []),
    ],
    ids=["service", "module", "file", "proto", "set", "bytes"],
)
@pytest.mark.asyncio
async def test_descriptors_of_all_kinds_are_registered(
    what: Any, services: list[str], files: list[str]
) -> None:
    async with Registry() as registry:
        done = await registry.register("any", what)

        assert [one.name for one in done.services] == services
        assert [one.name for one in done.files] == files


@pytest.mark.asyncio
async def test_what_is_no_descriptor_is_refused() -> None:
    async with Registry() as registry:
        with pytest.raises(TypeError, match=r"must be a contract, a generated _pb2 module, .*, got str"):
            await registry.register("any", "shop.proto")  # type: ignore[arg-type]  # that is the point
        with pytest.raises(TypeError, match="got module"):
            await registry.register("any", asyncio)
        with pytest.raises(InvalidCallError, match="the bytes are no FileDescriptorSet"):
            await registry.register("any", b"\xff\xff")
        with pytest.raises(InvalidCallError, match="bytes, at most 10485760"):
            await registry.register("any", b"\0" * (10 << 20) + b"\0")
        with pytest.raises(InvalidCallError, match="there are no files"):
            await registry.register("any", b"")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "arguments", "told"),
    [
        ("lookup", ("shop", None), "name must be a str, got NoneType"),
        ("files", ("shop", b"Shop"), "service must be a str, got bytes"),
        ("validate", ("shop", "Shop", 5), "method must be a str, got int"),
        ("deregister", ("shop", ["Shop"]), "name must be a str, got list"),
        ("list", (5,), "namespace must be a str, got int"),
    ],
)
async def test_an_argument_of_the_wrong_type_is_named(
    method: str, arguments: tuple[object, ...], told: str
) -> None:
    async with Registry() as registry:
        with pytest.raises(TypeError, match=told):
            await getattr(registry, method)(*arguments)
        for wrong in ({"limit": "5"}, {"after": 5}):
            with pytest.raises(TypeError, match=r"must be an? (int|str)"):
                await registry.list(**wrong)


@pytest.mark.asyncio
async def test_all_services_and_changes_can_be_gone_through(registry: Registry) -> None:
    await registry.register("users", users_pb2, by="ann")

    services = [one.name async for one in registry.every("users")]
    changes = [(one.by, one.name) async for one in registry.every_change("users", "UserService")]

    assert services == ["mesh.test.users.v1.AuditService", USERS]
    assert changes == [("ann", USERS)]


@pytest.mark.asyncio
async def test_comments_and_names_in_json_make_no_difference(registry: Registry) -> None:
    plain = shop("item_name", "item2_a")
    full = shop("item_name", "item2_a")
    full.message_type[0].field[0].json_name = "itemName"
    full.message_type[0].field[1].json_name = "item2A"
    full.source_code_info.location.add(leading_comments="what a shop does")

    await registry.register("shop", plain)

    assert (await registry.register("shop", full)).services[0].outcome == "unchanged"


@pytest.mark.asyncio
async def test_an_incompatible_change_is_refused_in_plain_words(registry: Registry) -> None:
    await registry.register("shop", shop("item", "count"))

    with pytest.raises(IncompatibleError) as refused:
        await registry.register("shop", shop("thing"))

    assert len(refused.value.differences) >= 2
    assert all("shop.Thing" in one for one in refused.value.differences)
    assert (await registry.register("shop", shop("item", "count", "note"))).services[0].outcome == "changed"


@pytest.mark.asyncio
async def test_the_level_wire_lets_names_change() -> None:
    async with Registry(level="wire") as registry:
        await registry.register("shop", shop("item"))
        assert (await registry.register("shop", shop("thing"))).services[0].outcome == "changed"


@pytest.mark.asyncio
async def test_a_file_keeps_it_all(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    async with Registry(path) as registry:
        await registry.register("users", users_pb2, by="ann")
        before = (await registry.lookup("users", USERS), await registry.history())

    async with Registry(str(path)) as registry:
        assert (await registry.lookup("users", USERS), await registry.history()) == before
        assert (await registry.register("users", users_pb2)).services[0].outcome == "unchanged"


@pytest.mark.asyncio
async def test_many_register_at_once_each_something_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    async with Registry(path) as one, Registry(path) as other:
        await asyncio.gather(
            *(
                (one, other)[number % 2].register("shop", shop("item", name=f"n{number}.proto"))
                for number in range(60)
            )
        )

        assert len((await one.list("shop")).services) == 60


@pytest.mark.asyncio
async def test_of_two_that_register_what_does_not_go_together_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    async with Registry(path) as one, Registry(path) as other:
        for number in range(10):
            done = await asyncio.gather(
                one.register("shop", shop("item", name=f"n{number}.proto")),
                other.register("shop", shop("thing", name=f"n{number}.proto")),
                return_exceptions=True,
            )

            assert sorted(type(each).__name__ for each in done) == ["IncompatibleError", "Registration"]


@pytest.mark.asyncio
async def test_a_cancelled_registering_leaves_the_registry_usable(registry: Registry) -> None:
    for number in range(10):
        registering = asyncio.ensure_future(registry.register("shop", shop("a", name=f"n{number}.proto")))
        for _ in range(number):
            await asyncio.sleep(0)
        registering.cancel()
        await asyncio.wait([registering])

    async with asyncio.timeout(60):
        await registry.register("shop", shop("a", name="last.proto"))
    for service in (await registry.list("shop")).services:
        assert await registry.files("shop", service.name)


@pytest.mark.asyncio
async def test_it_is_entered_once_and_used_while_it_is_open(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry.db")
    with pytest.raises(RuntimeError, match="the Registry is not open"):
        await registry.list()
    async with registry:
        with pytest.raises(RuntimeError, match="can be entered once"):
            await registry.__aenter__()
    with pytest.raises(RuntimeError, match="the Registry is not open"):
        await registry.list()


@pytest.mark.asyncio
async def test_a_file_that_is_no_registry_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="is a folder"):
        await Registry(tmp_path).__aenter__()


@pytest.mark.asyncio
async def test_a_store_of_ones_own_is_used() -> None:
    store = MemoryStore()
    async with Registry(store=store) as registry:
        await registry.register("shop", shop("a"))
    async with Registry(store=store) as registry:
        assert (await registry.lookup("shop", "Shop")).name == "shop.Shop"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"path": 1}, "path must be a str, a path or None, got int"),
        ({"path": ""}, "path must not be empty"),
        ({"path": ":memory:"}, "None keeps the registry in memory"),
        ({"level": "file"}, "level must be 'wire_json' or 'wire', got 'file'"),
        ({"path": "a", "store": MemoryStore()}, "path and store cannot be given both"),
    ],
)
def test_arguments_that_can_not_be_are_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        Registry(**arguments)


@pytest.mark.asyncio
async def test_files_of_protobuf_itself_need_not_be_given(registry: Registry) -> None:
    file = shop("a")
    file.dependency.append("google/protobuf/timestamp.proto")
    file.message_type[0].field.add(
        name="at",
        number=9,
        label=1,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=".google.protobuf.Timestamp",
    )

    await registry.register("shop", file)

    files = await registry.files("shop", "Shop")
    assert FileDescriptorProto.FromString(files[0]).name == timestamp_pb2.DESCRIPTOR.name


@dataclass
class Order:
    item: str


class Shop(Contract, namespace="shop"):
    async def order(self, order: Order) -> int: ...  # type: ignore[empty-body]  # as contracts are


@pytest.mark.asyncio
@pytest.mark.parametrize("contract", [Shop, contract_of(users_pb2, "UserService", namespace="users")])
async def test_a_contract_is_registered_with_the_types_of_its_methods(contract: Any) -> None:
    async with Registry() as registry:
        (service,) = (await registry.register("here", contract)).services
        method = service.method_names[0]

        assert (await registry.validate("here", service.name, method)).takes
