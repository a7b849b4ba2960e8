"""Rules that change while somebody is connected: what was told and shown before counts no longer."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Access, Collector, InvalidCallError, MeshClient, MeshError, Payload, Settings, Tls
from collector_mesh.app.cli.main import main

pytestmark = pytest.mark.asyncio

PEER, USER, LATER = "a-secret-of-the-peer", "a-secret-of-the-user", "a-later-secret-of-it"
ASKED = Payload("type.googleapis.com/test.Nothing", b"asked")


def rules(*serve: str, user: str = USER) -> Access:
    return Access(
        rules=[
            {"name": "peers", "who": ["token:peer"], "peer": ["b"], "serve": list(serve), "use": ["*"]},
            {"name": "users", "who": ["token:user"], "use": ["*"]},
        ],
        tokens={"peer": PEER, "user": user},
    )


def secret_in(path: Path, secret: str) -> Path:
    path.write_text(secret)
    return path


async def echo(request: Payload) -> Payload:
    return request


async def code_of(caller: Collector | MeshClient, namespace: str) -> int:
    try:
        await caller.call(namespace, "test.Echo", "Echo", ASKED, timeout=10)
    except MeshError as error:
        return error.code
    return 200


async def becomes(code: int, caller: Collector | MeshClient, namespace: str) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while await code_of(caller, namespace) != code:
            await asyncio.sleep(0.01)


async def holds(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_peer_passes_on_nothing_anymore_in_a_namespace_that_it_may_no_longer_serve(
    tmp_path: Path,
) -> None:
    here = Collector("a", listen="127.0.0.1:0", namespaces=["x", "y"], access=rules("x", "y"))
    relay = Collector(
        "b",
        listen="127.0.0.1:0",
        namespaces=["x", "y"],
        settings=Settings(relay=True),
        token_file=secret_in(tmp_path / "token", PEER),
    )
    behind = Collector("c", namespaces=["y"])
    async with here, relay, behind:
        relay.register("x", "test.Echo", "Echo", echo)
        behind.register("y", "test.Echo", "Echo", echo)
        await behind.connect(relay.address)
        await holds(lambda: "c" in relay.explain("y", "test.Echo", "Echo").fit)
        await relay.connect(here.address)
        await holds(lambda: "b" in here.explain("y", "test.Echo", "Echo").fit)
        await becomes(200, here, "y")

        await here.reload(access=rules("x"))

        assert await code_of(here, "y") == 404
        assert await code_of(here, "x") == 200


async def test_what_a_peer_serves_is_heard_once_it_may_serve_that(tmp_path: Path) -> None:
    here = Collector("a", listen="127.0.0.1:0", namespaces=["x", "y"], access=rules("x"))
    peer = Collector("b", namespaces=["x"], token_file=secret_in(tmp_path / "token", PEER))
    async with here, peer:
        peer.register("x", "test.Echo", "Echo", echo)
        await peer.connect(here.address)
        await becomes(200, here, "x")
        peer.add_namespace("y")
        peer.register("y", "test.Echo", "Echo", echo)
        await holds(lambda: any("y" in link.shared_namespaces for link in here.snapshot().connections))
        assert await code_of(here, "y") == 404

        await here.reload(access=rules("x", "y"))

        await becomes(200, here, "y")


async def test_a_client_whose_token_is_known_no_longer_shows_the_one_that_its_file_has_now(
    tmp_path: Path,
) -> None:
    here = Collector("a", listen="127.0.0.1:0", namespaces=["x"], access=rules())
    async with here:
        here.register("x", "test.Echo", "Echo", echo)
        async with MeshClient(here.address, token_file=secret_in(tmp_path / "token", USER)) as client:
            assert await code_of(client, "x") == 200
            secret_in(tmp_path / "token", LATER)

            reloaded = await here.reload(access=rules(user=LATER))

            assert reloaded.dismissed == ()
            await becomes(200, client, "x")
            await here.reload(access=rules(user=USER))
            await becomes(401, client, "x")


async def test_a_certificate_of_another_domain_is_refused_by_a_reload_and_nothing_changes(
    tmp_path: Path,
) -> None:
    for domain in ("first.example", "second.example"):
        assert main(["certs", str(tmp_path / domain), "--id", "a", "--domain", domain]) == 0
    folder = tmp_path / "first.example"
    tls = Tls(cert=folder / "a.crt", key=folder / "a.key", ca=folder / "ca.pem")
    async with Collector("a", listen="127.0.0.1:0", tls=tls, access=rules("x")) as here:
        for name in ("a.crt", "a.key", "ca.pem"):
            (folder / name).write_bytes((tmp_path / "second.example" / name).read_bytes())

        with pytest.raises(
            InvalidCallError, match=r"'second\.example', .* 'first\.example': that needs a restart"
        ):
            await here.reload(access=rules("x", "y"), settings=Settings(max_running=7))

        assert here.container.settings().max_running == Settings().max_running
