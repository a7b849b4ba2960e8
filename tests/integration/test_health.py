"""`grpc.health.v1`: the whole server and each service, by the name that clients of gRPC know."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.integration.services.processes import LOOPBACK, eventually
from tests.integration.services.things import texts_service
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, Service
from collector_mesh.adapters.grpc.local_inspection import LocalInspection, target_of
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import LimitReached
from collector_mesh.domain.model.identity import Identity

pytestmark = pytest.mark.asyncio

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
NO_PROXY = [("grpc.enable_http_proxy", 0)]


def late_service(namespace: str = "late") -> Service:
    service = Service(namespace, "late.v1.Late")

    @service.method("Do")
    async def do() -> None:
        return None

    return service


class TextsOnly:
    """An authorizer by which everybody may use one namespace."""

    def may_use(self, _identity: Identity | None, namespace: str) -> bool:
        return namespace == "texts"

    def may_serve(self, _identity: Identity, _collector_id: str, _namespace: str) -> bool:
        return True


async def check(health: Any, service: str) -> int:
    asked = await health.Check(health_pb2.HealthCheckRequest(service=service), timeout=LIMIT_SECONDS)
    return int(asked.status)


def watch(health: Any, service: str) -> Any:
    return health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=LIMIT_SECONDS)


async def is_watched(watching: Any) -> bool:
    try:
        return bool((await watching.read()).status == SERVING)
    except grpc.aio.AioRpcError:
        return False


async def test_each_service_has_its_health_from_when_it_is_added_until_the_collector_drains() -> None:
    collector = Collector("c-1", listen=LOOPBACK, services=[texts_service()])
    await collector.start()
    async with grpc.aio.insecure_channel(collector.address, options=NO_PROXY) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        watched = [watch(health, service) for service in ("late.v1.Late", "Texts")]
        seen = [[(await each.read()).status] for each in watched]
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await check(health, "late.v1.Late")
        await collector.add_service(late_service())
        seen[0].append((await watched[0].read()).status)
        checked = [await check(health, service) for service in ("", "Texts", "late.v1.Late")]
        listed = await health.List(health_pb2.HealthListRequest(), timeout=LIMIT_SECONDS)
        collector.remove_service("late.v1.Late")
        seen[0].append((await watched[0].read()).status)
        stopping = asyncio.create_task(collector.stop())
        seen[1].append((await watched[1].read()).status)
        for each in watched:
            each.cancel()
        await stopping

    assert seen == [[UNKNOWN, SERVING, UNKNOWN], [SERVING, NOT_SERVING]]
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    assert checked == [SERVING] * 3
    assert {"", "Texts", "late.v1.Late"} <= set(listed.statuses)


async def test_whoever_may_not_use_a_service_hears_of_the_whole_alone_and_watchers_have_a_limit() -> None:
    observer = FakeObserver()
    services = [texts_service(), late_service()]
    collector = Collector(
        "c-1", listen=LOOPBACK, services=services, authorizer=TextsOnly(), observer=observer
    )
    async with collector, grpc.aio.insecure_channel(collector.address, options=NO_PROXY) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        checked = [await check(health, service) for service in ("", "Texts")]
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await check(health, "late.v1.Late")
        listed = await health.List(health_pb2.HealthListRequest(), timeout=LIMIT_SECONDS)
        watching = watch(health, "late.v1.Late")
        watched = (await watching.read()).status
        watching.cancel()
        many = [watch(health, "") for _ in range(392)]
        answers = await asyncio.gather(*(each.read() for each in many), return_exceptions=True)
        for each in many:
            each.cancel()
        await eventually(lambda: bool(observer.of(LimitReached)))
        # Those that have gone make room for others.
        async with asyncio.timeout(LIMIT_SECONDS):
            while not await is_watched(again := watch(health, "")):
                again.cancel()
        again.cancel()

    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert checked == [SERVING] * 2
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    assert watched == UNKNOWN
    assert "late.v1.Late" not in listed.statuses
    assert len(refused) in range(8, 10)
    assert {each.code() for each in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    limits = {event.limit for event in observer.of(LimitReached) if isinstance(event, LimitReached)}
    assert limits == {"health_watchers"}


async def test_at_the_socket_of_the_machine_all_services_are_seen_once_it_is_ready(tmp_path: Path) -> None:
    collector = Collector("c-1", services=[late_service()], authorizer=TextsOnly())
    path = tmp_path / "c.sock"
    async with (
        LocalInspection(collector.container.gateway(), path) as inspection,
        collector,
        grpc.aio.insecure_channel(target_of(str(path))) as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        before = await check(health, "late.v1.Late")
        inspection.ready()
        ready = await check(health, "late.v1.Late")
        inspection.drain()
        after = await check(health, "late.v1.Late")

    assert [before, ready, after] == [NOT_SERVING, SERVING, NOT_SERVING]
