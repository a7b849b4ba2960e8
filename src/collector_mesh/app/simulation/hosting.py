"""The parts of a collector or a client in a simulation that are its host's: time, chance, tasks, and the pump of its links."""

from dependency_injector import providers

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.parts import HostClock, HostTasks, SeededRandomness
from collector_mesh.adapters.simulated.pump import HostPump
from collector_mesh.app.container import ClientContainer, CollectorContainer


def put_on_host(
    parts: CollectorContainer | ClientContainer,
    loop: SimulatedLoop,
    host: Host,
    seed: str,
    *,
    max_threads: int,
) -> None:
    """Have the parts that are still to be made be those of a host.

    Args:
        parts: of a collector or a client.
        loop: runs the simulation.
        host: where it runs.
        seed: decides what is left to chance there.
        max_threads: plain handlers that run at once.
    """
    clock = HostClock(loop, host)
    tasks = HostTasks(clock, host, max_threads=max_threads)
    parts.clock.override(providers.Object(clock))
    parts.dice.override(providers.Object(SeededRandomness(seed)))
    parts.tasks.override(providers.Object(tasks))
    parts.pump.override(providers.Object(HostPump(clock, tasks, host)))
