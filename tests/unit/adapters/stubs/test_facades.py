"""Every facade of grpc can be made with the grpcio that is installed: new abstract methods are how grpcio breaks subclasses."""

import asyncio
import importlib
import inspect
import pkgutil
from typing import Any

import grpc
import pytest
from grpc import aio
from tests.generated.generations import Generation

import collector_mesh.adapters.stubs as room
from collector_mesh import Collector, LoopbackNetwork
from collector_mesh.adapters.stubs.answered import AnsweredCall
from collector_mesh.adapters.stubs.call import UnaryUnaryCall
from collector_mesh.adapters.stubs.intercepted import InterceptedCall
from collector_mesh.adapters.stubs.streaming import StreamStreamCall, StreamUnaryCall, UnaryStreamCall


def facades() -> list[type]:
    """The classes of the room that stand for one of grpc's."""
    modules = [
        importlib.import_module(f"{room.__name__}.{each.name}")
        for each in pkgutil.iter_modules(room.__path__)
    ]
    return sorted(
        {
            kind
            for module in modules
            for _, kind in inspect.getmembers(module, inspect.isclass)
            if kind.__module__ == module.__name__
            and not kind.__name__.startswith("_")
            and any(base.__module__.split(".")[0] == "grpc" for base in kind.__mro__)
        },
        key=lambda kind: kind.__name__,
    )


@pytest.mark.parametrize("kind", facades(), ids=lambda kind: kind.__name__)
def test_a_facade_has_all_that_grpc_wants_of_it(kind: Any) -> None:
    assert getattr(kind, "__abstractmethods__", frozenset()) == frozenset()


def test_there_is_a_facade_for_all_that_a_channel_gives() -> None:
    names = {kind.__name__ for kind in facades()}

    assert {
        "Channel",
        *(f"{kind}{what}" for kind in ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream") for what in ("MultiCallable", "Call")),
    } <= names  # fmt: skip


class Passing(aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(client_call_details, request)


@pytest.mark.asyncio
async def test_a_stub_of_each_generation_makes_calls_of_every_kind(generation: Generation) -> None:
    network = LoopbackNetwork()
    async with Collector("one", namespaces=["users"], transport=network) as collector:
        stub = generation.users_grpc.UserServiceStub(collector.channel("users"))
        through = generation.users_grpc.UserServiceStub(collector.channel("users", interceptors=[Passing()]))
        calls = [
            stub.GetUser(generation.users.GetUserRequest(id=1)),
            through.GetUser(generation.users.GetUserRequest(id=1)),
            stub.ListUsers(generation.users.ListUsersRequest()),
            stub.ImportUsers(iter([])),
            stub.Talk(iter([])),
        ]

        codes = [await call.code() for call in calls]
        details = [await call.details() for call in calls]

    assert [type(call) for call in calls] == [
        UnaryUnaryCall, InterceptedCall, UnaryStreamCall, StreamUnaryCall, StreamStreamCall,
    ]  # fmt: skip
    assert codes == [grpc.StatusCode.UNIMPLEMENTED] * 5
    assert [
        what in text for what, text in zip(("server", "client", "bidirectional"), details[2:], strict=True)
    ] == [True] * 3


def test_what_an_interceptor_has_answered_is_a_call() -> None:
    call = AnsweredCall("response")
    told: list[object] = []
    call.add_done_callback(told.append)

    async def ask() -> list[object]:
        await call.wait_for_connection()
        return [
            await call, await call.code(), await call.details(), await call.debug_error_string(),
            await call.initial_metadata(), await call.trailing_metadata(),
        ]  # fmt: skip

    assert asyncio.run(ask()) == ["response", grpc.StatusCode.OK, "", "", aio.Metadata(), aio.Metadata()]
    assert (call.done(), call.cancel(), call.cancelled(), call.time_remaining()) == (True, False, False, None)
    assert told == [call]
