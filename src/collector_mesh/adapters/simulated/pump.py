"""Looks at what links leave behind when they have ended; what moves their frames is production's own pump."""

from typing import TYPE_CHECKING

from collector_mesh.adapters.simulated.errors import SimulationError
from collector_mesh.adapters.simulated.host import Host
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.pump import LinkPump
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import FrameStream, Machine, Pump, PushStream
from collector_mesh.domain.ports.tasks import Tasks


class HostPump:
    """Runs the links of a host, and takes down what is left of them."""

    def __init__(self, clock: Clock, tasks: Tasks, host: Host) -> None:
        self._pump = LinkPump(clock, tasks, _pushing)
        self._host = host

    async def run(self, stream: FrameStream, machine: Machine) -> None:
        """See the port."""
        try:
            await self._pump.run(stream, machine)
        finally:
            self._look_for_leftovers(stream, machine)

    def _look_for_leftovers(self, stream: FrameStream, machine: Machine) -> None:
        """See that a link that has ended keeps nothing: no call of either side, no byte."""
        if isinstance(machine, LinkEngine) and (machine.in_flight or machine.running or machine.queued_bytes):
            self._host.left.append(
                f"{machine.in_flight} sent calls, {machine.running} taken ones and {machine.queued_bytes} bytes"
                f" of a link to {machine.peer_id or stream.address}"
            )


def _pushing(stream: FrameStream) -> PushStream:
    raise SimulationError(f"{stream.address} is reached over a stream that does not push")


if TYPE_CHECKING:
    _fits: type[Pump] = HostPump
