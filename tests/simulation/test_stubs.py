"""Generated stubs in a simulation: unchanged, in virtual time."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc import aio
from mesh_test import users_pb2, users_pb2_grpc
from tests.contract.stub_sides import NAMESPACE, MeshUsers

from collector_mesh import CallContext, Collector, Service
from collector_mesh.simulation import Sim, Simulation

Behavior: Any = users_pb2.Behavior
Stub: Any = users_pb2_grpc.UserServiceStub


async def pair(sim: Sim, users: MeshUsers | None = None) -> Collector:
    """A front, connected to a collector that has users."""
    sim.collector("users", services=[(users or MeshUsers()).service])
    front = sim.collector("front", namespaces=[NAMESPACE], peers=["users"])
    await sim.settled()
    return front


class Adding(aio.UnaryUnaryClientInterceptor):
    """Adds metadata, a little later."""

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        await asyncio.sleep(0.5)
        metadata = aio.Metadata(*client_call_details.metadata, ("added", "1"))
        return await continuation(client_call_details._replace(metadata=metadata), request)


async def a_day(sim: Sim, caller: str) -> list[Any]:
    """Calls of all outcomes; what has come of them, and when."""
    users = MeshUsers()
    front = await pair(sim, users)
    sim.network.latency("front", "users", median=0.02, p99=0.08)
    async with sim.client("customer", "front") as client:
        maker = client if caller == "client" else front
        channel = maker.channel(NAMESPACE)
        await channel.channel_ready()
        stub, through = Stub(channel), Stub(maker.channel(NAMESPACE, interceptors=[Adding()]))
        seen: list[Any] = [(await stub.Behave(Behavior(size=2, wait=1.0))).payload, round(sim.now, 6)]
        failed = stub.Behave(Behavior(code=9, details="not now"))
        late = stub.Behave(Behavior(wait=100.0), timeout=3.0)
        seen += [await failed.code(), await failed.details(), await late.code(), round(sim.now, 6)]
        cancelled = stub.Behave(Behavior(wait=100.0))
        told: list[Any] = []
        cancelled.add_done_callback(told.append)
        await sim.sleep(1.0)
        left = cancelled.time_remaining()
        cancelled.cancel()
        await sim.sleep(1.0)
        seen += [round(left, 6), told == [cancelled], users.cancelled, await cancelled.code()]
        added = await through.Behave(Behavior(), timeout=5.0)
        seen += [[pair.key for pair in added.metadata], round(sim.now, 6)]
    return seen


@pytest.mark.parametrize("caller", ["collector", "client"])
def test_stubs_do_in_virtual_time_what_they_do(caller: str) -> None:
    first = Simulation(seed=21).run(lambda sim: a_day(sim, caller), until=300.0)
    again = Simulation(seed=21).run(lambda sim: a_day(sim, caller), until=300.0)

    value: Any = first.value
    assert value[0] == b"xx"
    assert value[2:5] == [grpc.StatusCode.FAILED_PRECONDITION, "not now", grpc.StatusCode.DEADLINE_EXCEEDED]
    assert 13 < value[6] <= 14
    assert value[7:10] == [True, 2, grpc.StatusCode.CANCELLED]
    assert value[10] == ["added"]
    assert (again.digest, again.value) == (first.digest, value)


def test_a_stub_outlives_the_crash_of_a_replica_and_its_channel_that_of_its_collector() -> None:
    async def scenario(sim: Sim) -> list[Any]:
        front = await pair(sim)
        stub = Stub(front.channel(NAMESPACE))
        call = stub.Behave(Behavior(wait=10.0))
        await sim.sleep(1.0)
        await sim.crash("users")
        codes = [await call.code()]
        await sim.restart("users")
        await sim.settled()
        codes.append(await stub.Behave(Behavior()).code())
        call = stub.Behave(Behavior(wait=10.0))
        await sim.sleep(1.0)
        await sim.crash("front")
        codes += [await call.code(), await stub.Behave(Behavior()).code()]
        assert front.channel(NAMESPACE).get_state() is grpc.ChannelConnectivity.SHUTDOWN
        front = await sim.restart("front")
        await sim.settled()
        return [*codes, await Stub(front.channel(NAMESPACE)).Behave(Behavior()).code()]

    codes = grpc.StatusCode
    assert Simulation(seed=22).run(scenario, until=300.0).value == [
        codes.UNKNOWN, codes.OK, codes.UNKNOWN, codes.UNAVAILABLE, codes.OK,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["awaited", "in a thread"])
def test_a_call_that_crashes_with_its_collector_does_not_end_late(kind: str) -> None:
    async def scenario(sim: Sim) -> tuple[grpc.StatusCode, float]:
        front = await pair(sim)
        if kind == "awaited":
            call = Stub(front.channel(NAMESPACE)).Behave(Behavior(wait=100.0), timeout=5.0)
        else:
            call = Stub(front.sync_channel(NAMESPACE)).Behave.future(Behavior(wait=100.0), timeout=5.0)
        await sim.sleep(1.0)
        began = sim.now
        await sim.crash("front")
        await sim.sleep(0.1)
        ended = sim.now - began if call.done() else 100.0
        await sim.sleep(30.0)
        return (await call.code() if kind == "awaited" else call.code()), round(ended, 3)

    report = Simulation(seed=5).run(scenario, until=100.0)

    assert report.value == (grpc.StatusCode.UNKNOWN, 0.1)


def test_a_stub_in_a_handler_calls_on_the_host_of_that() -> None:
    async def scenario(sim: Sim) -> str:
        service = Service("orders", "Orders")

        @service.method("Place")
        async def place(context: CallContext) -> str:
            stub = Stub(sim.find("front").channel(NAMESPACE))
            left = (await stub.Behave(Behavior(), timeout=1e6)).time_remaining
            return f"{context.collector_id} {left <= 5.0}"

        sim.collector("users", services=[MeshUsers().service])
        front = sim.collector("front", namespaces=[NAMESPACE], services=[service], peers=["users"])
        await sim.settled()
        return await front.call("orders", "Orders", "Place", timeout=5.0, returns=str)

    assert Simulation(seed=23).run(scenario, until=60.0).value == "front True"
