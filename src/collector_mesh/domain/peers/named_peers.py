"""Peers that are wanted because of a name: whoever it leads to is kept connected."""

from collector_mesh.domain.model.errors import InvalidCallError, UnavailableError, clipped, quoted
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.upkeep import Keeper
from collector_mesh.domain.peers.wanted_peers import WantedPeers
from collector_mesh.domain.topology.connection import Connection

_TOLD = 5
"""Addresses that are named where nobody has answered at any."""


class NamedPeers(WantedPeers):
    """Has those kept connected that names lead to, and lets them go with their names."""

    _admission: Admission
    """Knows where this collector listens."""

    async def _connect_by_name(
        self, name: str, *, timeout: float, offered: frozenset[str] | None
    ) -> Connection:
        following, alarm = self._following, self._clock.alarm()
        before = self._offered.get(name)
        if name in self._trying or not following.follows(name):
            self._trying[name] = self._trying.get(name, 0) + 1
        self._set_offered(name, offered)
        for address in following.members(name):
            self._offer_as(address, name)
        self._follow(name)
        until, is_there = self._clock.now() + timeout, False
        self._topology.news.listen(alarm.ring)
        try:
            while (connection := self._first_of(name)) is None:
                left = until - self._clock.now()
                if left <= 0:
                    raise UnavailableError(
                        f"nobody has answered at {name} within {timeout:g} s{self._why(name)}"
                    )
                await alarm.wait(left)
            is_there = True
            self._trying.pop(name, None)
            return connection
        finally:
            self._topology.news.leave(alarm.ring)
            if not is_there:
                self._set_offered(name, before)
                await self._tries_no_longer(name)

    async def _tries_no_longer(self, name: str) -> None:
        """A connect was in vain: its name is left, unless others wait for it, or it is wanted by now."""
        trying = self._trying.get(name, 0) - 1
        if trying > 0:
            self._trying[name] = trying
        elif trying == 0:
            del self._trying[name]
            await self._following.leave(name)

    def _first_of(self, name: str) -> Connection | None:
        for address in self._following.members(name):
            keeper = self._keepers.get(address)
            peer_id = self._following.same(address) if keeper is None else keeper.peer_id
            connection = self._topology.get(peer_id)
            # Until the dial has ended it is not known all that the peer has.
            if connection is not None and connection.is_usable and not (keeper and keeper.is_dialing):
                return connection
        return None

    def _why(self, name: str) -> str:
        """Why nobody was reached, as far as that is known, for the end of a sentence."""
        if why := self._following.why_none(name):
            return f": {why}"
        tried = [
            f"{quoted(address)} ({keeper.told or 'no answer'})"
            for address in self._following.members(name)
            if (keeper := self._keepers.get(address)) is not None
        ]
        return clipped(f": {', '.join(tried[:_TOLD])}") if tried else ""

    def _follow(self, name: str) -> None:
        self._following.own_address = self._admission.address
        self._following.follow(name)

    def _keep_for(self, address: str, name: str) -> None:
        """A name leads to an address."""
        if address not in self._keepers:
            self._offer_as(address, name)
            self._keep(address)

    def _offer_as(self, address: str, name: str) -> None:
        """Offer whoever is at an address what those of a name are offered."""
        if address in self._explicit:
            return
        self._set_offered(address, self._offered.get(name))
        keeper = self._keepers.get(address)
        if keeper is not None and keeper.peer_id:
            self._roster.offer(keeper.peer_id, self._offered.get(name))

    async def _let_go(self, address: str) -> None:
        """No name leads to an address anymore: who is connected there stays until it goes."""
        keeper = self._keepers.get(address)
        if keeper is None or address in self._explicit or self._following.has(address):
            return
        connection = self._topology.get(keeper.peer_id)
        if connection is not None and connection.is_up:
            return
        await self._release(address)
        if connection is not None and connection.address == address and not connection.is_up:
            self._roster.forget(connection, "its name no longer leads there")

    def _has_failed(self, keeper: Keeper, error: BaseException) -> bool:
        address = keeper.address
        if self._following.has(address) and address not in self._explicit and _is_itself(error):
            self._following.skip(address)
            # Not here: this is a task of its keeper.
            self._tasks.start(self._release_if_kept(address), f"leave {address} alone")
            return True
        self._following.look((address,))
        return False

    async def _release_if_kept(self, address: str) -> None:
        if address in self._keepers:
            await self._release(address)

    async def _disconnect_name(self, name: str) -> None:
        members = self._following.members(name)
        self._offered.pop(name, None)
        self._trying.pop(name, None)
        await self._following.leave(name)
        for address in members:
            keeper = self._keepers.get(address)
            if keeper is None or address in self._explicit or self._following.has(address):
                continue
            connection = self._topology.get(keeper.peer_id)
            if connection is not None:
                self._roster.forget(connection, "disconnected")
            await self._release(address)


def _is_itself(error: BaseException) -> bool:
    """Whether this collector was dialed by itself: whoever is there says so too, in these words (WIRE §2)."""
    return isinstance(error, InvalidCallError) and str(error).endswith("cannot connect to itself")
