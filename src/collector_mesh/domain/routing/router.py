"""Who gets a call, and why."""

from collections.abc import Callable, Collection, Container, Iterator, Mapping

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import NotFoundError, quoted
from collector_mesh.domain.model.kinds import UNARY, mismatch
from collector_mesh.domain.model.names import MethodKey, check_name
from collector_mesh.domain.model.snapshot import NO_LABELS
from collector_mesh.domain.policies.balancing import (
    BALANCERS,
    DEFAULT_BALANCING,
    HASH_KEY,
    ConsistentHash,
)
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.ports.balancer import Balancer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.routing.fitness import TIERS, Fitness
from collector_mesh.domain.routing.selection import PoolSelection
from collector_mesh.domain.topology.candidates import Candidate, Pool
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology

_FEW = 16
_BY_KEY = ConsistentHash()


class Router:
    """Chooses a peer for a call that cannot run here, by the strategy of its method.

    Args:
        topology: who is connected.
        balancers: the strategies, by name.
        labels: what this collector says of itself.
        may_serve: whether a peer may be called in a namespace in which it says nothing of methods.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        balancers: Mapping[str, Balancer] = BALANCERS,
        labels: Mapping[str, str] = NO_LABELS,
        may_serve: Callable[[Connection, str], bool] = lambda _connection, _namespace: True,
    ) -> None:
        self.fitness = Fitness(topology)
        """Who may get a call, and why not."""
        self._topology = topology
        self._balancers = balancers
        self._labels = labels
        self._may_serve = may_serve

    def choose(  # noqa: C901  # its first part is on the way of every call that leaves
        self, call: Call, *, tried: Container[str], now: float, dice: Randomness
    ) -> Candidate | None:
        """A peer for a call that cannot run here, or None if there is none.

        Peers that say that they have the method come first; then those that do not say are asked, then
        those that pass calls on. With the default strategy the cost does not depend on how many peers
        there are, only on how many are unfit.
        """
        key, topology = call.key, self._topology
        pool = topology.having(key)
        if pool is not None:
            loads = pool.loads
            if not tried and pool.policy.balancing == DEFAULT_BALANCING:
                # Nearly always the ones that are drawn are well, and nothing else needs to be asked.
                count = len(loads)
                first = dice.below(count) if count > 1 else 0
                one = loads[first]
                if one.hold <= now:
                    if count == 1:
                        return pool.members[0]
                    # Another one than the first: of three, one in nine choices would be none.
                    second = dice.below(count - 1)
                    if second >= first:
                        second += 1
                    other = loads[second]
                    if other.hold <= now:
                        return pool.members[second if other.score(now) < one.score(now) else first]
            found = self._select(pool, call, tried, (), now, dice)
            if found is not None:
                return found
        silent = topology.silent(key.namespace)
        if silent is not None:
            found = self._select(silent, call, tried, topology.lacking(key, now=now), now, dice)
            if found is not None:
                return found.for_method(topology.times_of(key))
        onward = topology.onward(key)
        if onward is not None:
            lacking = topology.lacking(key, now=now)
            if call.hops:
                # Over the longest ways a call that has been passed on already would come to its end before its goal.
                left = MAX_HOPS - call.hops
                lacking = {*lacking, *(member.peer_id for member in onward.members if member.hops > left)}
            return self._select(onward, call, tried, lacking, now, dice)
        return None

    def choose_by_key(
        self, call: Call, *, tried: Container[str], now: float, dice: Randomness, store: str | None
    ) -> Candidate | None:
        """As `choose`, for a call with an idempotency key: whoever asks, the same peer as long as it is fit.

        Args:
            call: the call.
            tried: ids of those who are not asked.
            now: the time.
            dice: not thrown where the key decides.
            store: the only store whose collectors may run it, None for any.
        """
        key, topology = call.key, self._topology
        unknown = topology.lacking(key, now=now)
        for pool in self.pools(key):
            lacking: Collection[str] = ()
            if pool is not topology.having(key):
                lacking = unknown
                if call.hops:
                    left = MAX_HOPS - call.hops
                    lacking = {*unknown, *(one.peer_id for one in pool.members if one.hops > left)}
            if store is not None:
                others = (one.peer_id for one in pool.members if one.connection.key_store != store)
                lacking = {*lacking, *others}
            found = self._select(pool, call, tried, lacking, now, dice, {HASH_KEY: call.idempotency_key})
            if found is not None:
                return (
                    found
                    if pool is not topology.silent(key.namespace)
                    else found.for_method(topology.times_of(key))
                )
        return None

    def has_another(self, call: Call, besides: Candidate, asked: Container[str], now: float) -> bool:
        """Whether somebody else is free to take a call over."""
        for pool in self.pools(call.key):
            for member in pool.members:
                peer_id = member.peer_id
                if peer_id != besides.peer_id and member.standing.load.hold <= now and peer_id not in asked:
                    return True
        return False

    def other_kind(self, key: MethodKey) -> str | None:
        """The kind of a method that a peer has and that cannot be called, None if nobody has it so."""
        return self._topology.other_kind(key)

    def known(self, key: MethodKey, now: float) -> list[Connection]:
        """Who could have a method, well or not."""
        lacking = self._topology.lacking(key, now=now)
        return [
            member.connection
            for pool in self.pools(key)
            for member in pool.members
            if member.peer_id not in lacking
        ]

    def target(self, call: Call) -> Candidate:
        """The way to the target of a call.

        Raises:
            InvalidCallError: the target is malformed.
            NotFoundError: it is not connected, or does not share the namespace.
            UnimplementedError: the method is of a kind that cannot be called.
        """
        target, key = call.target, call.key
        topology = self._topology
        connection = topology.get(target)
        if connection is None:
            check_name("target_collector_id", target)
            way = topology.way_to(target, key)
            if way is None and (kind := topology.other_kind(key, target)) is not None:
                raise mismatch(key, kind)
            if way is None or way.peer_id in call.visited:
                raise NotFoundError(f"no connection to collector {quoted(target)}")
            return way
        if not connection.shares(key.namespace):
            raise _not_shared(target, key.namespace)
        times = topology.times_of(key)
        for pool in (topology.having(key), topology.silent(key.namespace)):
            if pool is not None and (candidate := pool.get(target)) is not None:
                return candidate if connection.methods is not None else candidate.for_method(times)
        if not self._may_serve(connection, key.namespace):
            raise _not_shared(target, key.namespace)
        info = connection.has(key)
        if info is not None and info.kind != UNARY:
            raise mismatch(key, info.kind)
        # It does not say that it has the method, and is asked all the same.
        standing = topology.standings.of(target, key.namespace, connection.last_news)
        return Candidate(connection, standing, times)

    def pools(self, key: MethodKey) -> Iterator[Pool]:
        """The candidates for a method: those who say that they have it, who do not say, who pass it on."""
        topology = self._topology
        for pool in (topology.having(key), topology.silent(key.namespace), topology.onward(key)):
            if pool is not None:
                yield pool

    def _select(
        self,
        pool: Pool,
        call: Call,
        tried: Container[str],
        lacking: Container[str],
        now: float,
        dice: Randomness,
        by_key: Mapping[str, str] | None = None,
    ) -> Candidate | None:
        members = pool.members
        tiers, unfit = TIERS, self.fitness.unfit
        if len(members) <= _FEW:
            # Under overload or when nearly all are out, this is on the way of every call.
            if tried:
                members = [member for member in members if member.peer_id not in tried]
            for tier in TIERS:
                fit = [member for member in members if unfit(member, pool, tier, tried, lacking, now) is None]
                if fit:
                    tiers = (tier,)
                    break
            else:
                return None
            if len(fit) == 1:
                return fit[0]
        strategy = self._balancers[pool.policy.balancing] if by_key is None else _BY_KEY
        hints = call.hints if by_key is None else by_key
        for tier in tiers:
            selection = PoolSelection(
                self.fitness, pool, tier, tried, lacking, now, dice, hints, self._labels
            )
            found = strategy.choose(selection)
            if found is not None:
                assert isinstance(found, Candidate)  # for the type checker: there are no others
                return found
        return None


def _not_shared(target: str, namespace: str) -> NotFoundError:
    return NotFoundError(f"no connection to collector {quoted(target)} in namespace {quoted(namespace)}")
