"""A collector that runs goes by another configuration: checked first, swapped in one step, no call dropped."""

import asyncio

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    InvalidCallError,
    LoopbackNetwork,
    Reloaded,
    Service,
    Settings,
    SettingsError,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import ConfigurationReloaded, ReloadFailed

pytestmark = pytest.mark.asyncio

WORK = ("work", "Worker", "Do")


class Worker(Service):
    """A service whose calls wait until they are let go."""

    def __init__(self) -> None:
        super().__init__("work", "Worker")
        self.go, self.running = asyncio.Event(), asyncio.Semaphore(0)

        @self.method("Do")
        async def do(context: CallContext) -> StringValue:
            self.running.release()
            await self.go.wait()
            return StringValue(value=context.collector_id)

    async def begun(self, number: int) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            for _ in range(number):
                await self.running.acquire()


async def codes(collector: Collector, number: int) -> list[int]:
    replies = await asyncio.gather(*(collector.dispatch(*WORK, None) for _ in range(number)))
    return sorted(reply.status.code for reply in replies)


async def test_limits_and_overrides_are_swapped_for_calls_that_come_and_those_that_run_finish() -> None:
    worker, observer = Worker(), FakeObserver()
    settings = Settings(max_running=4)
    async with Collector("c-1", services=[worker], settings=settings, observer=observer) as collector:
        running = [asyncio.create_task(collector.dispatch(*WORK, None)) for _ in range(4)]
        await worker.begun(4)

        told = await collector.reload(
            settings=Settings(max_running=9, overrides={"work": {"max_running": 5}}, max_links=7)
        )
        more = [asyncio.create_task(collector.dispatch(*WORK, None)) for _ in range(2)]
        await worker.begun(1)
        shed = await more[1]
        worker.go.set()
        done = [(await task).status.code for task in [*running, more[0]]]
        again = await collector.reload()

    assert (shed.status.code, done) == (429, [200] * 5)
    assert told == Reloaded(("settings.max_running", "settings.overrides"), ("settings.max_links",))
    assert again == Reloaded()
    assert [event for event in observer.events if isinstance(event, ConfigurationReloaded)] == [
        ConfigurationReloaded("c-1", told.changed, told.needs_restart),
        ConfigurationReloaded("c-1", ()),
    ]


async def test_what_is_wrong_is_told_and_all_of_the_old_stays() -> None:
    observer = FakeObserver()
    async with Collector("c-1", transport=LoopbackNetwork(), observer=observer) as collector:
        for wrong, error in (
            (Settings(max_running=1, overrides={"a b": {}}), SettingsError),
            (Settings(max_running=1, balancing="nobody's"), SettingsError),
        ):
            with pytest.raises(error):
                await collector.reload(settings=wrong, peers=["c-2"])
        with pytest.raises(InvalidCallError):
            await collector.reload(settings=Settings(max_running=1), peers=["c-2", ""])
        limit, dialing = collector.container.running().limit, collector.snapshot().dialing

    assert (limit, dialing) == (256, ())
    assert len([event for event in observer.events if isinstance(event, ReloadFailed)]) == 3


async def test_peers_that_are_gone_are_left_when_their_calls_are_answered_and_new_ones_are_dialed() -> None:
    network, workers = LoopbackNetwork(), [Worker(), Worker()]
    async with (
        Collector("w-1", transport=network, services=[workers[0]]) as first,
        Collector("w-2", transport=network, services=[workers[1]]),
        Collector("c-1", transport=network, namespaces=["work"], peers=["w-1"]) as collector,
    ):
        await collector.wait_for(peers="all", timeout=LIMIT_SECONDS)
        call = asyncio.create_task(collector.call(*WORK, None))
        await workers[0].begun(1)

        told = await collector.reload(peers=["w-2"])
        ids = [connection.peer_id for connection in collector.snapshot().connections]
        workers[0].go.set()
        workers[1].go.set()
        one, other = await call, await collector.call(*WORK, None)
        async with asyncio.timeout(LIMIT_SECONDS):
            while first.snapshot().connections:
                await asyncio.sleep(0.01)

    assert (told.changed, ids) == (("peers",), ["w-2"])
    assert (one.unpack(StringValue).value, other.unpack(StringValue).value) == ("w-1", "w-2")


async def test_a_peer_that_has_another_address_stays_connected() -> None:
    network, worker = LoopbackNetwork(), Worker()
    worker.go.set()
    observer = FakeObserver()
    async with (
        Collector("w-1", transport=network, services=[worker]),
        Collector(
            "c-1", transport=network, peers=["w-1"], namespaces=["work"], observer=observer
        ) as collector,
    ):
        await collector.wait_for(peers="all", timeout=LIMIT_SECONDS)

        await collector.reload(peers=["w-1", "nobody"])
        await collector.reload(peers=["nobody", "w-1"])
        snapshot = collector.snapshot()

    assert ([each.peer_id for each in snapshot.connections], snapshot.dialing) == (["w-1"], ("nobody",))


async def test_a_collector_that_relays_tells_of_others_from_then_on_and_takes_it_back() -> None:
    network, worker = LoopbackNetwork(), Worker()
    worker.go.set()
    async with (
        Collector("hub", transport=network, namespaces=["work"]) as hub,
        Collector("w-1", transport=network, services=[worker], peers=["hub"]) as w,
        Collector("c-1", transport=network, namespaces=["work"], peers=["hub"]) as collector,
    ):
        for each in (w, collector):
            await each.wait_for(peers="all", timeout=LIMIT_SECONDS)
        seen = []
        for relay in (False, True, False):
            await hub.reload(settings=Settings(relay=relay))
            wanted = 200 if relay else 404
            async with asyncio.timeout(LIMIT_SECONDS):
                while (code := (await collector.dispatch(*WORK, None)).status.code) != wanted:
                    await asyncio.sleep(0.01)
            seen.append(code)

    assert seen == [404, 200, 404]


async def test_only_a_collector_that_serves_reloads() -> None:
    collector = Collector("c-1")

    with pytest.raises(RuntimeError):
        await collector.reload()
    async with collector:
        with pytest.raises(TypeError, match=r"settings must be a collector_mesh\.Settings, got dict"):
            await collector.reload(settings={})  # type: ignore[arg-type]
