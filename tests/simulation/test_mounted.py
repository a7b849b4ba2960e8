"""Servicers that are mounted in a simulation: at each start anew, and the same for the same seed."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from mesh_test import users_pb2, users_pb2_grpc
from tests.generated.servicers import BlockingUsers, Users

from collector_mesh import Collector, Reply
from collector_mesh.adapters.wire.grpc_codes import grpc_status_of
from collector_mesh.simulation import Sim, Simulation

SERVICE = "mesh.test.users.v1.UserService"
add_users = users_pb2_grpc.add_UserServiceServicer_to_server


class Passes(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        await asyncio.sleep(0.01)
        return await continuation(handler_call_details)


def mounts(servicer: Any, **options: Any) -> Any:
    return lambda collector: collector.mount("users", add_users, servicer(), **options)


async def mounts_later(collector: Collector) -> None: ...


async def call(caller: Collector, method: str, request: object, **options: Any) -> Reply:
    return await caller.dispatch("users", SERVICE, method, request, **options)  # type: ignore[arg-type]  # a message


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fresh", [False, True])
def test_each_start_mounts_a_servicer_of_its_own(seed: int, fresh: bool) -> None:
    async def scenario(sim: Sim) -> list[int]:
        sim.collector("users-1", mount=mounts(Users))
        front = sim.collector("front", namespaces=["users"], peers=["users-1"])
        await sim.settled()
        replies = [await call(front, "CreateUser", users_pb2.User()) for _ in range(2)]
        await sim.crash("users-1")
        await sim.restart("users-1", fresh=fresh)
        await sim.settled()
        replies.append(await call(front, "CreateUser", users_pb2.User()))
        return [reply.unpack(users_pb2.User).id for reply in replies]

    assert Simulation(seed).run(scenario, until=60.0).value == [1, 2, 1]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("servicer", [Users, BlockingUsers])
@pytest.mark.parametrize("interceptors", [[], [Passes()]], ids=len)
def test_the_same_seed_gives_the_same_run(seed: int, servicer: Any, interceptors: list[Any]) -> None:
    async def scenario(sim: Sim) -> list[tuple[int, str]]:
        for name in ("users-1", "users-2"):
            sim.collector(name, mount=mounts(servicer, interceptors=interceptors))
        front = sim.collector("front", namespaces=["users"], peers=["users-1", "users-2"])
        await sim.settled()
        requests = [users_pb2.Behavior(code=code, details=str(code), size=9) for code in range(17)]
        replies = await asyncio.gather(*(call(front, "Behave", request) for request in requests))
        statuses = map(grpc_status_of, replies)
        return [(int(status.code), status.text) for status in statuses]

    first, second = (Simulation(seed).run(scenario, until=60.0) for _ in range(2))

    assert first.value == [(0, ""), *((code, str(code)) for code in range(1, 17))]
    assert first.digest == second.digest


def test_a_mount_that_is_none_is_refused() -> None:
    async def scenario(sim: Sim) -> None:
        with pytest.raises(TypeError, match=r"mount must be a callable that takes the collector.*got Users"):
            sim.collector("users-1", mount=Users())
        with pytest.raises(TypeError, match="got an async one"):
            sim.collector("users-1", mount=mounts_later)

    Simulation(1).run(scenario, until=10.0)
