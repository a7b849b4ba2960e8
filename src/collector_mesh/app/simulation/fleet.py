"""The collectors and clients of a run, each on a host of its own."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.network import SimulatedNetwork
from collector_mesh.app.collector import Collector
from collector_mesh.app.services.marks import marks_of
from collector_mesh.app.services.offered import Offered, services_of
from collector_mesh.app.services.service import Service
from collector_mesh.app.settings import Settings
from collector_mesh.app.simulation.client import SimulatedClient
from collector_mesh.app.simulation.collector import SimulatedCollector
from collector_mesh.app.simulation.watch import Watch
from collector_mesh.domain.model.errors import kind_of
from collector_mesh.domain.ports.tracer import Tracer

Services = Sequence[Offered] | Callable[[], Iterable[Offered]]
"""Those of a collector; a callable, and a class among them, makes them anew."""


class Fleet:
    """Makes the collectors and clients of a run, starts collectors again, and knows them by their ids.

    Args:
        loop: runs all of them.
        seed: of the run.
        network: connects their hosts.
        watch: told of what they do.
        checked: whether calls are watched.
    """

    def __init__(
        self, loop: SimulatedLoop, seed: int, network: SimulatedNetwork, watch: Watch, *, checked: bool
    ) -> None:
        self._loop = loop
        self._seed = seed
        self._network = network
        self._watch = watch
        self._checked = checked
        self._collectors: dict[str, SimulatedCollector] = {}
        self._made: dict[str, tuple[dict[str, Any], Services, Sequence[Service]]] = {}
        self._mounts: dict[str, Callable[[Collector], object]] = {}
        """What mounts servicers at each start of a collector."""
        self._clients: dict[str, SimulatedClient] = {}
        self._impostors: dict[str, str] = {}
        """Ids that hosts claim which are not theirs."""
        self._hosts: list[Host] = []
        self._starting: dict[asyncio.Task[Any], SimulatedCollector] = {}

    @property
    def collectors(self) -> Mapping[str, SimulatedCollector]:
        """The latest start of each collector, by id; a live view."""
        return self._collectors

    @property
    def is_starting(self) -> bool:
        """Whether a collector has not started yet."""
        return bool(self._starting)

    def find(self, collector_id: str) -> SimulatedCollector:
        """The latest start of a collector.

        Raises:
            ValueError: there is none of that id.
        """
        try:
            return self._collectors[collector_id]
        except KeyError:
            known = ", ".join(self._collectors) or "none"
            raise ValueError(f"there is no collector {collector_id!r}: there are {known}") from None

    def up(self) -> list[SimulatedCollector]:
        """Those that are not down; they may be paused."""
        return [collector for collector in self._collectors.values() if not collector.host.is_down]

    def client_hosts(self) -> list[Host]:
        """The hosts of the clients."""
        return [client.host for client in self._clients.values()]

    # ---- making and starting -------------------------------------------------------------------------

    def add(
        self,
        collector_id: str,
        services: Services,
        options: Mapping[str, Any],
        claims: str,
        mount: Callable[[Collector], object] | None = None,
    ) -> SimulatedCollector:
        """Make a collector, and start it; see `Sim.collector`."""
        self._check_is_new(collector_id)
        if isinstance(services, Service) or (isinstance(services, type) and marks_of(services)):
            raise TypeError(
                "services must be a list of services, or a callable that gives one, got a service"
            )
        if mount is not None and not callable(mount):
            raise TypeError(
                f"mount must be a callable that takes the collector and mounts, got {kind_of(mount)}"
            )
        made = _made(services)
        # Sets of texts are in another order in each process.
        options = {
            name: sorted(value) if isinstance(value, (set, frozenset)) else value
            for name, value in options.items()
        }
        if claims:
            options = {"listen": collector_id, **options}
            self._impostors[collector_id] = claims
        self._made[collector_id] = (options, services, made)
        if mount is not None:
            self._mounts[collector_id] = mount
        return self.start(collector_id)

    def add_client(
        self, client_id: str, address: str, settings: Settings | None, tracer: Tracer | None
    ) -> SimulatedClient:
        """Make a client; see `Sim.client`."""
        self._check_is_new(client_id)
        client = self._clients[client_id] = SimulatedClient(
            self._new_host(client_id),
            self._network,
            self._loop,
            self._watch,
            self._seed_of(client_id),
            address,
            checked=self._checked,
            settings=settings,
            tracer=tracer,
        )
        return client

    def make_again(self, collector_id: str, *, fresh: bool) -> None:
        """Have the next start of a collector be with new services, where it is to be fresh and they can be made."""
        options, services, _ = self._made[collector_id]
        if fresh:
            self._made[collector_id] = (options, services, _made(services))

    def start(self, collector_id: str) -> SimulatedCollector:
        """Start a collector that was made, on a new host."""
        options, _, services = self._made[collector_id]
        host = self._new_host(collector_id)
        collector = SimulatedCollector(
            host,
            self._network,
            self._loop,
            self._watch,
            self._seed_of(collector_id),
            self._checked,
            {**options, "services": services},
            self._impostors.get(collector_id, ""),
        )
        if collector_id in self._mounts:
            made = self._mounts[collector_id](collector)
            if inspect.iscoroutine(made):
                made.close()
                raise TypeError("mount must be a plain callable, got an async one: mount does not wait")
        if collector_id in self._collectors:
            self._collectors[collector_id].retire()
        self._collectors[collector_id] = collector
        nobody = contextvars.Context()  # of no host, also where a handler starts another collector
        work = collector.on_host(collector.begin)
        task = self._loop.create_task(work, name=f"collector {collector_id!r}", context=nobody)
        self._starting[task] = collector
        task.add_done_callback(self._has_started, context=nobody)
        return collector

    async def started(self, collector: SimulatedCollector) -> None:
        """Wait until a collector has started, or has failed to."""
        if starting := [task for task, started in self._starting.items() if started is collector]:
            await asyncio.wait(starting)

    def strand(self) -> list[str]:
        """Nothing of any host has any effect from now on; gives the ids of the collectors that were down before."""
        down = [name for name, collector in self._collectors.items() if collector.host.is_down]
        for host in self._hosts:
            host.is_down = True
        return down

    def _check_is_new(self, host_id: str) -> None:
        for what, known in (("collector", self._collectors), ("client", self._clients)):
            if host_id in known:
                raise ValueError(f"there is a {what} {host_id!r} already")

    def _new_host(self, host_id: str) -> Host:
        host = Host(host_id)
        self._hosts.append(host)
        self._network.add_host(host)
        return host

    def _seed_of(self, host_id: str) -> str:
        return f"{self._seed}/{host_id}/{len(self._hosts)}"

    def _has_started(self, task: asyncio.Task[Any]) -> None:
        host = self._starting.pop(task).host
        if not task.cancelled() and (error := task.exception()) is not None and not host.is_down:
            self._watch.has_broken(f"{task.get_name()} has not started: {error}")


def _made(services: Services) -> list[Service]:
    return services_of(services() if callable(services) else services)
