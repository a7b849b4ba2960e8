"""The configuration of a collector that `serve` runs, read again: whatever is wrong is told, and the old one stays."""

import argparse
import asyncio
import os
from pathlib import Path

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LoopbackNetwork, Reloaded
from collector_mesh.app.cli.configuration.origin import Origin
from collector_mesh.app.cli.reloads import Reloads
from collector_mesh.app.cli.sources import read_config
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import ConfigurationReloaded, ReloadFailed
from collector_mesh.domain.model.reloaded import ReloadReport

pytestmark = pytest.mark.asyncio

GOOD = b'id = "c-1"\npeer = ["127.0.0.1:1"]\n[settings]\nmax_running = 7\n'


class Served:
    """A collector as `serve` has it, and what reloads it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.write(GOOD)
        origin = Origin(argparse.Namespace(config=str(file)), {})
        self.observer = FakeObserver()
        sourced = read_config(origin.arguments, {})
        self.collector = Collector(
            "c-1",
            transport=LoopbackNetwork(),
            observer=self.observer,
            peers=sourced.config.peer,
            settings=sourced.config.settings,
        )
        self.reloads = Reloads(self.collector, origin, sourced)

    def write(self, content: bytes) -> None:
        self.file.write_bytes(content)
        # Long ago, so that nobody waits for its end.
        os.utime(self.file, (1, 1))

    async def reload(self) -> ReloadReport:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self.reloads.reload()

    def told(self, kind: type) -> int:
        return len([event for event in self.observer.events if isinstance(event, kind)])


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path / "collector.toml")


async def test_what_is_different_is_taken_over_and_what_cannot_be_is_named_until_the_restart(
    served: Served,
) -> None:
    async with served.collector, served.reloads:
        served.reloads.started()
        same = await served.reload()
        served.write(
            b'id = "c-2"\nlisten = "127.0.0.1:7"\npeer = ["127.0.0.1:1"]\n[settings]\nmax_running = 8\nmax_links = 3\n'
        )
        reports = [await served.reload(), await served.reload()]
        limit = served.collector.container.running().limit

    restart = ("id", "listen", "settings.max_links")
    assert same == ReloadReport(Reloaded())
    assert reports == [
        ReloadReport(Reloaded(("settings.max_running",), restart)),
        ReloadReport(Reloaded((), restart)),
    ]
    assert (limit, served.told(ConfigurationReloaded)) == (8, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (GOOD[:30], "(at end of document)"),
        (b"", "is empty"),
        (b"\xff\xfei\x00d\x00", "codec can't decode"),
        (b"#" * ((8 << 20) + 1), "has more than 8 MiB"),
        (b"a = " + b"[" * 9000, "nested too deeply"),
        (b'weight = 0\nlisten = "x"\n', "weight must be"),
        (b'tls_cert = "none.pem"\ntls_key = "none.key"\n', "cannot read none.pem"),
    ],
    ids=["half", "empty", "UTF-16", "large", "nested", "wrong", "no certificate"],
)
async def test_a_file_that_is_wrong_is_told_and_all_stays_as_it_was(
    served: Served, content: bytes, reason: str
) -> None:
    async with served.collector, served.reloads:
        served.reloads.started()
        served.write(content)
        report = await served.reload()
        served.write(GOOD.replace(b"= 7", b"= 9"))
        mended = await served.reload()

    assert reason in "\n".join(report.problems)
    assert report.reloaded == Reloaded()
    assert (served.told(ReloadFailed), mended.reloaded.changed) == (1, ("settings.max_running",))


async def test_what_is_no_file_is_told(served: Served, tmp_path: Path) -> None:
    problems: list[str] = []
    async with served.collector, served.reloads:
        served.reloads.started()
        served.file.unlink()
        problems += (await served.reload()).problems
        served.file.mkdir()
        problems += (await served.reload()).problems
        served.file.rmdir()
        os.mkfifo(served.file)
        problems += (await served.reload()).problems

    assert [text.rpartition(": ")[2] for text in problems] == [
        "No such file or directory",
        "Is a directory",
        "is no file that can be read again",
    ]


async def test_a_file_that_is_being_written_is_read_when_that_is_over(served: Served) -> None:
    async with served.collector, served.reloads:
        served.reloads.started()
        with served.file.open("wb") as file:
            # A whole file of its own, if nobody waited for the rest.
            file.write(b'id = "c-1"\n')
            file.flush()
            reading = asyncio.create_task(served.reload())
            await asyncio.sleep(0.02)
            file.write(b'peer = ["127.0.0.1:1"]\n[settings]\nmax_running = 8\n')
        report = await reading

    assert report.reloaded.changed == ("settings.max_running",)


async def test_many_at_once_and_those_before_the_start_are_one(served: Served) -> None:
    for _ in range(50):
        served.reloads.request()
    async with served.collector, served.reloads:
        before = served.told(ConfigurationReloaded)
        served.reloads.started()
        for _ in range(50):
            served.reloads.request()
        await served.reload()

    assert (before, served.told(ConfigurationReloaded)) == (0, 1)


async def test_nothing_is_read_once_the_collector_ends(served: Served) -> None:
    async with served.collector, served.reloads:
        waiting = asyncio.create_task(served.reload())
        await asyncio.sleep(0)
        await served.reloads.aclose()
        reports = [await waiting, await served.reload()]
        served.reloads.request()

    assert [report.problems for report in reports] == [("the collector is ending",)] * 2
    assert served.told(ConfigurationReloaded) == 0
