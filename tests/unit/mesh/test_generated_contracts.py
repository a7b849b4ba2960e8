"""Contracts that are read from generated code, served and called."""

import json
from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.empty_pb2 import Empty
from mesh_test import users_pb2

from collector_mesh import (
    CallContext,
    Collector,
    ContractError,
    HandlerError,
    InvalidCallError,
    LoopbackNetwork,
    UnimplementedError,
    contract_of,
    implements,
)
from collector_mesh.testing import FakeCalls

USERS = contract_of(users_pb2, "UserService", namespace="users")
SERVICE = "mesh.test.users.v1.UserService"


@implements(USERS)
class MyUsers:
    """Some methods by their names in the .proto, others in snake_case."""

    async def GetUser(self, request: users_pb2.GetUserRequest) -> users_pb2.User:
        return users_pb2.User(id=request.id, name="Ada")

    def put_user(self, user: users_pb2.User, context: CallContext) -> users_pb2.User:
        return users_pb2.User(id=user.id, name=context.method)

    async def create_user(self, user: users_pb2.User) -> users_pb2.User:
        return 7  # type: ignore[return-value]  # what is tested

    async def Echo(self, request: users_pb2.Everything) -> users_pb2.Everything:
        return request

    def behave(self, request: Any) -> Any:
        return users_pb2.Behaved()

    async def forget(self) -> None: ...


def collector() -> Collector:
    return Collector("a", services=[MyUsers], transport=LoopbackNetwork())


@pytest.mark.asyncio
async def test_names_and_types_come_from_the_proto() -> None:
    async with collector() as mesh:
        users = USERS.client(mesh, timeout=5)

        assert (await users.GetUser(users_pb2.GetUserRequest(id=7), timeout=2)).name == "Ada"
        assert (await users.get_user(id=7)).id == 7
        assert (await users.with_options(timeout=1).put_user(id=3)).name == "PutUser"
        assert await users.forget() == Empty()
        assert mesh.container.descriptors().find("users", SERVICE) is not None
        infos = {info.key.method: info.idempotent for info in mesh.container.handlers().infos}

    assert infos == {
        "GetUser": True, "PutUser": True, "CreateUser": False, "Echo": True, "Behave": False, "Forget": False,
    }  # fmt: skip


@pytest.mark.asyncio
async def test_wrong_requests_and_results_are_named() -> None:
    calls = FakeCalls()
    users = USERS.client(calls)

    with pytest.raises(
        InvalidCallError, match=r"request: got mesh.test.users.v1.User, expected .*GetUserRequest"
    ):
        await users.GetUser(users_pb2.User())
    with pytest.raises(
        InvalidCallError,
        match=r"User: id: str does not fit (u?int64|int32); name: int does not fit string; tags: int",
    ):
        await users.PutUser(id="x", name=3, tags=7)
    with pytest.raises(TypeError, match=r"GetUserRequest has no field nam: there are id"):
        await users.GetUser(nam=3)
    with pytest.raises(
        TypeError, match=r"one mesh.test.users.v1.GetUserRequest, or its fields by their names"
    ):
        await users.GetUser(users_pb2.GetUserRequest(), 3)
    assert calls.made == []
    async with collector() as mesh:
        with pytest.raises(HandlerError, match=r"result: got int, expected mesh.test.users.v1.User"):
            await USERS.client(mesh).CreateUser(id=1)


@pytest.mark.asyncio
async def test_methods_with_streams_are_refused_when_they_are_called() -> None:
    users = USERS.client(FakeCalls())

    with pytest.raises(UnimplementedError, match=r"'server'"):
        await users.ListUsers(count=3)


def test_a_method_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match=r"has no method 'GetUsr': there are GetUser, PutUser"):
        _ = USERS.client(FakeCalls()).GetUsr


@pytest.mark.parametrize(
    ("source", "service", "said"),
    [
        (users_pb2, "Users", "there is no service 'Users': there are UserService, AuditService"),
        (users_pb2, None, "say which service is meant: there are UserService, AuditService"),
        (timestamp_pb2, None, "google/protobuf/timestamp.proto has no service"),
        (json, "Users", "takes a module that was generated from a .proto, .*got module 'json'"),
        (3, "Users", "takes a module that was generated from a .proto, .*got int"),
        (users_pb2, 3, "the name of a service must be a str, got int"),
        (
            users_pb2.DESCRIPTOR.services_by_name["UserService"],
            "Users",
            "the descriptor is that of .*UserService, not of 'Users'",
        ),
    ],
)
def test_what_is_no_service_is_refused_with_what_there_is(source: Any, service: Any, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        contract_of(source, service, namespace="users")


def test_a_descriptor_and_a_full_name_say_the_same() -> None:
    descriptor = users_pb2.DESCRIPTOR.services_by_name["UserService"]

    assert contract_of(descriptor, namespace="users").methods == USERS.methods
    assert contract_of(users_pb2, SERVICE, namespace="users").methods == USERS.methods


def test_a_class_that_differs_from_the_proto_is_refused() -> None:
    with pytest.raises(ContractError, match=r"get_user takes more too, expected one GetUserRequest .*; get_user takes key as int,"
                       r" expected GetUserRequest; get_user returns int, expected User; PutUser is missing;"):  # fmt: skip

        @implements(USERS)
        class _Bad:
            def get_user(self, key: int, more: int) -> int:
                return key


@pytest.mark.asyncio
async def test_a_field_that_is_named_as_an_option_is_not_guessed() -> None:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
    from google.protobuf.descriptor_pool import DescriptorPool

    file = FileDescriptorProto(name="a.proto", syntax="proto3")
    field = FieldDescriptorProto(
        name="target",
        number=1,
        type=FieldDescriptorProto.TYPE_STRING,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
    )
    file.message_type.append(DescriptorProto(name="Ask", field=[field]))
    file.service.add(name="Finder").method.add(name="Find", input_type=".Ask", output_type=".Ask")
    pool = DescriptorPool()
    pool.Add(file)
    finder = contract_of(pool.FindServiceByName("Finder"), namespace="a").client(FakeCalls())

    with pytest.raises(TypeError, match=r"target may be a field of the request and an option of the call"):
        await finder.Find(target="x")
