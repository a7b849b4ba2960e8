"""A mesh of this version and of an earlier one, which comes from the project's own history, works in both directions."""

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.integration.services.processes import SERVICES
from tests.limits import LIMIT_SECONDS

EARLIER = "26050d0"
"""The last commit before the rooms of the domain were filled anew."""

ROOT = Path(__file__).parents[2]


class Told:
    """A process with a collector, which does what it is told; see `services/told.py`."""

    def __init__(self, process: asyncio.subprocess.Process, collector_id: str) -> None:
        self.collector_id = collector_id
        self.address = ""
        self._process = process

    async def hear(self) -> Any:
        """What it says next."""
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_SECONDS):
            line = await self._process.stdout.readline()
        assert line, f"{self.collector_id} has ended"
        return json.loads(line)

    async def tell(self, *words: str) -> Any:
        """Have it do something; gives what comes of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.hear()

    async def end(self) -> int | None:
        """Have it drain and end; gives its status."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self._process.wait()


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where each version is."""
    if shutil.which("git") is None:
        pytest.skip("git is not at hand, and the earlier version is in the history")
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", EARLIER, "src"],
        capture_output=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if archive.returncode:
        pytest.skip(f"the history is not at hand: {archive.stderr.decode().strip()}")
    path = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(path, filter="data")
    found = {"earlier": path / "src", "this": ROOT / "src"}
    for source in found.values():
        where = subprocess.run(
            [sys.executable, "-c", "import collector_mesh; print(collector_mesh.__file__)"],
            env={**os.environ, "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=True,
        )
        assert Path(where.stdout.strip()).is_relative_to(source)
    return found


@asynccontextmanager
async def told(
    sources: dict[str, Path], version: str, collector_id: str = "", served: str = ""
) -> AsyncIterator[Told]:
    """A collector of a version, by whose name it and what it serves go unless it is said otherwise."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SERVICES / "told.py"),
        *(collector_id or version, served or version),
        env={**os.environ, "PYTHONPATH": str(sources[version])},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    started = Told(process, collector_id or version)
    try:
        started.address = await started.hear()
        yield started
        await started.end()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def both(sources: dict[str, Path], dialer: str) -> AsyncIterator[tuple[Told, Told]]:
    """This version and the earlier one, connected by one of them."""
    async with told(sources, "this") as this, told(sources, "earlier") as earlier:
        one, other = (this, earlier) if dialer == "this" else (earlier, this)
        assert await one.tell("connect", other.address) == other.collector_id
        yield this, earlier


async def until(told: Told, answer: object, *words: str) -> None:
    """Tell it something again and again, until it gives an answer."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while await told.tell(*words) != answer:
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
@pytest.mark.parametrize("dialer", ["this", "earlier"])
async def test_calls_and_catalogs_go_both_ways(sources: dict[str, Path], dialer: str) -> None:
    async with both(sources, dialer) as (this, earlier):
        for server, caller in ((this, earlier), (earlier, this)):
            there = server.collector_id
            for size in (1, 300_000):
                answer = [200, there, size + len(f" at {there}")]
                assert await caller.tell("dispatch", there, "Own", str(size)) == answer
            assert await caller.tell("dispatch", "shared", "Nobody", "1") == [404, "", 0]
            # A client calls through whoever is of the other version.
            through = await server.tell("client", caller.address, there, "Own")
            assert through == [200, there, len(f"x at {there}")]
            await server.tell("add", "shared", "Late")
            await until(caller, [200, there, len(f"x at {there}")], "dispatch", "shared", "Late", "1")
            await server.tell("remove", "shared", "Late")
            await until(caller, [404, "", 0], "dispatch", "shared", "Late", "1")


@pytest.mark.asyncio
@pytest.mark.parametrize(("caller", "leaver"), [("this", "earlier"), ("earlier", "this")])
async def test_a_drain_loses_no_call(sources: dict[str, Path], caller: str, leaver: str) -> None:
    async with (
        told(sources, caller) as stays,
        told(sources, caller, "replica", "work") as replica,
        told(sources, leaver, "leaver", "work") as leaves,
    ):
        for other in (replica, leaves):
            await stays.tell("connect", other.address)
        await stays.tell("load", "work", "Own")
        async with asyncio.timeout(LIMIT_SECONDS):
            while await stays.tell("made") < 200:
                await asyncio.sleep(0.01)
        status = await leaves.end()
        codes = await stays.tell("codes")

    assert status == 0
    assert set(codes) == {"200"}
