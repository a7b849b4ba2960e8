"""The trace context of a call comes along wherever the call goes, whether anybody records it or not."""

import asyncio
from typing import Any

import pytest
from mesh_test import users_pb2, users_pb2_grpc
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    LoopbackNetwork,
    MeshClient,
    Payload,
    Service,
    Settings,
    SyncMeshClient,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import HandlerFailed

pytestmark = pytest.mark.asyncio

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
STATE = "vendor=1"
TRACED = {"traceparent": PARENT, "tracestate": STATE}
USERS = "mesh.test.users.v1.UserService"


class Seen:
    """What handlers were told."""

    def __init__(self) -> None:
        self.contexts: dict[str, tuple[str, str]] = {}

    def service(self) -> Service:
        service = Service("work", "Chain")

        @service.method("Outer")
        async def outer(_request: Payload, context: CallContext) -> None:
            self.add("outer", context)
            await context.call("work", "Chain", "Plain")

        @service.method("Plain")
        def plain(_request: Payload, context: CallContext) -> None:
            self.add("plain", context)
            context.blocking.call("work", "Chain", "Inner")

        @service.method("Inner")
        async def inner(_request: Payload, context: CallContext) -> None:
            self.add("inner", context)
            await context.call("users", USERS, "GetUser", users_pb2.GetUserRequest())

        return service

    def add(self, name: str, context: CallContext) -> None:
        self.contexts[name] = (context.traceparent, context.tracestate)


class Users(users_pb2_grpc.UserServiceServicer):  # type: ignore[misc]  # generated code has no types
    """A servicer that is mounted."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    async def GetUser(self, request: Any, context: Any) -> Any:
        found = {key: value for key, value in context.invocation_metadata() if key.startswith("trace")}
        self.seen.contexts["mounted"] = (found.get("traceparent", ""), found.get("tracestate", ""))
        return users_pb2.User()


async def test_it_comes_through_relays_nested_calls_threads_and_servicers_of_a_chain() -> None:
    network, seen = LoopbackNetwork(through_codec=True), Seen()
    mounted = Collector("users-1", transport=network, namespaces=["work"])
    mounted.mount("users", users_pb2_grpc.add_UserServiceServicer_to_server, Users(seen))
    hub = Collector("hub", transport=network, namespaces=["work", "users"], settings=Settings(relay=True))
    worker = Collector("work-1", transport=network, namespaces=["users"], services=[seen.service()])
    async with asyncio.timeout(LIMIT_SECONDS), hub, worker, mounted:
        await worker.connect(hub.address)
        await mounted.connect(hub.address)
        async with MeshClient(mounted.address, transport=network) as client:
            await client.call("work", "Chain", "Outer", metadata=TRACED)
        awaited = dict(seen.contexts)
        seen.contexts.clear()
        with_nothing = await hub.dispatch("work", "Chain", "Outer", metadata={"traceparent": "00-1"})
        without = dict(seen.contexts)
        seen.contexts.clear()
        with_threads = SyncMeshClient(hub.address, transport=network)
        await asyncio.to_thread(with_threads.call, "work", "Chain", "Outer", metadata=TRACED)
        await asyncio.to_thread(with_threads.close)
        stub = users_pb2_grpc.UserServiceStub(hub.channel("users"))
        await stub.GetUser(users_pb2.GetUserRequest(), metadata=tuple(TRACED.items()))

    names = ("outer", "plain", "inner", "mounted")
    assert awaited == dict.fromkeys(names, (PARENT, STATE))
    assert with_nothing.status.code == 200
    assert without == dict.fromkeys(names, ("", ""))
    assert seen.contexts == awaited


async def test_one_trace_id_finds_the_lines_about_a_call_in_the_logs_of_all_collectors_it_has_come_over() -> (
    None
):
    network, told = LoopbackNetwork(through_codec=True), FakeObserver()

    def collector(collector_id: str, *services: Service, trace_ids: bool = False) -> Collector:
        return Collector(
            collector_id, transport=network, namespaces=["work"], services=services, observer=told,
            settings=Settings(relay=True), trace_ids=trace_ids,
        )  # fmt: skip

    async def fail() -> None:
        raise ValueError("no")

    service = Service("work", "Failing")
    service.add("Fail", fail)
    edge, hub, worker = collector("edge", trace_ids=True), collector("hub"), collector("work-1", service)
    async with asyncio.timeout(LIMIT_SECONDS), edge, hub, worker:
        await hub.connect(worker.address)
        await edge.connect(hub.address)
        async with MeshClient(edge.address, transport=network) as client:
            await client.dispatch("work", "Failing", "Fail")
            await client.dispatch("work", "Failing", "Fail", target="nobody")
        await edge.dispatch("work", "Failing", "Fail")
        await hub.dispatch("work", "Failing", "Fail")

    failed = [event for event in told.events if isinstance(event, HandlerFailed)]
    assert [event.path for event in failed] == 2 * [("edge", "hub", "work-1")] + [()]
    assert [len(event.trace_id) for event in failed] == [32, 32, 0]
    assert failed[0].trace_id != failed[1].trace_id
