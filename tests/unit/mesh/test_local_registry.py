"""A collector asks a registry in its own process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.wrappers_pb2 import StringValue
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LocalRegistryValidator, LoopbackNetwork, Payload, Registry, Service

pytestmark = pytest.mark.asyncio


def file() -> FileDescriptorProto:
    made = FileDescriptorProto(name="users.proto", syntax="proto3")
    made.message_type.add(name="User").field.add(
        name="name",
        number=1,
        type=FieldDescriptorProto.TYPE_STRING,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    made.service.add(name="UserService").method.add(name="Get", input_type=".User", output_type=".User")
    return made


@asynccontextmanager
async def collector(registry: Registry) -> AsyncIterator[Collector]:
    service = Service("users", "UserService")

    @service.method("Get")
    @service.method("Set")
    async def same(request: Payload) -> Payload:
        return request

    validator = LocalRegistryValidator(registry)
    async with Collector(
        "users-1", transport=LoopbackNetwork(), services=[service], validator=validator
    ) as made:
        yield made


async def outcome(made: Collector, method: str = "Get", request: Any = None) -> tuple[int, str]:
    reply = await made.dispatch("users", "UserService", method, request, timeout=LIMIT_SECONDS)
    return reply.status.code, reply.status.message


async def test_what_is_registered_may_be_called_with_what_it_takes() -> None:
    async with Registry() as registry, collector(registry) as made:
        await registry.register("users", file())

        assert await outcome(made, request=Payload("type.googleapis.com/User")) == (200, "OK")
        assert await outcome(made, request=StringValue()) == (
            400,
            "payload is a 'type.googleapis.com/google.protobuf.StringValue', expected 'type.googleapis.com/User'",
        )
        assert (await outcome(made, "Set"))[0] == 404


async def test_what_is_registered_later_and_removed_again_is_found_out() -> None:
    async with Registry() as registry, collector(registry) as made:
        assert (await outcome(made))[0] == 404

        await registry.register("users", file())
        while (await outcome(made, request=Payload("type.googleapis.com/User")))[0] == 404:
            pass
        await registry.deregister("users", "UserService")
        while (await outcome(made, request=Payload("type.googleapis.com/User")))[0] == 200:
            pass

        assert (await outcome(made))[0] == 404


async def test_a_registry_that_is_closed_decides_nothing() -> None:
    async with Registry() as registry:
        pass
    async with collector(registry) as made:
        code, text = await outcome(made)

    assert code == 503
    assert text.startswith("cannot validate: the Registry is not open")


async def test_anything_else_is_no_registry() -> None:
    with pytest.raises(TypeError, match=r"registry must be a collector_mesh\.Registry, got str"):
        LocalRegistryValidator("registry.db")  # type: ignore[arg-type]  # that is the point
