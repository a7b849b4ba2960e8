"""A listener that grpc has ended listens again."""

import asyncio
import gc
import logging
import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.integration.services.certificates import Authority
from tests.integration.services.http2 import end_listener
from tests.integration.services.processes import LOOPBACK, eventually, free_port, serving
from tests.integration.services.things import texts_service
from tests.integration.services.wire import RawClient
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, ListenError, MeshClient, Settings, Tls
from collector_mesh.adapters.grpc.own_port import OwnPort
from collector_mesh.adapters.grpc.server import LastingServer
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.events import ListenerRestored


def texts_collector(observer: FakeObserver, **options: Any) -> Collector:
    given = {"listen": LOOPBACK, "services": [texts_service()], "observer": observer, **options}
    return Collector("texts-1", **given)


async def code_of(client: MeshClient) -> int:
    reply = await client.serve("texts", "Texts", "Nothing", timeout=LIMIT_SECONDS)
    return reply.status.code


async def code_of_new_client(address: str, tls: Tls | None = None) -> int:
    async with MeshClient(address, tls=tls) as client:
        return await code_of(client)


async def until_told(observer: FakeObserver, number: int = 1) -> list[Any]:
    await eventually(lambda: len(observer.of(ListenerRestored)) >= number)
    return observer.of(ListenerRestored)


def listening_sockets(port: int) -> list[socket.socket]:
    """Those of this process, as others of its parts see them: closing one closes it for all."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # numbers, not files
        with suppress(OSError):
            candidate = socket.socket(fileno=os.dup(int(name)))
            is_listening = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if is_listening and candidate.getsockname()[1] == port:
                found.append(candidate)
            else:
                candidate.close()
    return found


@pytest.mark.asyncio
async def test_one_request_that_grpc_cannot_read_keeps_nobody_out() -> None:
    observer = FakeObserver()
    async with texts_collector(observer) as collector, MeshClient(collector.address) as old:
        before = await code_of(old)
        await end_listener(collector.address)
        events = await until_told(observer)
        new = await code_of_new_client(collector.address)
        after = await code_of(old)

    assert (before, new, after) == (200, 200, 200)
    assert [event.address for event in events] == [collector.address]
    assert "grpc has failed" in events[0].reason
    assert 0 <= events[0].seconds < LIMIT_SECONDS


@pytest.mark.asyncio
async def test_it_comes_back_however_often_it_is_ended_and_old_links_outlive_it() -> None:
    observer = FakeObserver()
    async with texts_collector(observer) as collector:
        clients = []
        for number in (1, 2, 4):
            clients.append(await MeshClient(collector.address).__aenter__())
            assert await code_of(clients[-1]) == 200
            while observer.events[-1].times < number or not observer.of(ListenerRestored):
                with suppress(ConnectionError):
                    await end_listener(collector.address)
        codes = [await code_of(client) for client in clients]
        for client in clients:
            await client.__aexit__(None, None, None)

    assert codes == [200, 200, 200]
    assert [event.times for event in observer.of(ListenerRestored)] == [1, 2, 4]


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["0.0.0.0", "[::1]", "localhost"])
async def test_it_listens_again_where_it_did_before(host: str) -> None:
    observer = FakeObserver()
    wildcard = {"advertise": "127.0.0.1:0", "insecure": True} if host == "0.0.0.0" else {}
    async with texts_collector(observer, listen=f"{host}:0", **wildcard) as collector:
        await end_listener(collector.address)
        await until_told(observer)
        code = await code_of_new_client(collector.address)

    assert code == 200


@pytest.mark.asyncio
async def test_with_tls_it_listens_again_also_while_its_files_are_away(tmp_path: Path) -> None:
    observer = FakeObserver()
    tls = Authority(tmp_path).collector("texts-1")
    assert tls.cert is not None
    context = ssl.create_default_context(cafile=str(tls.ca))
    context.load_cert_chain(tls.cert, tls.key)
    context.set_alpn_protocols(["h2"])
    async with texts_collector(observer, tls=tls) as collector:
        files = tls.cert.read_bytes()
        tls.cert.unlink()
        await end_listener(collector.address, context)
        await until_told(observer)
        tls.cert.write_bytes(files)
        code = await code_of_new_client(collector.address, tls)

    assert code == 200


@pytest.mark.asyncio
async def test_health_and_reflection_are_there_again() -> None:
    observer = FakeObserver()
    async with texts_collector(observer, reflection=True) as collector:
        await end_listener(collector.address)
        await until_told(observer)
        async with RawClient(collector.address) as client:
            health = health_pb2_grpc.HealthStub(client.channel)
            told = await health.Check(health_pb2.HealthCheckRequest(), timeout=LIMIT_SECONDS)
            asking = reflection_pb2_grpc.ServerReflectionStub(client.channel).ServerReflectionInfo(
                timeout=LIMIT_SECONDS
            )
            await asking.write(reflection_pb2.ServerReflectionRequest(list_services=""))
            await asking.done_writing()
            services = await asking.read()

    assert told.status == health_pb2.HealthCheckResponse.SERVING
    assert len(services.list_services_response.service) >= 3


@pytest.mark.asyncio
async def test_ended_in_a_drain_it_tells_the_health_of_one_that_drains(tmp_path: Path) -> None:
    observer = FakeObserver()
    collector = await texts_collector(observer).__aenter__()
    async with RawClient(collector.address) as client:
        running = asyncio.create_task(client.serve("Hold", str(tmp_path)))
        await eventually((tmp_path / "started").exists)
        leaving = asyncio.create_task(collector.__aexit__(None, None, None))
        await eventually(lambda: collector.snapshot().state == "draining")
        await end_listener(collector.address)
        await until_told(observer)
        async with RawClient(collector.address) as other:
            health = health_pb2_grpc.HealthStub(other.channel)
            told = await health.Check(health_pb2.HealthCheckRequest(), timeout=LIMIT_SECONDS)
            refused = await other.serve("Nothing")
        (tmp_path / "go").touch()
        done = await running
        await leaving

    assert told.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert refused.status.code == 503
    assert done.status.code == 200


@pytest.mark.asyncio
async def test_it_can_end_right_after_its_listener_has() -> None:
    for _ in range(5):
        async with texts_collector(FakeObserver()) as collector:
            await end_listener(collector.address)


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", range(1, 25))
async def test_it_gives_its_port_back_where_leaving_is_canceled(turns: int) -> None:
    collector = texts_collector(FakeObserver(), settings=Settings(drain_timeout=0.2))
    await collector.__aenter__()
    leaving = asyncio.create_task(collector.__aexit__(None, None, None))
    for _ in range(turns):
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])

    async with texts_collector(FakeObserver(), listen=collector.bound_address) as again:
        assert again.bound_address == collector.bound_address


@pytest.mark.asyncio
@pytest.mark.parametrize("turns", range(1, 40))
async def test_where_entering_is_canceled_nothing_is_left_behind(turns: int) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))
    address = f"127.0.0.1:{free_port()}"
    collector = texts_collector(FakeObserver(), listen=address)
    entering = asyncio.create_task(collector.__aenter__())
    for _ in range(turns):
        await asyncio.sleep(0)
    if entering.cancel():
        await asyncio.wait([entering])
    if not entering.cancelled():
        await collector.__aexit__(None, None, None)

    async with texts_collector(FakeObserver(), listen=address) as again:
        bound = again.bound_address
    del collector, entering
    gc.collect()
    await asyncio.sleep(0)

    assert bound == address
    assert told == []


@pytest.mark.asyncio
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="finds its own sockets in /proc")  # noqa: PTH112
async def test_a_socket_that_no_longer_listens_is_noticed_though_grpc_does_not_know() -> None:
    observer = FakeObserver()
    async with texts_collector(observer) as collector:
        (listening,) = listening_sockets(HostPort.parse(collector.address).port)
        with listening:
            listening.shutdown(socket.SHUT_RDWR)
        (event, *_) = await until_told(observer)
        code = await code_of_new_client(collector.address)

    assert code == 200
    assert event.reason == "connections were refused"


@pytest.mark.asyncio
async def test_the_look_at_the_own_port_is_told_to_nobody() -> None:
    observer = FakeObserver()
    async with texts_collector(observer) as collector:
        await asyncio.sleep(0)
        port = OwnPort(HostPort.parse(collector.address))
        await port.find()
        looks = [await port.is_shut() for _ in range(20)]
    after = await port.is_shut()

    assert looks == [False] * 20
    assert after
    assert [type(event).__name__ for event in observer.events] == ["Started", "Draining", "Stopped"]


@pytest.mark.asyncio
async def test_a_port_that_cannot_be_had_again_is_given_up_and_told() -> None:
    lost = asyncio.get_running_loop().create_future()
    bound: list[int] = []

    async def bind(server: grpc.aio.Server, where: HostPort) -> int:
        if bound:
            raise ListenError("cannot listen: it is taken")
        bound.append(server.add_insecure_port(str(where)))
        return bound[0]

    server = LastingServer(
        grpc.aio.server, bind, on_restored=lambda reason, _: lost.set_result(reason), on_lost=lost.set_result
    )
    where = await server.start(HostPort("127.0.0.1", 0))

    await end_listener(str(where))
    async with asyncio.timeout(LIMIT_SECONDS):
        reason = await lost
    await server.stop(0.1)

    assert reason.startswith("grpc has failed")
    assert reason.endswith("; cannot listen: it is taken")


@pytest.mark.asyncio
async def test_a_process_that_nobody_can_connect_to_anymore_says_so_and_ends() -> None:
    async with serving("c-1", "--service", "unbindable:service") as collector:
        async with MeshClient(collector.address) as client:
            await client.serve("texts", "Texts", "Spoil", timeout=LIMIT_SECONDS)
        await end_listener(collector.address)
        ended = await collector.end()

    assert ended.status == 1
    assert f"listener_lost collector_id=c-1 address={collector.address}" in ended.stderr
    assert "error: no program can connect any more: grpc has failed" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.asyncio
async def test_a_collector_that_is_reachable_says_nothing_else() -> None:
    async with texts_collector(FakeObserver()) as collector:
        waiting = asyncio.create_task(collector.wait_unreachable())
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        waiting.cancel()

    assert not done
    assert StringValue(value=str(free_port())).value


@pytest.mark.asyncio
async def test_who_goes_before_the_answer_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("grpc._cython.cygrpc")
    async with texts_collector(FakeObserver()):
        log.error("ExecuteBatchError raised in core by servicer method [%s]", "/a/B")
        log.error("Something else")
    log.error("ExecuteBatchError raised in core by servicer method [%s]", "/a/C")

    assert [record.getMessage() for record in caplog.records if record.name == log.name] == [
        "Something else",
        "ExecuteBatchError raised in core by servicer method [/a/C]",
    ]
