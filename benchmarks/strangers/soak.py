"""A collector for minutes, while clients, peers and namespaces come and go: nothing may grow."""

import asyncio
import gc
import time
from contextlib import suppress
from pathlib import Path

import attrs
from google.protobuf.wrappers_pb2 import StringValue

from benchmarks.faults.report import Finding
from benchmarks.strangers.http2 import Connection
from benchmarks.strangers.inputs import Inputs
from benchmarks.strangers.processes import resident_mib
from collector_mesh import Collector, MeshClient, Payload, Service
from collector_mesh.domain.model.errors import MeshError

_LISTEN = "127.0.0.1:0"
_CLIENTS, _PEERS = 4, 3
_WARM = 0.2
"""The first part of a soak does not count: caches fill, memory is asked for."""

_MORE_MIB = 8.0


@attrs.frozen
class Sample:
    """What was seen at one moment."""

    seconds: float
    mib: float
    tasks: int
    descriptors: int
    calls: int


def echo_service(namespace: str = "texts") -> Service:
    """A service of one method."""
    service = Service(namespace, "Texts")

    @service.method("Echo", idempotent=True)
    async def echo(request: Payload) -> Payload:
        return request

    return service


class Soak:
    """A collector with churn around it."""

    def __init__(self, seed: int) -> None:
        self._inputs = Inputs(seed)
        self.calls = 0
        self.failed = 0
        self.samples: list[Sample] = []

    async def run(self, seconds: float) -> None:
        """Go on for so long, and look once a second."""
        async with Collector("hub", listen=_LISTEN, services=[echo_service()]) as hub:
            work = [
                *(self._clients(hub) for _ in range(_CLIENTS)),
                *(self._peers(hub, number) for number in range(_PEERS)),
                self._namespaces(hub),
                self._strangers(hub),
            ]
            tasks = [asyncio.create_task(one) for one in work]
            began = time.monotonic()
            while time.monotonic() - began < seconds:
                await asyncio.sleep(1.0)
                gc.collect()
                self._look(time.monotonic() - began)
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    def _look(self, seconds: float) -> None:
        descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
        self.samples.append(
            Sample(seconds, resident_mib(), len(asyncio.all_tasks()), descriptors, self.calls)
        )

    async def _clients(self, hub: Collector) -> None:
        while True:
            async with MeshClient(hub.address) as client:
                for _ in range(self._inputs.dice.randrange(1, 40)):
                    self.calls += 1
                    reply = await client.dispatch("texts", "Texts", "Echo", StringValue(value="x"), timeout=5)
                    self.failed += reply.status.code != 200
            await asyncio.sleep(0.01)

    async def _peers(self, hub: Collector, number: int) -> None:
        while True:
            name = f"peer-{number}"
            async with Collector(name, listen=_LISTEN, services=[echo_service(name)], peers=[hub.address]):
                for _ in range(self._inputs.dice.randrange(1, 60)):
                    with suppress(MeshError):
                        await hub.dispatch(name, "Texts", "Echo", StringValue(value="x"), timeout=2)
                    await asyncio.sleep(0.01)

    async def _namespaces(self, hub: Collector) -> None:
        number = 0
        while True:
            number += 1
            name = f"tenant-{number}"
            service = echo_service(name)
            hub.add_service(service)
            await hub.dispatch(name, "Texts", "Echo", StringValue(value="x"), timeout=2)
            hub.remove_service(service)
            hub.remove_namespace(name)
            await asyncio.sleep(0.05)

    async def _strangers(self, hub: Collector) -> None:
        while True:
            connection = Connection(hub.address, first=self._inputs.dice.randbytes(60))
            with suppress(OSError):
                await connection.open()
                await connection.ended(0.2)
            connection.close()

    def findings(self) -> list[Finding]:
        """What has grown, after the first part."""
        counted = [sample for sample in self.samples if sample.seconds >= self.samples[-1].seconds * _WARM]
        half = len(counted) // 2
        first, last = counted[:half], counted[half:]
        scenario = f"{self.samples[-1].seconds:.0f} s with churn, {self.calls:,} calls of clients"
        found = [Finding(scenario, "calls that failed: none", str(self.failed), self.failed == 0)]
        for name, most in (("mib", _MORE_MIB), ("tasks", 20), ("descriptors", 20)):
            before, after = (_median([getattr(one, name) for one in part]) for part in (first, last))
            found.append(
                Finding(
                    scenario,
                    f"{name}: flat (second half <= first half + {most:g})",
                    f"{before:.1f} -> {after:.1f}",
                    after <= before + most,
                )
            )
        return found

    def plot(self, path: Path) -> None:
        """Draw what was seen."""
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(3, 1, sharex=True, figsize=(8, 7))
        seconds = [sample.seconds for sample in self.samples]
        for axis, name, unit in zip(
            axes, ("mib", "tasks", "descriptors"), ("memory, MiB", "tasks", "descriptors"), strict=True
        ):
            axis.plot(seconds, [getattr(sample, name) for sample in self.samples])
            axis.set_ylabel(unit)
            axis.set_ylim(bottom=0)
        axes[-1].set_xlabel("seconds")
        figure.tight_layout()
        figure.savefig(path)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


async def run(seed: int, seconds: float, plot: Path | None) -> list[Finding]:
    """Soak for so long; draw it into a file, if one is named."""
    soak = Soak(seed)
    await soak.run(seconds)
    if plot is not None:
        soak.plot(plot)
    return soak.findings()
