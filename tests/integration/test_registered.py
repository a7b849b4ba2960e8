"""Collectors that register what they serve, programs that look it up, and calls that are validated by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2
from tests.integration.services.processes import LOOPBACK, refused
from tests.integration.services.registry_stub import users_file
from tests.integration.services.told_registry import OriginalRegistry
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import (
    Collector,
    Contract,
    IncompatibleError,
    InvalidCallError,
    NotFoundError,
    Payload,
    Registry,
    RegistryClient,
    RegistryValidator,
    Service,
    UnavailableError,
    UnimplementedError,
    implements,
    method,
)
from collector_mesh.app.cli.main import main
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import Registered, RegistrationRefused, RegistryAway, RegistryBack

pytestmark = pytest.mark.asyncio

USERS = users_file()
NAME = f"{USERS.package}.UserService" if USERS.package else "UserService"


@asynccontextmanager
async def registry(listen: str = LOOPBACK, **options: Any) -> AsyncIterator[Collector]:
    async with Collector("registry", listen=listen, registry=Registry(), **options) as made:
        yield made


@asynccontextmanager
async def client(of: Collector) -> AsyncIterator[RegistryClient]:
    async with RegistryClient(of.address) as made:
        yield made


def greeter() -> Service:
    made = Service("greetings", "Greeter")

    @made.method("Greet")
    async def greet(request: wrappers_pb2.StringValue) -> wrappers_pb2.StringValue:
        return request

    return made


def without(field: str) -> FileDescriptorProto:
    changed = FileDescriptorProto.FromString(USERS.SerializeToString())
    message = changed.message_type[0]
    message.field.remove(next(one for one in message.field if one.name == field))
    return changed


async def test_a_program_registers_looks_up_validates_lists_and_removes() -> None:
    async with registry() as of, client(of) as registered:
        done = await registered.register("users", USERS, labels={"team": "identity"})
        again = await registered.register("users", USERS)
        found = await registered.lookup("users", "UserService")
        valid = await registered.validate("users", "UserService", "GetUser")
        missing = await registered.validate("users", "UserService", "Missing")
        files = await registered.files("users", "UserService")
        await registered.register("users", USERS, labels={})
        bare = await registered.lookup("users", "UserService")
        listed = [service.id async for service in registered.every("users")]
        page = await registered.list(limit=1)
        gone = await registered.deregister("users", "UserService")
        changes = [change.action async for change in registered.every_change("users", found.name)]

    assert [(one.id, one.outcome) for one in done] == [(found.id, "registered")]
    assert [one.outcome for one in again] == ["unchanged"]
    assert (found.namespace, found.method_names, found.labels) == (
        "users",
        ("GetUser", "AddUser"),
        {"team": "identity"},
    )
    assert valid.is_valid
    assert valid.takes
    assert not missing.is_valid
    assert "method Missing not found" in missing.message
    assert FileDescriptorProto.FromString(files[-1]).name == USERS.name
    assert listed == [found.id] == [service.id for service in page.services]
    assert gone == found.id
    assert not bare.labels
    assert changes == ["deregistered", "changed", "registered"]


async def test_what_a_registry_refuses_is_an_error_that_says_why() -> None:
    async with registry() as of, client(of) as registered:
        await registered.register("users", USERS)
        field = USERS.message_type[0].field[0].name

        with pytest.raises(IncompatibleError) as caught:
            await registered.register("users", without(field))
        dry = await registered.register("users", without(field), dry_run=True)
        forced = await registered.register("users", without(field), force=True)
        with pytest.raises(NotFoundError):
            await registered.lookup("users", "Missing")
        with pytest.raises(InvalidCallError):
            await registered.register("a/b", USERS)
        with pytest.raises(TypeError):
            await registered.register("users", 3)  # type: ignore[arg-type]  # that is the point
        with pytest.raises(TypeError, match="namespace must be a str, got int"):
            await registered.lookup(3, "x")  # type: ignore[arg-type]  # that is the point
        with pytest.raises(InvalidCallError, match="name must be valid Unicode"):
            await registered.lookup("users", "\ud800")
        with pytest.raises(InvalidCallError, match="limit must be between 1 and 1000, got 0"):
            await registered.list(limit=0)
        with pytest.raises(InvalidCallError, match="label"):
            await registered.register("users", USERS, labels={"a b": "c"})

    assert caught.value.differences == dry[0].differences == forced[0].differences
    assert field in caught.value.differences[0]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), 4000])
async def test_a_time_for_answers_that_makes_no_sense_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be over 0 and at most 3600 seconds"):
        RegistryClient("127.0.0.1:1", timeout=timeout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--validate-at", "127.0.0.1:1", "--validator", "things:Refusing"), "a collector has one validator"),
        (("--validate-at", "192.0.2.1:5"), "plaintext is refused on 192.0.2.1:5"),
        (("--register-at", "192.0.2.1:5"), "plaintext is refused on 192.0.2.1:5"),
        (("--register-at", "registry"), "--register-at must be HOST:PORT"),
        (("--validate-at", "127.0.0.1:0"), "--validate-at must have a port from 1 to 65535"),
        (("--validate-open",), "--validate-open needs --validate-at"),
        (("--validate-open", "--validator", "things:Refusing"), "--validate-open needs --validate-at"),
        (
            ("--registry", "127.0.0.1:50060"),
            "--registry must be the path of a file, got '127.0.0.1:50060', which is an",
        ),
        (("--registry", ":memory:"), "--registry must be the path of a file, got ':memory:'"),
    ],
)
async def test_serve_refuses_registries_that_it_cannot_use(arguments: tuple[str, ...], said: str) -> None:
    ended = await asyncio.to_thread(refused, "serve", *arguments)

    assert ended.status == 2
    assert said in ended.stderr


async def test_with_nobody_there_a_program_is_told_so_in_time() -> None:
    async with registry() as of:
        address = of.address
    async with RegistryClient(address) as registered:
        with pytest.raises(UnavailableError, match="Connection refused"):
            await registered.validate("users", "UserService", "GetUser")


async def test_a_collector_registers_what_it_serves_and_what_it_serves_later() -> None:
    observer = FakeObserver()
    async with (
        registry() as of,
        client(of) as registered,
        Collector("greeter", services=[greeter()], register_at=of.address, observer=observer) as made,
    ):
        await until(lambda: observer.of(Registered))
        found = await registered.lookup("greetings", "Greeter")
        later = Service("later", "Later")

        @later.method("Go")
        async def go(request: empty_pb2.Empty) -> empty_pb2.Empty:
            return request

        made.add_service(later)
        await until(lambda: len(observer.of(Registered)) == 2)
        takes = (await registered.validate("later", "Later", "Go")).takes
        changes = await registered.history("greetings")

    assert found.method_names == ("Greet",)
    assert takes == "google.protobuf.Empty"
    assert changes.changes[-1].by.endswith("as greeter")


async def test_a_collector_starts_and_stops_at_once_where_its_registry_is_away() -> None:
    async with registry() as of:
        address = of.address
    observer = FakeObserver()
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        Collector("greeter", services=[greeter()], register_at=address, observer=observer),
    ):
        await until(lambda: observer.of(RegistryAway))

    assert observer.of(Registered) == []


async def test_a_registry_that_comes_after_its_collector_is_registered_at_and_watched(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with registry() as of:
        address = of.address
    observer = FakeObserver()
    async with Collector("greeter", services=[greeter()], register_at=address, observer=observer):
        await until(lambda: observer.of(RegistryAway))
        async with registry(address):
            await until(lambda: observer.of(Registered))
        await until(lambda: len(observer.of(RegistryAway)) == 2)

    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_methods_of_plain_data_are_registered_by_their_names() -> None:
    observer = FakeObserver()
    mixed = greeter()

    @mixed.method("Say")
    async def say(request: dict[str, Any]) -> dict[str, Any]:
        return request

    async with registry() as of, client(of) as registered:
        async with Collector(
            "greeter",
            services=[mixed],
            register_at=of.address,
            validator=RegistryValidator(of.address),
            observer=observer,
        ) as made:
            await until(lambda: observer.of(Registered))
            said = await made.dispatch("greetings", "Greeter", "Say", {"a": 1}, timeout=LIMIT_SECONDS)
            greeted = await made.dispatch("greetings", "Greeter", "Greet", {"a": 1}, timeout=LIMIT_SECONDS)
        found = await registered.validate("greetings", "Greeter", "Greet")
        files = await registered.files("greetings", "Greeter")

    assert (said.status.code, greeted.status.code) == (200, 400)
    assert found.takes == "google.protobuf.StringValue"
    assert files == ()


async def test_a_registry_that_comes_back_with_nothing_gets_all_of_it_again() -> None:
    observer = FakeObserver()
    async with registry() as first:
        address = first.address
        made = Collector("greeter", services=[greeter()], register_at=address, observer=observer)
        await made.start()
        await until(lambda: observer.of(Registered))
    try:
        await until(lambda: observer.of(RegistryAway))
        async with registry(address) as second, client(second) as registered:
            await until(lambda: len(observer.of(Registered)) == 2)
            assert (await registered.lookup("greetings", "Greeter")).method_names == ("Greet",)
        assert len(observer.of(RegistryBack)) == 1
    finally:
        await made.stop()


async def test_what_is_incompatible_is_served_all_the_same_and_told_with_its_differences() -> None:
    observer = FakeObserver()
    other = FileDescriptorProto(name="other.proto", package="", dependency=["google/protobuf/empty.proto"])
    other.service.add(name="Greeter").method.add(
        name="Greet", input_type=".google.protobuf.Empty", output_type=".google.protobuf.Empty"
    )
    async with registry() as of, client(of) as registered:
        await registered.register("greetings", other)
        async with Collector(
            "greeter", services=[greeter()], register_at=of.address, observer=observer
        ) as made:
            await until(lambda: observer.of(RegistrationRefused))
            reply = await made.dispatch(
                "greetings", "Greeter", "Greet", wrappers_pb2.StringValue(value="ada"), timeout=LIMIT_SECONDS
            )

    refused: Any = observer.of(RegistrationRefused)
    assert reply.status.code == 200
    assert [event.service for event in refused] == ["greetings/Greeter"]
    assert "google.protobuf.StringValue" in refused[0].reason


async def test_calls_are_validated_by_what_a_collector_has_registered() -> None:
    async with registry() as of:
        observer = FakeObserver()
        async with Collector(
            "greeter",
            services=[greeter()],
            register_at=of.address,
            validator=RegistryValidator(of.address),
            observer=observer,
        ) as made:
            await until(lambda: observer.of(Registered))
            good = await made.dispatch(
                "greetings", "Greeter", "Greet", wrappers_pb2.StringValue(value="ada"), timeout=LIMIT_SECONDS
            )
            bad = await made.dispatch(
                "greetings", "Greeter", "Greet", wrappers_pb2.Int64Value(value=1), timeout=LIMIT_SECONDS
            )

    assert good.status.code == 200
    assert bad.status.code == 400
    assert "expected 'type.googleapis.com/google.protobuf.StringValue'" in bad.status.message


@dataclass
class Order:
    item: str


class Shop(Contract, namespace="shop", service="acme.shop.v1.Shop"):
    @method
    async def buy(self, order: Order) -> Order:
        raise NotImplementedError


@implements(Shop)
class MyShop:
    async def buy(self, order: Order) -> Order:
        return order


async def test_contracts_are_registered_by_who_serves_them_and_by_programs_alike() -> None:
    observer = FakeObserver()
    async with registry() as of, client(of) as registered:
        async with Collector(
            "shop",
            services=[MyShop],
            register_at=of.address,
            validator=RegistryValidator(of.address),
            observer=observer,
        ) as made:
            await until(lambda: observer.of(Registered))
            bought = await Shop.client(made).buy(Order("tea"), timeout=LIMIT_SECONDS)
            plain = await made.dispatch(
                "shop", "acme.shop.v1.Shop", "buy", {"item": "tea"}, timeout=LIMIT_SECONDS
            )
        again = await registered.register("shop", Shop)

    assert bought == Order("tea")
    assert plain.status.code == 400
    assert [(one.id, one.outcome) for one in again] == [("shop/acme.shop.v1.Shop", "unchanged")]


async def described(address: str, symbol: str) -> Any:
    question = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
    async with grpc.aio.insecure_channel(address) as channel:
        ask: Any = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )
        call = ask(iter([question]))
        return await call.read()


async def test_reflection_tells_what_only_the_registry_knows() -> None:
    raw = Service("users", NAME)

    @raw.method("GetUser")
    async def get_user(request: Payload) -> Payload:
        return request

    async with registry() as of, client(of) as registered:
        await registered.register("users", USERS)
        async with Collector(
            "users-1",
            listen=LOOPBACK,
            services=[raw],
            reflection=True,
            validator=RegistryValidator(of.address),
        ) as made:
            answer = await described(made.address, NAME)

    files = [
        FileDescriptorProto.FromString(one) for one in answer.file_descriptor_response.file_descriptor_proto
    ]
    assert USERS.name in [file.name for file in files]


async def test_the_original_is_registered_at_and_asked_as_far_as_it_can() -> None:
    observer = FakeObserver()
    async with OriginalRegistry() as of, RegistryClient(of.address) as registered:
        done = await registered.register("users", USERS)
        again = await registered.register("users", USERS)
        found = await registered.lookup("users", "UserService")
        listed = [service.id async for service in registered.every("users")]
        for asked in (
            registered.register("users", USERS, force=True),
            registered.files("users", "UserService"),
            registered.history(),
            registered.deregister("users", "UserService"),
        ):
            with pytest.raises(UnimplementedError, match="is the original"):
                await asked
        with pytest.raises(NotFoundError):
            await registered.lookup("users", "Missing")
        async with Collector(
            "greeter",
            services=[greeter()],
            register_at=of.address,
            validator=RegistryValidator(of.address),
            observer=observer,
        ) as made:
            await until(lambda: observer.of(Registered))
            reply = await made.dispatch(
                "greetings", "Greeter", "Greet", wrappers_pb2.StringValue(value="ada"), timeout=LIMIT_SECONDS
            )

    assert [(one.id, one.outcome) for one in done] == [("users/UserService", "registered")]
    assert [(one.id, one.outcome) for one in again] == [("users/UserService", "unchanged")]
    assert (found.id, listed) == ("users/UserService", ["users/UserService"])
    assert reply.status.code == 200


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Any:
    async def run(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(main, list(arguments))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


async def test_the_command_line_takes_types_from_a_registry(command: Any) -> None:
    raw = Service("users", NAME)

    @raw.method("GetUser")
    async def get_user(request: Payload) -> Payload:
        return Payload("type.googleapis.com/acme.v1.User", request.value)

    async with registry() as of, client(of) as registered:
        await registered.register("users", USERS)
        async with Collector("users-1", listen=LOOPBACK, services=[raw]) as made:
            where = ("--registry", of.address, "--no-uvloop")
            called = await command("call", made.address, "GetUser", "-d", '{"id": "7"}', *where)
            listed = await command("services", made.address, *where)
            described_one = await command("describe", made.address, "User", "--namespace", "users", *where)
            elsewhere = await command("services", made.address, "--namespace", "elsewhere", *where)
    nobody = await command("call", made.address, "GetUser", *where)

    assert called[:2] == (0, '{\n  "id": "7"\n}\n')
    assert "acme.v1.GetUserRequest -> acme.v1.User" in listed[1]
    assert "message acme.v1.User" in described_one[1]
    assert elsewhere[:2] == (0, "")
    assert nobody[0] == 1
    assert "nobody answers at" in nobody[2]
