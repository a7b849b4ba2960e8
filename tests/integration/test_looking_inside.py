"""`topology` and `explain` on whatever `serve` runs: at its socket, and from elsewhere where it may be."""

import json
import os
import re
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.services.processes import SERVICES, run, serving

from collector_mesh.app.cli.main import main

TEXTS = ("--service", "things:texts")
EVERYWHERE = {"listen": "0.0.0.0:0"}
OPEN = ("--advertise", "127.0.0.1:0", "--insecure")


@pytest.fixture
def runtime() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mesh-") as folder:
        yield Path(folder)


@pytest.fixture
def session(runtime: Path) -> dict[str, str]:
    # Those who look, look into the temporary folder too, where others may run collectors.
    (runtime / "temporary").mkdir()
    return {"XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(runtime / "temporary")}


@pytest.mark.asyncio
async def test_its_user_looks_at_a_collector_by_its_socket_wherever_it_listens(
    session: dict[str, str], runtime: Path
) -> None:
    path = runtime / "collector-mesh" / "c-1.sock"
    async with serving("c-1", *TEXTS, *OPEN, listen="0.0.0.0:0", environment=session) as collector:
        refused = run("topology", collector.address.replace("0.0.0.0", "127.0.0.1"))
        alone = run("topology", environment=session)
        by_id = run("topology", "--local", "c-1", "--json", environment=session)
        by_path = run("explain", f"unix:{path}", "texts", "--json", "Texts", "Echo")
        explained = run("explain", "texts", "Texts", "Echo", environment=session)
        mode = stat.S_IMODE(path.stat().st_mode)
        collector.send(signal.SIGTERM)
        ended = await collector.end()
    after = run("topology", environment=session)

    assert refused.status == 1
    assert "(--authorizer), nor leave to show itself to every program (--inspect)" in refused.stderr
    assert alone.stdout.startswith("c-1 at "), alone
    assert json.loads(by_id.stdout)["collector_id"] == "c-1"
    assert json.loads(by_path.stdout)["candidates"][0]["fit"]
    assert explained.stdout.startswith("texts/Texts.Echo runs on c-1"), explained
    assert mode == 0o600
    assert ended.status == 0
    assert list(path.parent.iterdir()) == []
    assert after.status == 1
    assert re.fullmatch(
        r"collector-mesh: error: no collector runs here for this user, by [^\n]+; give HOST:PORT or unix:PATH\n",
        after.stderr,
    )


@pytest.mark.asyncio
async def test_one_of_the_same_id_serves_without_a_socket_and_says_so(session: dict[str, str]) -> None:
    async with (
        serving("c-1", environment=session) as first,
        serving("c-1", environment=session) as second,
        serving("c-2", environment=session),
    ):
        await second.logged("inspection_unavailable")
        found = run("topology", "--local", "c-1", "--json", environment=session)
        several = run("topology", environment=session)

    assert json.loads(found.stdout)["address"] == first.address
    assert several.status == 2
    assert "give --local with one of c-1, c-2" in several.stderr


@pytest.mark.asyncio
async def test_what_a_killed_collector_leaves_is_no_collector_and_is_replaced(
    session: dict[str, str],
) -> None:
    async with serving("c-1", environment=session):
        pass  # it is killed
    gone = run("topology", "--local", "c-1", environment=session)
    async with serving("c-1", environment=session) as again:
        found = run("topology", "--local", "c-1", environment=session)

    assert gone.status == 1
    assert "no collector 'c-1' runs here for this user" in gone.stderr
    assert found.stdout.startswith(f"c-1 at {again.address}, serving")


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_trusted_leaves_a_collector_that_serves(
    session: dict[str, str], runtime: Path
) -> None:
    (runtime / "collector-mesh").mkdir(mode=0o755)
    temporary = runtime / "temporary" / f"collector-mesh-{os.geteuid()}"
    temporary.symlink_to(runtime)

    async with serving("c-1", environment=session) as collector:
        await collector.logged("inspection_unavailable")
        found = run("topology", collector.address)

    assert found.stdout.startswith("c-1 at ")
    assert "is open to others: its mode is 0755" in collector.stderr
    assert f"{temporary} is no folder" in collector.stderr


@pytest.mark.asyncio
async def test_whoever_may_connect_looks_where_that_is_allowed() -> None:
    async with serving("c-1", *TEXTS, *OPEN, "--inspect", listen="0.0.0.0:0") as collector:
        found = run("topology", collector.address.replace("0.0.0.0", "127.0.0.1"))

    assert found.stdout.startswith("c-1 at ")


@pytest.mark.asyncio
async def test_who_would_refuse_is_told_by_the_collector_itself_and_by_those_that_call_it(
    session: dict[str, str],
) -> None:
    async with (
        serving("c-1", *TEXTS, "--validator", "things:only_echo", environment=session) as texts,
        serving("c-2", "--namespace", "texts", "--peer", texts.address, environment=session) as caller,
    ):
        await caller.logged("peer_connected")
        method = ("texts", "Texts", "Who", "--json")
        itself = json.loads(run("explain", "--local", "c-1", *method, environment=session).stdout)
        others = json.loads(run("explain", "--local", "c-2", *method, environment=session).stdout)
        allowed = run("explain", "--local", "c-2", "texts", "Texts", "Echo", environment=session)

    assert itself["note"] == "the call ends at c-1: what a validator refuses goes nowhere else"
    assert (
        "its validator refuses: service not registered in registry: only Echo"
        in itself["candidates"][0]["reason"]
    )
    there = others["candidates"][1]
    assert (there["collector_id"], there["fit"]) == ("c-1", False)
    assert "; there: has the method, but its validator refuses: " in there["reason"]
    assert allowed.stdout.startswith("texts/Texts.Echo goes to c-1\n\nCandidates")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("topology", "a:1", "--local", "c-1"), 2, "an address and --local ID name two collectors"),
        (("topology", "--local", "../c"), 2, "--local must match"),
        (("topology", "unix:"), 2, "address must be unix:PATH"),
        (("topology", "unix:" + "x" * 108), 2, "a path of 1 to 107 bytes"),
        (("topology", "unix:/nowhere"), 1, "nobody answers at unix:/nowhere"),
        (("topology", "unix:/x", "--tls-ca", str(SERVICES / "things.py")), 2, "takes no certificates"),
        (("explain", "texts", "Texts"), 2, "arguments are required: method"),
        (("explain", "a:1", "texts", "Texts", "Echo", "more"), 2, "unrecognized arguments: more"),
    ],
)
def test_where_to_look_is_one_place(
    arguments: tuple[str, ...], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status

    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
