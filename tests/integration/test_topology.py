"""`collector-mesh topology` and `explain` as a user runs them, against collectors in processes of their own."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from importlib.util import find_spec
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from tests.integration.services.certificates import Authority
from tests.integration.services.processes import LOOPBACK, Ended, eventually, free_port, refused, run, serving
from tests.integration.services.things import texts_service
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, Tls
from collector_mesh.adapters.grpc.inspect_client import InspectClient
from collector_mesh.adapters.grpc.inspect_service import INSPECT_SERVICE
from collector_mesh.adapters.wire.generated import inspect_pb2
from collector_mesh.domain.model.errors import ForbiddenError, InvalidCallError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey

Method = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

TEXTS = ("--service", "things:texts")
NUMBERS = ("--service", "things:numbers")
ECHO = ("texts", "Texts", "Echo")
EVERYWHERE = "0.0.0.0:0"


async def command(*arguments: str) -> Ended:
    return await asyncio.to_thread(run, *arguments)


def assert_one_clear_line(ended: Ended, status: int, said: str) -> None:
    assert ended.status == status, ended
    assert ended.stdout == ""
    assert ended.stderr.startswith("collector-mesh")
    assert ended.stderr.count("\n") == 1
    assert said in ended.stderr


@pytest.mark.asyncio
async def test_people_see_methods_and_links_without_colors_within_80_columns() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    async with (
        serving("c-1", *TEXTS, "--namespace", "numbers") as texts,
        serving(
            "c-2", *NUMBERS, "--namespace", "texts", "--peer", texts.address, "--peer", nobody
        ) as numbers,
    ):
        await numbers.logged("peer_connected")
        ended = await command("topology", numbers.address)

    lines = ended.stdout.splitlines()
    assert (ended.status, ended.stderr) == (0, "")
    assert lines[0] == f"c-2 at {numbers.address}, serving"
    assert lines[1] == "namespaces: texts, numbers"
    assert f"dialing: {nobody}" in lines
    assert any(line.split()[:4] == ["numbers", "Numbers", "Pi", "unary"] for line in lines)
    assert any(line.split()[:2] == ["c-1", "live"] for line in lines)
    assert any(line.split()[:2] == [texts.address, "dialed"] for line in lines)
    assert any(re.fullmatch(r"memory: \S+ (Ki)?B held for others, \d+ MiB resident", line) for line in lines)
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in ended.stdout


@pytest.mark.asyncio
async def test_programs_get_the_same_as_data() -> None:
    async with (
        serving("c-1", *TEXTS) as texts,
        serving("c-2", "--namespace", "texts", "--peer", texts.address) as other,
    ):
        await eventually(lambda: "peer_connected" in texts.stderr)
        ended = await command("topology", texts.address, "--json")

    data = json.loads(ended.stdout)
    (connection,) = data["connections"]
    assert (data["collector_id"], data["address"], data["state"]) == ("c-1", texts.address, "serving")
    assert data["namespaces"] == ["texts"]
    assert {
        "namespace": "texts",
        "service": "Texts",
        "method": "Echo",
        "kind": "unary",
        "idempotent": True,
    } in data["methods"]
    assert (connection["peer_id"], connection["address"]) == ("c-2", other.address)
    assert (connection["state"], connection["dialed"]) == ("live", False)
    assert connection["shared_namespaces"] == ["texts"]
    assert isinstance(connection["age"], float)


@pytest.mark.asyncio
async def test_where_a_call_would_go_is_explained() -> None:
    async with (
        serving("c-1", *TEXTS) as texts,
        serving("c-2", "--namespace", "texts", "--peer", texts.address) as other,
    ):
        await other.logged("peer_connected")
        shown, data = await asyncio.gather(
            command("explain", other.address, *ECHO), command("explain", other.address, *ECHO, "--json")
        )

    assert shown.stdout.splitlines()[0] == "texts/Texts.Echo goes to c-1"
    told = json.loads(data.stdout)
    assert (told["namespace"], told["service"], told["method"]) == ECHO
    assert [(who["collector_id"], who["fit"]) for who in told["candidates"]] == [
        ("c-2", False),
        ("c-1", True),
    ]


def test_it_says_so_when_nobody_is_there() -> None:
    nobody = f"127.0.0.1:{free_port()}"

    assert_one_clear_line(run("topology", nobody), 1, f"nobody answers at {nobody}")
    assert_one_clear_line(run("explain", nobody, *ECHO), 1, f"nobody answers at {nobody}")


def test_it_says_so_when_whoever_is_there_keeps_silent() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"

        ended = run("topology", address, "--timeout", "0.2")

    # Which of two timers is first decides between two texts.
    assert_one_clear_line(ended, 1, f" at {address}")
    assert ": error: nobody " in ended.stderr


@asynccontextmanager
async def plain_server() -> AsyncIterator[str]:
    """A gRPC server that is no collector."""
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    port = server.add_insecure_port(LOOPBACK)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.asyncio
async def test_it_says_so_when_a_server_has_no_inspect_service() -> None:
    async with plain_server() as address:
        ended = await command("topology", address)

    assert_one_clear_line(ended, 1, f"{address} has no inspect service")


@pytest.mark.asyncio
async def test_a_collector_that_listens_beyond_its_machine_refuses() -> None:
    async with serving(
        "c-1", *TEXTS, "--insecure", "--advertise", "127.0.0.1:0", listen=EVERYWHERE
    ) as collector:
        address = f"127.0.0.1:{collector.address.rpartition(':')[2]}"
        looked, asked = await asyncio.gather(command("topology", address), command("explain", address, *ECHO))

    assert_one_clear_line(looked, 1, "inspection is refused: this collector listens beyond its machine")
    assert_one_clear_line(asked, 1, "inspection is refused")


class OnlyAlice:
    """An authorizer that lets one identity use everything."""

    def may_use(self, identity: Identity | None, _namespace: str, /) -> bool:
        return str(identity) == "spiffe://mesh.test/alice"


@pytest.mark.asyncio
async def test_beyond_its_machine_a_collector_shows_itself_to_whom_its_authorizer_allows(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    own = authority.collector("c-1")
    alice, mallory = (
        authority.issue(name, identity=f"spiffe://mesh.test/{name}") for name in ("alice", "mallory")
    )
    async with Collector(
        "c-1",
        listen=EVERYWHERE,
        advertise="127.0.0.1:0",
        services=[texts_service()],
        authorizer=OnlyAlice(),
        tls=own,
    ) as collector:

        async def look(tls: Tls) -> str:
            async with InspectClient(collector.address, tls=tls, insecure=False) as client:
                return (await client.snapshot(timeout=LIMIT_SECONDS)).collector_id

        seen = await look(alice)
        with pytest.raises(ForbiddenError, match="may not use the namespace 'texts'"):
            await look(mallory)

    assert seen == "c-1"


@pytest.mark.asyncio
async def test_what_is_no_request_is_told_in_the_answer() -> None:
    async with (
        Collector("c-1", listen=LOOPBACK) as collector,
        grpc.aio.insecure_channel(collector.address) as channel,
    ):
        look: Method = channel.unary_unary(f"/{INSPECT_SERVICE}/Snapshot")
        ask: Method = channel.unary_unary(f"/{INSPECT_SERVICE}/Explain")
        snapshot = inspect_pb2.SnapshotResponse.FromString(await look(b"\xff", timeout=LIMIT_SECONDS))
        explained = inspect_pb2.ExplainResponse.FromString(await ask(b"\xff", timeout=LIMIT_SECONDS))

    assert (snapshot.error.code, snapshot.error.message) == (400, "malformed request")
    assert (explained.error.code, explained.error.message) == (400, "malformed request")


@pytest.mark.asyncio
async def test_malformed_names_are_told_in_the_answer() -> None:
    async with (
        Collector("c-1", listen=LOOPBACK) as collector,
        InspectClient(collector.address, tls=None, insecure=False) as client,
    ):
        with pytest.raises(InvalidCallError, match="namespace is required"):
            await client.explain(MethodKey("", "Texts", "Echo"), timeout=LIMIT_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("topology", "nowhere"), "address must be HOST:PORT"),
        (("topology", "127.0.0.1:0"), "must have a port from 1 to 65535"),
        (("topology", "192.0.2.1:1"), "plaintext is refused on 192.0.2.1:1"),
        (("topology", "127.0.0.1:1", "--timeout", "nan"), "argument --timeout: must be a number of seconds"),
        (("topology", "127.0.0.1:1", "--tls-ca", "missing.pem"), "cannot read missing.pem"),
        (("topology", "127.0.0.1:1", "--tls-key", "missing.key"), "a key its certificate"),
        (("explain", "127.0.0.1:1", "a b", "Texts", "Echo"), "namespace must match"),
        (("explain", "127.0.0.1:1", "texts", "Texts"), "arguments are required: method"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_one_line_and_exit_status_2(
    arguments: tuple[str, ...], said: str
) -> None:
    assert_one_clear_line(refused(*arguments), 2, said)


@pytest.mark.asyncio
async def test_a_collector_runs_without_uvloop_where_it_is_turned_off() -> None:
    async with serving("c-1", "--no-uvloop", "--log-level", "debug") as collector:
        ended = await command("topology", collector.address, "--no-uvloop", "--json")

    assert "loop_chosen loop=asyncio" in collector.stderr
    assert json.loads(ended.stdout)["collector_id"] == "c-1"


@pytest.mark.asyncio
async def test_the_configuration_file_turns_uvloop_off_too(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text("no_uvloop = true\n")

    async with serving("c-1", "--config", str(config), "--log-level", "debug") as collector:
        await collector.logged("loop_chosen")

    assert "loop_chosen loop=asyncio" in collector.stderr


@pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed")
@pytest.mark.asyncio
async def test_a_collector_runs_with_uvloop_where_it_is_installed() -> None:
    async with serving("c-1", "--log-level", "debug") as collector:
        ended = await command("topology", collector.address, "--json")

    assert "loop_chosen loop=uvloop" in collector.stderr
    assert json.loads(ended.stdout)["collector_id"] == "c-1"
