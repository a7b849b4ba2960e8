"""Replicas that are restarted one after the other, under load: nothing fails, and nothing runs twice."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from pathlib import Path

import attrs
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.processes import LOOPBACK, Serving, eventually, free_port, serving
from tests.integration.services.records import VARIABLE, runs

from collector_mesh import Collector, Executed, Reply, Settings

WORKERS = 32
RESTARTS = 4
CALLS = 10_000
NAMES = ("replica-0", "replica-1")


class Load:
    """Calls without a pause, half of them to a method that may run twice; those that fail are kept."""

    def __init__(self, hub: Collector) -> None:
        self.made = 0
        self.failed: list[tuple[str, Reply]] = []
        self._hub = hub
        self._workers: list[asyncio.Task[None]] = []
        self._is_over = False
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    def start(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]

    async def end(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._workers)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No further calls meanwhile: nothing is seen of them while an interpreter starts, and they would slow it."""
        self._goes_on.clear()
        try:
            yield
        finally:
            self._goes_on.set()

    async def _work(self) -> None:
        while not self._is_over:
            await self._goes_on.wait()
            self.made += 1
            name = f"{'Again' if self.made % 2 else 'Once'}-{self.made}"
            method = name.partition("-")[0]
            reply = await self._hub.dispatch(
                "records", "Records", method, StringValue(value=name), idempotent=method == "Again" or None
            )
            if reply.status.code != 200:
                self.failed.append((name, reply))
            # A reply that is there at once gives nobody else a turn.
            await asyncio.sleep(0)


@attrs.define
class Replicas:
    """Two processes, each at a port of its own, that write into one file."""

    hub: Collector
    path: Path
    dials_hub: bool
    exits: AsyncExitStack
    ports: tuple[int, ...] = attrs.field(factory=lambda: (free_port(), free_port()))
    running: dict[int, Serving] = attrs.field(factory=dict)

    async def start(
        self, index: int, paused: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Start one, during a pause, and wait until the hub can call it."""
        options = ["--service", "records:records"]
        if self.dials_hub:
            options += ["--peer", self.hub.address]
        with paused():
            self.running[index] = await self.exits.enter_async_context(
                serving(
                    NAMES[index],
                    *options,
                    listen=f"127.0.0.1:{self.ports[index]}",
                    environment={VARIABLE: str(self.path)},
                )
            )
        await eventually(lambda: self.is_live(index))

    def is_live(self, index: int) -> bool:
        """Whether the hub has a link to it."""
        return any(
            connection.peer_id == NAMES[index] and connection.state == "live"
            for connection in self.hub.snapshot().connections
        )


@asynccontextmanager
async def replicas(path: Path, *, dials_hub: bool) -> AsyncIterator[Replicas]:
    """A hub in this process, and two replicas."""
    # Who is gone is found out by the end of the link, not by heartbeats.
    settings = Settings(reconnect_first=0.05, reconnect_cap=0.1, heartbeat_interval=600)
    async with (
        Collector("hub", listen=LOOPBACK, namespaces=["records"], settings=settings) as hub,
        AsyncExitStack() as exits,
    ):
        pair = Replicas(hub, path, dials_hub, exits)
        for index in (0, 1):
            if not dials_hub:
                hub.container.keeping().want(f"127.0.0.1:{pair.ports[index]}")
        await asyncio.gather(pair.start(0), pair.start(1))
        yield pair


def said(failed: list[tuple[str, Reply]]) -> list[str]:
    """What has failed, in words."""
    return [f"{name}: {reply.status.code} {reply.status.message}" for name, reply in failed[:5]]


@pytest.mark.asyncio
@pytest.mark.parametrize("dials_hub", [False, True], ids=["the hub dials", "the replicas dial"])
async def test_replicas_are_restarted_in_turn_and_no_call_fails(tmp_path: Path, *, dials_hub: bool) -> None:
    path = tmp_path / "records"
    async with replicas(path, dials_hub=dials_hub) as pair:
        load = Load(pair.hub)
        load.start()
        for restart in range(RESTARTS):
            index = restart % 2
            at_least = load.made + CALLS // RESTARTS
            await eventually(lambda least=at_least: load.made >= least)  # type: ignore[misc]  # bound at once
            pair.running[index].send(signal.SIGTERM)
            ended = await pair.running[index].end()
            assert ended.status == 0, ended.stderr
            await pair.start(index, load.paused)
        await eventually(lambda: load.made >= CALLS)
        await load.end()

    ran = runs(path)
    assert (len(load.failed), said(load.failed)) == (0, [])
    assert len(ran) == load.made >= CALLS
    assert [name for name, times in ran.items() if times > 1 and name.startswith("Once")] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("dials_hub", [False, True], ids=["the hub dials", "the replicas dial"])
async def test_of_a_replica_that_is_killed_only_calls_under_way_are_unknown(
    tmp_path: Path, *, dials_hub: bool
) -> None:
    path = tmp_path / "records"
    async with replicas(path, dials_hub=dials_hub) as pair:
        load = Load(pair.hub)
        load.start()
        for index in (0, 1):
            at_least = load.made + 2_000
            await eventually(lambda least=at_least: load.made >= least)  # type: ignore[misc]  # bound at once
            pair.running[index].send(signal.SIGKILL)
            await eventually(lambda which=index: not pair.is_live(which))  # type: ignore[misc]  # bound at once
            await pair.start(index, load.paused)
        await load.end()

    ran = runs(path)
    assert {(reply.status.code, reply.executed) for _, reply in load.failed} <= {(502, Executed.MAYBE)}
    assert [name for name, _ in load.failed if name.startswith("Again")] == []
    assert len(load.failed) <= WORKERS * 2
    assert [name for name, times in ran.items() if times > 1 and name.startswith("Once")] == []
    assert len(ran) >= load.made - len(load.failed)
