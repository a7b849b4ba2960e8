"""`serve --wait-for-peers`: health and the ready line wait for peers, and nothing else does."""

import asyncio
import signal
import socket
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.integration.services.processes import COMMAND, LOOPBACK, free_port, run, serving
from tests.limits import LIMIT_SECONDS

pytestmark = pytest.mark.asyncio

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


async def test_it_is_ready_when_its_peers_are_there(tmp_path: Path) -> None:
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(tmp_path / "notify"))
    systemd.setblocking(False)
    environment = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "60000000"}
    front, late = (f"127.0.0.1:{free_port()}" for _ in range(2))
    options = ("--namespace", "texts", "--peer", late, "--wait-for-peers", "all")

    async def be_ready() -> str:
        async with serving("front", *options, listen=front, environment=environment) as collector:
            status = await health.Check(health_pb2.HealthCheckRequest())
            assert status.status == SERVING
            return collector.ready

    async with grpc.aio.insecure_channel(front, options=[("grpc.enable_http_proxy", 0)]) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        starting = asyncio.ensure_future(be_ready())
        watching = health.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        seen = [(await watching.read()).status]
        checked = await health.Check(health_pb2.HealthCheckRequest())
        was_ready = starting.done()
        async with serving("late", "--service", "things:texts", listen=late):
            seen.append((await watching.read()).status)
            ready = await asyncio.wait_for(starting, LIMIT_SECONDS)
        watching.cancel()
    with systemd:
        heard = [systemd.recv(4096).decode() for _ in range(2)]

    assert seen == [NOT_SERVING, SERVING]
    assert (checked.status, was_ready) == (NOT_SERVING, False)
    assert ready == f"front ready on {front}\n"
    assert heard[0] == "WATCHDOG=1"
    assert heard[1].startswith(f"READY=1\nSTATUS=front takes calls on {front}\n")


async def test_a_signal_ends_the_wait_without_a_ready_line() -> None:
    options = (
        "--id",
        "front",
        "--listen",
        LOOPBACK,
        "--wait-for-peers",
        "2",
        "--peer",
        f"127.0.0.1:{free_port()}",
    )
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "serve", *options), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await process.stderr.readuntil(b"dial_failed")
            process.send_signal(signal.SIGTERM)
            stdout, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert (process.returncode, stdout) == (0, b"")


async def test_peers_that_do_not_come_in_time_are_named() -> None:
    nobody = f"127.0.0.1:{free_port()}"

    ended = await asyncio.to_thread(
        run,
        *("serve", "--id", "front", "--listen", LOOPBACK, "--namespace", "texts", "--peer", nobody),
        *("--wait-for-peers", "1", "--wait-for-peers-timeout", "0.2"),
    )

    assert (ended.status, ended.stdout) == (1, "")
    told = ended.stderr.splitlines()[-1]
    assert "--wait-for-peers 1: not ready within 0.2 s: 0 of 1 peers are connected" in told
    assert nobody in told


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5", ""])
async def test_what_is_no_number_of_peers_is_refused(number: str) -> None:
    ended = await asyncio.to_thread(run, "serve", "--id", "front", f"--wait-for-peers={number}")

    assert ended.status == 2
    assert "wait_for_peers must be a number of peers from 1, or all" in ended.stderr.replace("-", "_")
