"""Certificates that are replaced while calls run, and peers that may no longer be peers."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.certificates import Authority
from tests.integration.services.processes import LOOPBACK, environment_of, eventually, run, serving
from tests.integration.services.things import texts_service
from tests.limits import LIMIT_SECONDS

from collector_mesh import Access, Collector, InvalidCallError, Reloaded, Settings, TlsError
from collector_mesh.adapters.grpc.inspect_client import ControlClient
from collector_mesh.app.cli.local_sockets import socket_of

pytestmark = pytest.mark.asyncio

ECHO = ("texts", "Texts", "Echo")


async def call_until(caller: Collector, stop: asyncio.Event) -> list[int]:
    """Make one call after the other; give the codes of all that were not answered well, after how many there were."""
    made, bad = 0, []
    while not stop.is_set():
        reply = await caller.dispatch(*ECHO, StringValue(value="x"))
        made += 1
        if reply.status.code != 200:
            bad.append(reply.status.code)
    return [made, *bad]


def connection_id(collector: Collector) -> str:
    return collector.snapshot().connections[0].connection_id


async def changed_from(collector: Collector, old: str) -> str:
    async with asyncio.timeout(LIMIT_SECONDS):
        while (new := connection_id(collector)) == old:
            await asyncio.sleep(0.01)
    return new


@pytest.mark.parametrize("caller_id", ["a-1", "z-1"])
async def test_links_are_made_anew_with_new_certificates_of_either_end_and_no_call_is_lost(
    tmp_path: Path, caller_id: str
) -> None:
    authority = Authority(tmp_path)
    tls = {name: authority.collector(name) for name in ("m-1", caller_id)}
    async with (
        Collector("m-1", listen=LOOPBACK, services=[texts_service()], tls=tls["m-1"]) as served,
        Collector(
            caller_id, listen=LOOPBACK, namespaces=["texts"], tls=tls[caller_id], peers=[served.address]
        ) as caller,
    ):
        await caller.wait_for(peers="all", timeout=LIMIT_SECONDS)
        stop = asyncio.Event()
        calls = [asyncio.create_task(call_until(caller, stop)) for _ in range(4)]
        ids = [connection_id(caller)]
        for name, collector in ((caller_id, caller), ("m-1", served), (caller_id, caller)):
            authority.collector(name)
            told = await collector.reload()
            assert told.changed == ("certificates",)
            ids.append(await changed_from(caller, ids[-1]))
        unchanged = await caller.reload()
        stop.set()
        results = [await call for call in calls]

    assert (unchanged.changed, len(set(ids))) == ((), 4)
    assert [result[1:] for result in results] == [[]] * 4
    assert all(result[0] for result in results)


async def test_certificates_that_do_not_fit_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.collector("m-1")
    assert tls.cert is not None
    async with Collector("m-1", listen=LOOPBACK, tls=tls) as collector:
        good = tls.cert.read_bytes()
        tls.cert.write_bytes(good[: len(good) // 2])
        with pytest.raises(TlsError, match=r"m-1\.crt"):
            await collector.reload()
        tls.cert.unlink()
        with pytest.raises(TlsError, match=r"m-1\.crt"):
            await collector.reload()
        tls.cert.write_bytes(good)
        told = await collector.reload()

    assert told.changed == ()


async def test_a_peer_whose_authority_is_trusted_no_longer_gets_a_goodbye(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    tls = {name: authority.collector(name) for name in ("m-1", "a-1")}
    quick = Settings(dial_timeout=0.2)
    async with (
        Collector(
            "m-1", listen=LOOPBACK, services=[texts_service()], tls=tls["m-1"], settings=quick
        ) as served,
        Collector("a-1", namespaces=["texts"], tls=tls["a-1"], peers=[served.address]) as caller,
    ):
        await caller.wait_for(peers="all", timeout=LIMIT_SECONDS)
        issued = other.collector("m-1")
        for here, there in (
            (tls["m-1"].ca, issued.ca),
            (tls["m-1"].cert, issued.cert),
            (tls["m-1"].key, issued.key),
        ):
            assert here is not None
            assert there is not None
            here.write_bytes(there.read_bytes())

        await served.reload()
        before = (await caller.dispatch(*ECHO, StringValue(value="x"))).status.code
        async with asyncio.timeout(LIMIT_SECONDS):
            while served.snapshot().connections:
                await asyncio.sleep(0.01)

    assert before == 200


async def test_serve_reads_its_configuration_again_at_sighup_and_when_its_user_asks_for_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "collector.toml"

    def write(text: str) -> None:
        file.write_text(text)
        os.utime(file, (1, 1))

    write("[settings]\nmax_running = 7\n")
    async with serving("reloaded-1", "--config", str(file)) as collector:
        write("weight = 3\n[settings]\nmax_running = 8\n")
        for _ in range(10):
            collector.send(signal.SIGHUP)
        await collector.logged("configuration_reloaded")
        asked = await asyncio.to_thread(run, "reload", "--local", "reloaded-1")
        write("[settings\nmax_runn")
        async with ControlClient(f"unix:{socket_of('reloaded-1', environment_of(None))}") as client:
            wrong = await client.reload(timeout=LIMIT_SECONDS)
        collector.send(signal.SIGHUP)
        collector.send(signal.SIGTERM)
        collector.send(signal.SIGHUP)
        ended = await collector.end()

    assert (asked.status, asked.stdout) == (0, "nothing is different\nneeds a restart: weight\n")
    assert wrong.problems[0].startswith(f"--config {file}: ")
    assert "settings.max_running" in ended.stderr
    assert "reload_failed" in ended.stderr
    assert ended.status == 0


async def test_a_peer_that_access_rules_no_longer_let_in_ends_with_a_goodbye_after_its_calls(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    tls = {name: authority.collector(name) for name in ("m-1", "a-1", "b-1")}

    def rules(*ids: str) -> Access:
        return Access(rules=[{"who": [f"id:{each}"], "peer": [each], "use": ["texts"]} for each in ids])

    async with (
        Collector(
            "m-1", listen=LOOPBACK, services=[texts_service()], tls=tls["m-1"], access=rules("a-1", "b-1")
        ) as served,
        Collector("a-1", namespaces=["texts"], tls=tls["a-1"], peers=[served.address]) as a,
        Collector("b-1", namespaces=["texts"], tls=tls["b-1"], peers=[served.address]) as b,
    ):
        for each in (a, b):
            await each.wait_for(peers="all", timeout=LIMIT_SECONDS)
        running = asyncio.create_task(a.dispatch("texts", "Texts", "Hold", StringValue(value=str(tmp_path))))
        await eventually((tmp_path / "started").exists)
        with pytest.raises(InvalidCallError):
            await served.reload(access=Access(rules=[{"who": ["nobody"]}]))

        told = await served.reload(access=rules("b-1"))
        again = await served.reload(access=rules("b-1"))
        (tmp_path / "go").touch()
        finished = await running
        others = await b.dispatch(*ECHO, StringValue(value="x"))
        ids = [each.peer_id for each in served.snapshot().connections]

    assert told == Reloaded(("access",), (), ("a-1",))
    assert again == Reloaded()
    assert (finished.status.code, others.status.code, ids) == (200, 200, ["b-1"])
