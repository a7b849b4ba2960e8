"""What a scenario is given: its mesh, and what it can do to it."""

import asyncio
import inspect
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from collector_mesh.adapters.simulated.errors import SimulationError
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.network import SimulatedNetwork
from collector_mesh.adapters.simulated.trace import Trace
from collector_mesh.app.clients.client import MeshClient
from collector_mesh.app.collector import Collector
from collector_mesh.app.settings import Settings
from collector_mesh.app.simulation.chaos import Chaos, drawn
from collector_mesh.app.simulation.collector import SimulatedCollector
from collector_mesh.app.simulation.condition import leftovers, unreachable, unsettled
from collector_mesh.app.simulation.fleet import Fleet, Services
from collector_mesh.app.simulation.identity import codec
from collector_mesh.app.simulation.watch import Watch
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.ports.tracer import Tracer

REACHABLE_SECONDS = 30.0
"""How long after the end of all faults everything must be reachable."""

CODEC_SHARE = 1 / 8
"""Of the runs, which of them the seed says: those whose frames are encoded and decoded on the way."""

_LEFT_SECONDS = 10.0
"""How long links to those who have gone may be closed in the background."""

_REACH_LOOK_SECONDS = 0.1
_SETTLE_SECONDS = 60.0
_LOOK_SECONDS = 0.01
_STILL_LOOKS = 5


class Sim:
    """What a scenario is given: its mesh."""

    def __init__(self, loop: SimulatedLoop, seed: int, *, checked: bool = True) -> None:
        self.seed = seed
        self._loop = loop
        self.trace = Trace(loop)
        self.trace.is_over = not checked
        # What is not checked is to be fast.
        is_encoded = checked and random.Random(f"{seed}/codec").random() < CODEC_SHARE  # noqa: S311  # no secret
        self.network = SimulatedNetwork(
            loop, f"{seed}/network", self.trace, codec=codec() if is_encoded else None
        )
        """Latency, loss, bandwidth, partitions."""
        self.watch = Watch(loop, self.trace)
        self._fleet = Fleet(loop, seed, self.network, self.watch, checked=checked)
        self._is_over = False
        self.down_at_end: list[str] = []
        """Ids of the collectors that were down when the run ended."""
        self._chaos: Chaos | None = None
        self._settings_dice: random.Random | None = None
        self._lacking: dict[SimulatedCollector, list[str]] = {}
        """Who could not call what when that was looked at last."""

    def collector(
        self,
        collector_id: str,
        *,
        services: Services = (),
        mount: Callable[[Collector], object] | None = None,
        claims: str = "",
        **options: Any,
    ) -> Collector:
        """Start a collector; `peers` are ids. The other options are those of `Collector`.

        Services that hold state are given as a callable, which makes them anew for a fresh restart. One that
        `claims` to be another one is an impostor: it says that id to everybody, and need not be reached.

        `mount` is called before each start, with the collector, and mounts servicers: `lambda collector:
        collector.mount("users", add_UserServiceServicer_to_server, Users())` has each start have a new one.

        Raises:
            ValueError: there is one of that id.
            TypeError: the services are not a list of services, or `mount` is not callable.
        """
        if self._settings_dice is not None and "settings" not in options:
            options["settings"] = drawn(Settings(), self._settings_dice)
        return self._fleet.add(collector_id, services, options, claims, mount)

    def client(
        self,
        client_id: str,
        address: str,
        *,
        settings: Settings | None = None,
        tracer: Tracer | None = None,
    ) -> MeshClient:
        """A program outside the mesh that calls into it through a collector, as `MeshClient` is; to be entered.

        It has a host of its own, which `network` knows by `client_id`; `address` is the id of the collector.

        Raises:
            ValueError: there is a collector or a client of that id.
        """
        return self._fleet.add_client(client_id, address, settings, tracer)

    def find(self, collector_id: str) -> Collector:
        """The collector of an id, of its latest start.

        Raises:
            ValueError: there is none.
        """
        return self._fleet.find(collector_id)

    async def sleep(self, seconds: float) -> None:
        """Let some virtual seconds pass."""
        await asyncio.sleep(seconds)

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self._loop.time()

    async def settled(self) -> None:
        """Wait until every collector has started and is connected to its peers, and no news is under way.

        Raises:
            SimulationError: that takes over 60 virtual seconds.
        """
        until, still, before = self._loop.time() + _SETTLE_SECONDS, 0, -1
        while still < _STILL_LOOKS:
            if self._loop.time() > until:
                why = self._unsettled() or "news is under way"
                raise SimulationError(f"not settled after {_SETTLE_SECONDS:g} s: {why}")
            await asyncio.sleep(_LOOK_SECONDS)
            is_still = (
                self.trace.frames == before
                and self._loop.time() > self.trace.advertised_at
                and not self._unsettled()
            )
            before = self.trace.frames
            still = still + 1 if is_still else 0

    async def crash(self, collector_id: str) -> None:
        """End a collector at once: from now on nothing of its host has any effect.

        Raises:
            ValueError: there is none of that id, or it is down already.
        """
        host = self._fleet.find(collector_id).host
        if host.is_down:
            raise ValueError(f"collector {collector_id!r} is down already")
        self.trace.fault("crash", collector_id)
        host.is_down = True
        self._loop.strand(host)
        self.network.crash(host)
        self.watch.stopped(collector_id)
        outcomes, host.outcomes = host.outcomes, {}
        for outcome in outcomes:
            if not outcome.done():
                outcome.set_exception(UnavailableError(f"collector '{collector_id}' has crashed"))
        await asyncio.sleep(0)

    async def stop(self, collector_id: str) -> None:
        """End a collector as `async with` does: it takes no new calls, ends those that run, and closes.

        It can be started again by `restart`.

        Raises:
            ValueError: there is none of that id, or it is down already.
        """
        collector = self._fleet.find(collector_id)
        if collector.host.is_down:
            raise ValueError(f"collector {collector_id!r} is down already")
        await self._fleet.started(collector)
        self.trace.fault("stop", collector_id)
        await collector.on_host(collector.end)
        collector.host.is_down = True
        self._loop.strand(collector.host)
        self.watch.stopped(collector_id)

    async def restart(self, collector_id: str, *, fresh: bool = False) -> Collector:
        """Start a collector again that has crashed or was stopped, with the services that it was given, or with new ones.

        What was added to it later is not there anymore, as in a program that is started again.

        Raises:
            ValueError: it is running.
        """
        if not self._fleet.find(collector_id).host.is_down:
            raise ValueError(f"collector {collector_id!r} is running: crash it first")
        self._fleet.make_again(collector_id, fresh=fresh)
        self.trace.fault("restart", collector_id, "fresh" if fresh else "same")
        return self._fleet.start(collector_id)

    def pause(self, collector_id: str) -> None:
        """Let everything of a host stand still, timers included."""
        self.trace.fault("pause", collector_id)
        self._fleet.find(collector_id).host.is_paused = True

    def resume(self, collector_id: str) -> None:
        """Let a host that was paused go on."""
        self.trace.fault("resume", collector_id)
        self._loop.resume(self._fleet.find(collector_id).host)

    def clock_skew(self, collector_id: str, seconds: float) -> None:
        """Let the time of day of a host jump.

        Raises:
            ValueError: the seconds are not finite.
        """
        if not math.isfinite(seconds):
            raise ValueError(f"seconds must be finite, got {seconds:g}")
        self.trace.fault("clock_skew", collector_id, str(seconds))
        self._fleet.find(collector_id).host.skew += seconds

    def clock_rate(self, collector_id: str, factor: float) -> None:
        """Let the monotonic clock of a host go faster or slower.

        Raises:
            ValueError: the factor is not positive and finite.
        """
        if not 0 < factor < math.inf:
            raise ValueError(f"factor must be over 0 and finite, got {factor:g}")
        self.trace.fault("clock_rate", collector_id, str(factor))
        self._fleet.find(collector_id).host.set_rate(factor, self._loop.time())

    def slow(self, collector_id: str, seconds: float) -> None:
        """Let every handler of a collector that begins from now on take `seconds` longer; 0 ends it.

        Raises:
            ValueError: the seconds are negative, or not finite.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"seconds must be at least 0 and finite, got {seconds:g}")
        self.trace.fault("slow", collector_id, str(seconds))
        self._fleet.find(collector_id).host.slowness = seconds

    @property
    def collectors(self) -> list[str]:
        """Ids of all collectors."""
        return list(self._fleet.collectors)

    @property
    def up(self) -> list[str]:
        """Ids of the collectors that are up and not paused."""
        return [
            collector_id
            for collector_id, collector in self._fleet.collectors.items()
            if not (collector.host.is_down or collector.host.is_paused)
        ]

    def chaos(self, *, rate: float) -> None:
        """Have `rate` faults done a virtual second, all of them drawn from the seed, until `calm`.

        Collectors that are started from now on without `settings` have some of these drawn too.

        Raises:
            ValueError: the rate is not positive, or there is chaos already.
        """
        if not 0 < rate < math.inf:
            raise ValueError(f"rate must be over 0 and finite, got {rate:g}")
        if self._chaos is not None:
            raise ValueError("there is chaos already: end it by calm()")
        self.trace.fault("chaos", str(rate))
        self._settings_dice = random.Random(f"{self.seed}/settings")  # noqa: S311  # to be foreseen is what it is for
        self._chaos = Chaos(self, f"{self.seed}/chaos", rate=rate)
        self._chaos.start()

    async def calm(self) -> None:
        """End every fault, and see that within 30 virtual seconds everything that can be reached is.

        Links open again, who was paused goes on, nothing is lost. Who was crashed by the scenario stays down.
        The end of a run does it too.
        """
        chaos, self._chaos = self._chaos, None
        if chaos is not None:
            await chaos.stop()
        self.trace.fault("calm")
        self.network.calm()
        up = self._fleet.up()
        for collector in up:
            collector.host.slowness = 0.0
            collector.host.set_rate(1.0, self._loop.time())
            if collector.host.is_paused:
                self._loop.resume(collector.host)
        until = self._loop.time() + REACHABLE_SECONDS
        while missing := self._out_of_reach(up):
            if self._loop.time() > until:
                more = f", and {len(missing) - 3} more" if len(missing) > 3 else ""
                self.watch.has_broken(
                    f"not reachable {REACHABLE_SECONDS:g} s after all faults: {', '.join(missing[:3])}{more}"
                )
                break
            await asyncio.sleep(_REACH_LOOK_SECONDS)

    def _out_of_reach(self, collectors: Sequence[SimulatedCollector]) -> list[str]:
        """Which methods cannot be called from where, and which links are thought to be up and are not."""
        up = [each for each in collectors if not each.host.is_down and not each.is_impostor]
        ids = {collector.collector_id for collector in up}
        if gone := [f"{other} by the link of {one}" for one, other in self.network.half_open() if one in ids]:
            return gone
        # Who lacked something at the last look is looked at before all of them are, which takes long in a large mesh.
        first = [collector for collector in up if collector in self._lacking]
        self._lacking = unreachable(up, first) or unreachable(up, up)
        return [what for lacking in self._lacking.values() for what in lacking]

    def invariant(self, rule: Callable[[], object]) -> None:
        """Have something checked after each end of a call and at the end; it raises if it does not hold.

        Raises:
            TypeError: it cannot be called, or is async.
        """
        if not callable(rule) or inspect.iscoroutinefunction(rule):
            raise TypeError(f"an invariant must be a plain function, got {rule!r}")
        self.watch.add_rule(rule)

    async def close(self) -> None:
        """The quiet phase: faults end, everything becomes reachable, and every collector drains and closes."""
        await self.calm()
        up = self._fleet.up()
        for collector in up:
            # One whose lifespans are opening has nothing yet that could be closed.
            await self._fleet.started(collector)
        await asyncio.gather(*(collector.on_host(collector.end) for collector in up))
        until = self._loop.time() + _LEFT_SECONDS
        while (left := self._leftovers()) and self.now < until:
            await self.sleep(_REACH_LOOK_SECONDS)
        if left:
            self.watch.has_broken(f"left after the end: {', '.join(left[:3])}")
        for told in self._loop.take_lost():
            self.has_failed(told)
        self.watch.at_end()

    def _leftovers(self) -> list[str]:
        fleet = self._fleet
        return leftovers(fleet.collectors.values(), fleet.client_hosts(), self.network.streams())

    def has_failed(self, told: dict[str, Any]) -> None:
        """Something that runs in the background has ended by an error."""
        if not self._is_over:
            self.watch.has_broken(f"{told.get('message')}: {told.get('exception')!r}")

    def abandon(self) -> None:
        """From now on nothing of any host has any effect."""
        self._is_over = self.trace.is_over = True
        self.down_at_end = self._fleet.strand()

    def _unsettled(self) -> str:
        if self._fleet.is_starting:
            return "a collector has not started"
        return unsettled(self._fleet.collectors.values())
