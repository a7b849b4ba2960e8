"""The addresses that are wanted: who keeps each of them connected, what is offered there, and who is not there."""

from collections.abc import Iterator

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.peers.absence import Absence
from collector_mesh.domain.peers.following import Following
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.upkeep import Keeper, Upkeep
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.topology.topology import Topology


class WantedPeers:
    """Has addresses kept connected, and releases them; answers questions about all of them.

    Args:
        topology: who is connected.
    """

    _clock: Clock
    _following: Following
    """The names that are followed."""
    _introducer: Introducer
    _roster: Roster
    _tasks: Tasks
    _upkeep: Upkeep

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._keepers: dict[str, Keeper] = {}
        """By address, those that are dialed."""
        self._offered: dict[str, frozenset[str]] = {}
        """The only namespaces that are offered at an address, where that is not all of them."""
        self._explicit: dict[str, None] = {}
        """Addresses that are wanted whatever names lead to."""
        self._trying: dict[str, int] = {}
        """Names that are followed only because of connects that still wait, and how many those are."""

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

    @property
    def wanted(self) -> tuple[str, ...]:
        """Addresses that are kept connected, whoever is there."""
        return tuple(self._keepers)

    def _is_up(self, peer_id: str) -> bool:
        connection = self._topology.get(peer_id)
        return connection is not None and connection.is_up

    def _is_there(self, keeper: Keeper) -> bool:
        connection = self._topology.get(keeper.peer_id)
        return connection is not None and connection.is_usable

    def _keep(self, address: str, peer_id: str = "") -> Keeper:
        keeper = Keeper(address, self._clock.alarm(), self._clock.now(), peer_id)
        self._keepers[address] = keeper
        keeper.task = self._tasks.start(self._upkeep.keep_up(keeper), f"keep {address} connected")
        return keeper

    async def _release(self, address: str) -> None:
        keeper = self._keepers.pop(address)
        self._offered.pop(address, None)
        self._explicit.pop(address, None)
        self._introducer.forget(address)
        self._topology.news.tell()
        if keeper.task is not None:
            await keeper.task.stop()

    def _set_offered(self, address: str, only: frozenset[str] | None) -> None:
        if only is None:
            self._offered.pop(address, None)
        else:
            self._offered[address] = only
