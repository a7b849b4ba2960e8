"""Who is wanted, and who of them is not there."""

from collections.abc import Iterator

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.peers.absence import Absence
from collector_mesh.domain.peers.following import Following
from collector_mesh.domain.peers.upkeep import Keeper
from collector_mesh.domain.topology.topology import Topology


class WantedPeers:
    """Answers questions about those who are wanted; `Keeping` keeps them connected.

    Args:
        topology: who is connected.
    """

    _following: Following
    """The names that are followed."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._keepers: dict[str, Keeper] = {}
        """By address, those that are dialed."""

    @property
    def dialing(self) -> tuple[str, ...]:
        """Addresses that are wanted and where nobody has answered yet."""
        waiting = [keeper.address for keeper in self._keepers.values() if not keeper.peer_id]
        waiting += [absence.address for absence in self._following.unfound]
        if not waiting:
            return ()
        # A link may be up before whoever has dialed it has been told.
        answered = {connection.address for connection in self._topology if connection.is_up}
        return tuple(address for address in waiting if address not in answered)

    def placed(self, address: str) -> str:
        """A wanted address where nobody answers, for people, with the reason as far as it is known."""
        keeper = self._keepers.get(address)
        why = keeper.told.removeprefix(f"{address}: ") if keeper is not None else ""
        return f"{quoted(address)} ({why})" if why else quoted(address)

    @property
    def absent(self) -> tuple[str, ...]:
        """Addresses that are wanted and where nobody is connected now."""
        there = {connection.address for connection in self._topology if connection.is_usable}
        absent = [
            keeper.address
            for keeper in self._keepers.values()
            if keeper.address not in there and not self._is_there(keeper)
        ]
        return (*absent, *(absence.address for absence in self._following.unfound))

    @property
    def unknown(self) -> Iterator[Absence]:
        """Those who are wanted and of whom it is not known yet what they have."""
        answered: set[str] | None = None
        for keeper in self._keepers.values():
            connection = self._topology.get(keeper.peer_id)
            if connection is not None:
                # What it has may come in pieces, after it has answered.
                if connection.is_up and keeper.is_dialing and connection.way.carrier == "link":
                    yield Absence(keeper.address, keeper.since, keeper.peer_id)
                continue
            if not keeper.is_dialing:
                if answered is None:
                    answered = {connection.address for connection in self._topology if connection.is_up}
                if keeper.address in answered:
                    continue
            yield Absence(keeper.address, keeper.since)
        yield from self._following.unfound

    def _is_up(self, peer_id: str) -> bool:
        connection = self._topology.get(peer_id)
        return connection is not None and connection.is_up

    def _is_there(self, keeper: Keeper) -> bool:
        connection = self._topology.get(keeper.peer_id)
        return connection is not None and connection.is_usable
