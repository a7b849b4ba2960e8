"""A collector asks a registry before it runs calls, whatever that registry does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.told_registry import Say, ToldRegistry, failing, saying, validity
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import (
    Collector,
    InvalidCallError,
    MeshError,
    NotFoundError,
    Payload,
    RegistryValidator,
    Service,
)
from collector_mesh.adapters.wire.generated import registry_pb2
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import RegistryAway, RegistryBack
from collector_mesh.domain.serving import questions

pytestmark = pytest.mark.asyncio

STRING = "google.protobuf.StringValue"


def service() -> Service:
    made = Service("users", "UserService")

    @made.method("Get")
    @made.method("Set")
    async def same(request: Payload) -> Payload:
        return request

    return made


@asynccontextmanager
async def collector(address: str, **options: Any) -> AsyncIterator[Collector]:
    validator = RegistryValidator(address, **options)
    async with Collector(
        "users-1", services=[service()], validator=validator, observer=FakeObserver()
    ) as made:
        yield made


async def outcome(made: Collector, request: Any = None, method: str = "Get") -> tuple[int, str]:
    reply = await made.dispatch("users", "UserService", method, request, timeout=LIMIT_SECONDS)
    return reply.status.code, reply.status.message


async def test_what_the_registry_has_may_be_called_and_nothing_else() -> None:
    async with ToldRegistry() as registry, collector(registry.address) as made:
        registry.methods["users/UserService.Get"] = ""

        assert await outcome(made) == (200, "OK")
        code, text = await outcome(made, method="Set")

    assert code == 404
    assert (
        text
        == "service not registered in registry: service users/UserService not found (collector 'users-1')"
    )


async def test_a_method_is_asked_about_once() -> None:
    async with ToldRegistry() as registry, collector(registry.address) as made:
        registry.methods["users/UserService.Get"] = ""
        await asyncio.gather(*(outcome(made) for _ in range(200)))
        await outcome(made)

    assert registry.asked == ["users/UserService.Get"]


async def test_a_payload_of_another_type_is_refused_before_the_handler() -> None:
    async with ToldRegistry() as registry, collector(registry.address) as made:
        registry.methods["users/UserService.Get"] = STRING

        assert await outcome(made, StringValue(value="ada")) == (200, "OK")
        assert await outcome(made, {"name": "ada"}) == (
            400,
            (
                "payload is a 'type.googleapis.com/google.protobuf.Struct', expected"
                f" 'type.googleapis.com/{STRING}'"
            ),
        )
    assert len(registry.asked) == 1


LIES: list[Any] = [
    pytest.param(saying(b""), id="an empty message"),
    pytest.param(saying(b"\xff\xff\xff"), id="no message"),
    pytest.param(saying(validity(12, "no", is_valid=True)), id="status 12"),
    pytest.param(saying(validity(4, "no", is_valid=True)), id="there, and not there"),
    pytest.param(
        saying(validity(0, "yes", is_valid=True), ("collector-takes", "not a name")), id="an odd type"
    ),
    pytest.param(
        saying(registry_pb2.ValidateMethodResponse(is_valid=True).SerializeToString()), id="no status"
    ),
    *(
        pytest.param(failing(code), id=code.name)
        for code in grpc.StatusCode
        if code is not grpc.StatusCode.OK
    ),
]


@pytest.mark.parametrize("say", LIES)
async def test_what_is_no_clear_answer_decides_nothing(say: Say) -> None:
    async with ToldRegistry() as registry, collector(registry.address) as made:
        registry.say = say

        code, text = await outcome(made)

    assert code == 503
    assert text.startswith("cannot validate: ")


@pytest.mark.parametrize(("fail", "code"), [("closed", 503), ("open", 200)])
async def test_with_nobody_there_it_is_as_the_user_has_chosen(fail: str, code: int) -> None:
    async with ToldRegistry() as registry:
        address = registry.address
    async with collector(address, fail=fail) as made:
        assert (await outcome(made))[0] == code


async def test_once_a_registry_hangs_no_call_waits_for_it_until_it_answers_again() -> None:
    async with ToldRegistry() as registry, collector(registry.address, timeout=0.3, fresh=0.05) as made:
        observer: Any = made.container.observer()
        registry.methods |= {"users/UserService.Get": STRING, "users/UserService.Set": ""}
        assert await outcome(made, StringValue()) == (200, "OK")
        registry.say = registry.hang
        while not observer.of(RegistryAway):
            assert await outcome(made, StringValue()) == (200, "OK")

        async with asyncio.timeout(LIMIT_SECONDS):
            # Of 200 each would take 0.3 s.
            for _ in range(100):
                assert await outcome(made, StringValue()) == (200, "OK")
                assert (await outcome(made, {}))[0] == 400
                assert (await outcome(made, method="Set"))[0] == 503
        registry.say = registry.truth
        await until(lambda: observer.of(RegistryBack))

        assert (await outcome(made, method="Set"))[0] == 200
    assert [event.address for event in observer.of(RegistryAway)] == [registry.address]
    assert "no answer from the registry" in observer.of(RegistryAway)[0].reason


async def test_questions_that_wait_for_their_turn_do_not_make_the_registry_look_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(questions, "_MOST_ASKED", 1)
    async with ToldRegistry() as registry, RegistryValidator(registry.address, timeout=1.0) as validator:

        async def slowly(request: Any, context: Any) -> bytes:
            await asyncio.sleep(0.1)
            return await registry.truth(request, context)

        registry.say = slowly
        # One after the other all of them take longer than one may.
        found = await asyncio.gather(
            *(
                validator.validate_service_method("users", "UserService", f"M{number}")
                for number in range(12)
            ),
            return_exceptions=True,
        )

    assert {type(error) for error in found} == {NotFoundError}


async def test_a_registry_that_comes_back_with_an_empty_store_is_believed() -> None:
    registry = ToldRegistry()
    async with registry, collector(registry.address, fresh=0.05) as made:
        observer: Any = made.container.observer()
        registry.methods["users/UserService.Get"] = ""
        assert (await outcome(made))[0] == 200
        await registry.stop()
        while not observer.of(RegistryAway):
            assert (await outcome(made))[0] == 200

        async with ToldRegistry(registry.port):
            await until(lambda: observer.of(RegistryBack))
            while (await outcome(made))[0] == 200:
                await asyncio.sleep(0.01)
            assert (await outcome(made))[0] == 404


async def test_a_call_that_is_cancelled_leaves_the_question_to_the_others() -> None:
    async with ToldRegistry() as registry, collector(registry.address) as made:
        go_on = asyncio.Event()

        async def slowly(request: Any, context: Any) -> bytes:
            await go_on.wait()
            return await registry.truth(request, context)

        registry.say = slowly
        registry.methods["users/UserService.Get"] = ""
        first, second = (asyncio.ensure_future(outcome(made)) for _ in range(2))
        await until(lambda: registry.asked)
        first.cancel()
        go_on.set()

        assert await second == (200, "OK")
    assert first.cancelled()
    assert len(registry.asked) == 1


async def test_a_validator_is_closed_with_its_collector_and_can_be_used_by_the_next() -> None:
    async with ToldRegistry() as registry:
        registry.methods["users/UserService.Get"] = ""
        validator = RegistryValidator(registry.address)
        for _ in range(2):
            async with Collector("users-1", services=[service()], validator=validator) as made:
                assert (await outcome(made))[0] == 200
            assert not validator.is_open

    assert len(registry.asked) == 1


async def test_a_validator_that_is_replaced_is_closed() -> None:
    async with ToldRegistry() as registry, collector(registry.address) as made:
        before = RegistryValidator(registry.address)
        registry.methods["users/UserService.Get"] = ""
        made.set_validator(before)
        assert (await outcome(made))[0] == 200
        made.set_validator(None)

        await until(lambda: not before.is_open)
        assert (await outcome(made))[0] == 200


async def test_it_works_without_a_collector_too() -> None:
    async with ToldRegistry() as registry, RegistryValidator(registry.address) as validator:
        registry.methods["users/UserService.Get"] = STRING

        found = await validator.validate_service_method("users", "UserService", "Get")

        assert found.takes == STRING
        with pytest.raises(MeshError, match="not found"):
            await validator.validate_service_method("users", "UserService", "Set")


@pytest.mark.parametrize("address", ["", "registry", "127.0.0.1:0", "registry.example:443"])
async def test_an_address_that_cannot_be_asked_is_refused_when_it_is_given(address: str) -> None:
    with pytest.raises(InvalidCallError):
        RegistryValidator(address)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"fail": "maybe"}, {"fresh": -1}, {"max_methods": 0}])
async def test_numbers_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|in \("):
        RegistryValidator("127.0.0.1:1", **options)
