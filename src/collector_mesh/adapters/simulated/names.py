"""Where names lead in a simulation: where its scenario says."""

from typing import TYPE_CHECKING

from collector_mesh.adapters.simulated.network import NAME_PREFIX, SimulatedNetwork
from collector_mesh.domain.model.errors import UnavailableError, quoted
from collector_mesh.domain.ports.names import Found, Names


class SimulatedNames:
    """The names of a network; every host sees the same at once, and an answer takes no time.

    Args:
        network: knows where they lead.
    """

    def __init__(self, network: SimulatedNetwork) -> None:
        self._network = network

    def is_name(self, address: str) -> bool:
        """See the port."""
        return address.startswith(NAME_PREFIX)

    def check(self, address: str) -> None:
        """See the port; every name will do."""

    async def find(self, address: str) -> Found:
        """See the port."""
        hosts = self._network.names.get(address, ())
        if not hosts:
            raise UnavailableError(f"{quoted(address)} leads nowhere")
        return Found(hosts, 1.0)


if TYPE_CHECKING:
    _fits: type[Names] = SimulatedNames
