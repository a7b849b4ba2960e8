"""From a method to the peers who could take a call for it: looked up when it is asked for, and then kept up."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.topology.candidates import Candidate, Pool
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.later import Later
from collector_mesh.domain.topology.standings import Standings

CHECKED_AT_ONCE = 1024
"""Pools that are looked at in one go after a change; each costs some microseconds."""

_LOGGED = 256
"""Changes that a pool can catch up with one by one; after more of them all peers are looked at."""

_MAX_ABSENT = 1024
"""Methods that nobody has of which that is remembered: callers name methods as they like."""

Passing = Callable[[Connection, MethodKey], Onward | None]
"""What a peer passes calls for a method on to, None if it does not."""

_Entry = tuple[bool, int]
"""Whether the method may run twice, and how often a call is passed on."""


class _Table:
    """The pools of one kind.

    Args:
        entry: what a peer has to do with a key, None if nothing.
    """

    __slots__ = ("absent", "entry", "pools")

    def __init__(self, entry: Callable[[Connection, Any], _Entry | None]) -> None:
        self.entry = entry
        self.pools: dict[Any, Pool] = {}
        self.absent: dict[Any, int] = {}
        """Keys of which nobody had anything, and at which change."""


_Place = tuple[_Table, Any]


class Index:
    """Pools of candidates, made when a call needs one.

    So it costs nothing how many methods a peer has: whatever it says, and when it goes, that is one change, which the
    pools catch up with when they are asked for. Those of the peer that are not asked for do so by and by, so that nothing
    is kept of what is gone.

    Args:
        connections: the peers by their ids, as they are.
        standings: what is known of each peer in each namespace.
        policies: the rules of each method.
        later: calls something soon, when others have had their turn.
    """

    def __init__(
        self, connections: Mapping[str, Connection], standings: Standings, policies: Policies, later: Later
    ) -> None:
        self.passing: Passing = _nothing
        """Tells what peers pass on."""
        self._connections = connections
        self._standings = standings
        self._policies = policies
        self._later = later
        self._changes = 0
        self._log: deque[str] = deque(maxlen=_LOGGED)
        """Who the latest changes were of."""
        self._having = _Table(_has)
        self._silent = _Table(_says_nothing)
        self._onward = _Table(self._passes_on)
        self._pools = self._having.pools
        self._places: dict[str, dict[_Place, None]] = {}
        """In which pools each peer is."""
        self._unchecked: dict[str, dict[_Place, None]] = {}
        """In which pools each peer was before it changed, as far as they were not looked at since."""
        self._is_coming = False
        policies.follow(self._follow)

    # ---- questions -----------------------------------------------------------------------------------

    def known_key(self, names: tuple[str, str, str]) -> MethodKey | None:
        """The key of those names, if a peer has such a method: a look-up in place of a new one and its check."""
        pool = self._pools.get(names)
        return None if pool is None else pool.key

    def having(self, key: MethodKey) -> Pool | None:
        """The peers that say that they have a method that can be called, None if there is none; a live view."""
        # On the way of every call.
        pool = self._pools.get(key)
        if pool is None or pool.as_of != self._changes:
            return self._renewed(self._having, key)
        return pool

    def silent(self, namespace: str) -> Pool | None:
        """The peers that share a namespace and do not say what they have, None if there is none; a live view."""
        return self._renewed(self._silent, namespace)

    def onward(self, key: MethodKey) -> Pool | None:
        """The peers that pass on calls for a method, None if there is none; a live view."""
        return self._renewed(self._onward, key)

    @property
    def kept(self) -> int:
        """How many pools there are, for whoever wants to see that none is left of what is gone."""
        return sum(len(table.pools) for table in (self._having, self._silent, self._onward))

    # ---- what happens --------------------------------------------------------------------------------

    def changed(self, peer_id: str) -> None:
        """A peer has come, has gone, or has something else to do with some method than before."""
        self._changes += 1
        self._log.append(peer_id)
        places = self._places.pop(peer_id, None)
        if places:
            waiting = self._unchecked.get(peer_id)
            if waiting is None:
                self._unchecked[peer_id] = places
            else:
                waiting.update(places)
            self._go_on()

    def _go_on(self) -> None:
        if self._unchecked and not self._is_coming:
            self._is_coming = True
            self._later(self._check)

    def _check(self) -> None:
        """Have some pools catch up."""
        self._is_coming = False
        left = CHECKED_AT_ONCE
        while self._unchecked and left > 0:
            peer_id, places = next(iter(self._unchecked.items()))
            some = list(islice(places, left))
            left -= len(some)
            for place in some:
                del places[place]
                pool = self._renewed(*place)
                if pool is not None and pool.get(peer_id) is not None:
                    self._places.setdefault(peer_id, {})[place] = None
            if not places:
                del self._unchecked[peer_id]
        self._go_on()

    # ---- pools ---------------------------------------------------------------------------------------

    def _renewed(self, table: _Table, key: Any) -> Pool | None:
        """The pool of a key as it is now, None if nobody is in it."""
        pool = table.pools.get(key)
        now = self._changes
        if pool is not None:
            if pool.as_of == now:
                return pool
            peers = self._changed_since(pool.as_of, pool)
        else:
            since = table.absent.get(key)
            if since == now:
                return None
            peers = self._changed_since(since)
        for peer_id in peers:
            connection = self._connections.get(peer_id)
            entry = None if connection is None else table.entry(connection, key)
            if pool is None:
                if entry is None:
                    continue
                pool = self._new(table, key)
            self._settle(table, pool, peer_id, connection, entry)
        if pool is not None and pool.members:
            pool.as_of = now
            return pool
        if pool is not None:
            del table.pools[key]
        if len(table.absent) >= _MAX_ABSENT:
            table.absent.clear()
        table.absent[key] = now
        return None

    def _changed_since(self, since: int | None, pool: Pool | None = None) -> Collection[str]:
        """Who may be in a pool, or not, other than it was at a change; everybody where that is long ago."""
        log = self._log
        if since is not None and self._changes - since <= len(log):
            return dict.fromkeys(log[-back] for back in range(self._changes - since, 0, -1))
        known: Iterable[str] = () if pool is None else [member.peer_id for member in pool.members]
        return dict.fromkeys((*self._connections, *known))

    def _follow(self, _now: float) -> None:
        """The rules are others now."""
        for table in (self._having, self._silent, self._onward):
            for key, pool in table.pools.items():
                pool.follow(self._policy_of(table, key))

    def _policy_of(self, table: _Table, key: Any) -> Policy:
        policies = self._policies
        return policies.of_namespace(key) if table is self._silent else policies.of(key)

    def _new(self, table: _Table, key: Any) -> Pool:
        pool = table.pools[key] = Pool(key, self._policy_of(table, key))
        table.absent.pop(key, None)
        return pool

    def _settle(
        self, table: _Table, pool: Pool, peer_id: str, connection: Connection | None, entry: _Entry | None
    ) -> None:
        """Have a peer in a pool, or not, as it is now."""
        namespace = pool.key if table is self._silent else pool.key.namespace
        candidate = pool.get(peer_id)
        if candidate is not None:
            if (
                candidate.connection is connection
                and (candidate.is_idempotent, candidate.hops) == entry
                and candidate.standing is self._standings.get(peer_id, namespace)
            ):
                return
            pool.remove(peer_id)
            self._places.get(peer_id, {}).pop((table, pool.key), None)
        if connection is not None and entry is not None:
            standing = self._standings.of(peer_id, namespace, max(connection.since, connection.last_news))
            standing.peer_is(well=connection.state == "live")
            is_idempotent, hops = entry
            pool.add(Candidate(connection, standing, pool.times, is_idempotent=is_idempotent, hops=hops))
            self._places.setdefault(peer_id, {})[(table, pool.key)] = None

    def _passes_on(self, connection: Connection, key: MethodKey) -> _Entry | None:
        if (
            connection.methods is None
            or not connection.shares(key.namespace)
            or connection.has(key) is not None
        ):
            return None
        onward = self.passing(connection, key)
        if onward is None or onward.info.kind != UNARY:
            return None
        return onward.info.idempotent, onward.hops


def _has(connection: Connection, key: MethodKey) -> _Entry | None:
    if not connection.shares(key.namespace):
        return None
    info = connection.has(key)
    return None if info is None or info.kind != UNARY else (info.idempotent, 0)


def _says_nothing(connection: Connection, namespace: str) -> _Entry | None:
    return (False, 0) if connection.methods is None and connection.shares(namespace) else None


def _nothing(_connection: Connection, _key: MethodKey) -> Onward | None:
    """Nobody passes anything on."""
    return None
