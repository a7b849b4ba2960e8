"""What is known of each peer in each namespace in which calls were routed to it."""

from collections.abc import Callable, Collection
from itertools import islice

from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.standing import Standing

FIRST_LATENCY = 0.001
"""What a call is thought to take, in seconds, where nothing is known of anybody."""

_SAMPLE = 32
"""Most peers of which the median is taken: enough to begin with, and cheap where there are thousands."""


class Standings:
    """The standing of each peer in each namespace that it shares, for as long as it is known.

    Args:
        policies: how standings come about.
        on_turn: told of a standing when its breaker has opened (True) or shut (False).
        is_up: whether a peer is there, well or not quite.
    """

    def __init__(
        self, policies: Policies, on_turn: Callable[[Standing, bool], None], is_up: Callable[[str], bool]
    ) -> None:
        self._policies = policies
        self._on_turn = on_turn
        self._is_up = is_up
        self._peers: dict[str, dict[str, Standing]] = {}
        self._namespaces: dict[str, dict[str, Standing]] = {}
        policies.follow(self._follow)

    def of(self, peer_id: str, namespace: str, now: float) -> Standing:
        """The standing of a peer; a new one begins in the middle of the others."""
        namespaces = self._peers.setdefault(peer_id, {})
        standing = namespaces.get(namespace)
        if standing is None:
            standing = namespaces[namespace] = Standing(
                peer_id,
                namespace,
                self._policies.of_namespace(namespace).standing,
                now=now,
                latency=self.median(namespace),
                on_turn=self._on_turn,
            )
            self._namespaces.setdefault(namespace, {})[peer_id] = standing
        return standing

    def _follow(self, now: float) -> None:
        for namespace, standings in self._namespaces.items():
            rules = self._policies.of_namespace(namespace).standing
            for standing in standings.values():
                standing.follow(rules, now)

    def get(self, peer_id: str, namespace: str) -> Standing | None:
        """The standing of a peer, None if nothing is known of it there."""
        namespaces = self._peers.get(peer_id)
        return None if namespaces is None else namespaces.get(namespace)

    def of_peer(self, peer_id: str) -> tuple[Standing, ...]:
        """The standings of a peer, in order of their namespaces."""
        namespaces = self._peers.get(peer_id, {})
        return tuple(namespaces[name] for name in sorted(namespaces))

    def median(self, namespace: str, besides: str = "") -> float:
        """The median latency of some of the peers in a namespace, in seconds, without that of one of them."""
        some = islice(self._namespaces.get(namespace, {}).items(), _SAMPLE)
        known = sorted(
            standing.load.latency for peer_id, standing in some if peer_id != besides and self._is_up(peer_id)
        )
        return known[len(known) // 2] if known else FIRST_LATENCY

    def keep(self, peer_id: str, namespaces: Collection[str]) -> None:
        """The peer shares these namespaces and no others anymore.

        Namespaces come and go with tenants: what is known of the peer in those that are gone would only grow.
        """
        standings = self._peers.get(peer_id)
        if standings is not None:
            shared = frozenset(namespaces)
            for namespace in [namespace for namespace in standings if namespace not in shared]:
                del standings[namespace]
                self._drop(peer_id, namespace)

    def forget(self, peer_id: str) -> None:
        """The peer is not known anymore."""
        for namespace in self._peers.pop(peer_id, {}):
            self._drop(peer_id, namespace)

    def _drop(self, peer_id: str, namespace: str) -> None:
        others = self._namespaces[namespace]
        del others[peer_id]
        if not others:
            del self._namespaces[namespace]
