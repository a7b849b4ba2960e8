"""Stubs for threads in a simulation: in its own threads, on virtual time, the same in every run of a seed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from mesh_test import users_pb2, users_pb2_grpc

from collector_mesh import CallContext, Payload, Service
from collector_mesh.simulation import Sim, Simulation

SOMEBODY = users_pb2.GetUserRequest(id=7)
PLAIN = ("users", "Plain", "Work")


def users() -> Service:
    service = Service("users", "mesh.test.users.v1.UserService")

    @service.method("GetUser", idempotent=True)
    async def get(request: users_pb2.GetUserRequest, context: CallContext) -> users_pb2.User:
        await asyncio.sleep(0.5)
        return users_pb2.User(id=request.id, name=context.collector_id)

    @service.method("Behave")
    async def behave(request: users_pb2.Behavior) -> users_pb2.Behaved:
        await asyncio.sleep(request.wait)
        return users_pb2.Behaved()

    return service


def told_by(work: Callable[[Any], str]) -> str:
    """What a plain handler gives that has a stub of its collector, in each run of a seed."""

    async def scenario(sim: Sim) -> str:
        service = Service("users", "Plain")

        @service.method("Work")
        def plain() -> Payload:
            with front.sync_channel("users") as channel:
                return Payload("text", work(users_pb2_grpc.UserServiceStub(channel)).encode())

        sim.collector("back", services=[users()])
        front = sim.collector("front", services=[service], peers=["back"])
        await sim.settled()
        return (await front.call(*PLAIN, timeout=60.0)).value.decode()

    first, again = (Simulation(seed=3).run(scenario, until=120.0) for _ in range(2))
    assert (first.value, first.digest) == (again.value, again.digest)
    assert isinstance(first.value, str)
    return first.value


def test_a_plain_handler_calls_and_virtual_time_goes_on() -> None:
    def work(stub: Any) -> str:
        began = datetime.now(UTC)
        user, call = stub.GetUser.with_call(SOMEBODY)
        return f"{user.name} {call.code().name} {stub.GetUser(SOMEBODY).id} {datetime.now(UTC) - began > timedelta(seconds=1)}"

    assert told_by(work) == "back OK 7 True"


def test_futures_run_at_once_are_waited_for_and_cancelled() -> None:
    def work(stub: Any) -> str:
        began = datetime.now(UTC)
        calls = [stub.GetUser.future(SOMEBODY) for _ in range(10)]
        waits = stub.Behave.future(users_pb2.Behavior(wait=30.0))
        with pytest.raises(grpc.FutureTimeoutError):
            waits.result(0.1)
        ids = {call.result().id for call in calls}
        assert waits.cancel()
        return f"{ids} {waits.code().name} {waits.done()} {datetime.now(UTC) - began < timedelta(seconds=1)}"

    assert told_by(work) == "{7} CANCELLED True True"


def test_a_call_is_late_in_virtual_time() -> None:
    def work(stub: Any) -> str:
        with pytest.raises(grpc.RpcError) as raised:
            stub.Behave(users_pb2.Behavior(wait=30.0), timeout=5.0)
        error: Any = raised.value
        return str(error.code().name)

    assert told_by(work) == "DEADLINE_EXCEEDED"


def test_callbacks_run_in_threads_of_the_simulation_and_may_wait() -> None:
    def work(stub: Any) -> str:
        seen: list[object] = []

        def ended(call: Any) -> None:
            seen.append(call.result().id)
            seen.append(stub.GetUser(users_pb2.GetUserRequest(id=8)).id)

        call, other = stub.GetUser.future(SOMEBODY), stub.Behave.future(users_pb2.Behavior(wait=30.0))
        call.add_done_callback(ended)
        other.add_done_callback(lambda call: seen.append(call.cancelled()))
        other.cancel()
        call.result()
        stub.Behave(users_pb2.Behavior(wait=2.0))
        return str(seen)

    assert told_by(work) == "[True, 7, 8]"


def test_a_stub_of_a_collector_that_has_crashed_or_come_back() -> None:
    async def scenario(sim: Sim) -> list[str]:
        seen: list[str] = []
        service = Service("users", "Plain")

        @service.method("Work")
        def plain() -> None:
            try:
                users_pb2_grpc.UserServiceStub(front.sync_channel("users")).GetUser(SOMEBODY, timeout=1.0)
                seen.append("OK")
            except grpc.RpcError as error:
                seen.append(error.code().name)

        sim.collector("back", services=lambda: [users()])
        front = sim.collector("front", services=[service], peers=["back"])
        await sim.settled()
        await front.dispatch(*PLAIN, timeout=30.0)
        await sim.crash("back")
        await sim.sleep(10.0)
        await front.dispatch(*PLAIN, timeout=30.0)
        await sim.restart("back")
        await sim.settled()
        await front.dispatch(*PLAIN, timeout=30.0)
        return seen

    first, again = (Simulation(seed=5).run(scenario, until=200.0) for _ in range(2))

    assert first.value in (["OK", "UNAVAILABLE", "OK"], ["OK", "UNIMPLEMENTED", "OK"])
    assert (first.value, first.digest) == (again.value, again.digest)


def test_in_the_loop_of_the_simulation_it_is_an_error_that_names_the_way_there() -> None:
    async def scenario(sim: Sim) -> int:
        sim.collector("back", services=[users()])
        front = sim.collector("front", namespaces=["users"], peers=["back"])
        await sim.settled()
        stub = users_pb2_grpc.UserServiceStub(front.sync_channel("users"))
        with pytest.raises(RuntimeError, match=r"would wait .*use a stub of collector\.channel"):
            stub.GetUser(SOMEBODY)
        call = stub.GetUser.future(SOMEBODY)
        await sim.sleep(5.0)
        return int(call.result().id)

    assert Simulation(seed=1).run(scenario, until=60.0).value == 7


def test_other_threads_of_asyncio_use_it_too() -> None:
    async def scenario(sim: Sim) -> str:
        sim.collector("back", services=[users()])
        front = sim.collector("front", namespaces=["users"], peers=["back"])
        await sim.settled()
        stub = users_pb2_grpc.UserServiceStub(front.sync_channel("users"))
        user: Any = await asyncio.to_thread(stub.GetUser, SOMEBODY)
        return str(user.name)

    assert Simulation(seed=1).run(scenario, until=60.0).value == "back"
