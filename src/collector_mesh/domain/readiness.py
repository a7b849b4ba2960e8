"""Whether a collector has what it needs: peers, and methods that it could call."""

from collections.abc import Iterator
from math import inf
from typing import Literal

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.model.kinds import mismatch
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.peers.wanted_peers import WantedPeers
from collector_mesh.domain.ports.call_starter import Contact
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.topology import Topology

Peers = int | Literal["all"] | tuple[str, ...]
"""How many peers are needed, or which; `all` is whoever listens at the configured addresses."""

_TOLD = 10
_LONGEST = 3600.0


class Readiness:
    """Waits until a collector has what it needs; news wake it.

    Args:
        handlers: what runs here.
        topology: who is connected.
        router: who could have a method.
        wanted: who is wanted.
        clock: tells the time.
    """

    def __init__(
        self,
        handlers: HandlerRegistry,
        topology: Topology,
        router: Router,
        wanted: WantedPeers,
        *,
        clock: Clock,
    ) -> None:
        self._handlers = handlers
        self._topology = topology
        self._router = router
        self._wanted = wanted
        self._clock = clock
        self._waiting: dict[Alarm, None] = {}
        self.is_closed = False
        """Whether nobody waits anymore, since the collector ends."""

    def close(self) -> None:
        """The collector ends: nobody waits any longer."""
        self.is_closed = True
        for alarm in self._waiting:
            alarm.ring()

    async def wait(self, peers: Peers, methods: tuple[MethodKey, ...], *, timeout: float = inf) -> str:
        """Wait until all of it is there; gives what is missing when the time is up, empty if nothing is.

        Args:
            peers: who has to be connected.
            methods: what this collector has to be able to call, or to run.
            timeout: seconds.
        """
        until, alarm = self._clock.now() + timeout, self._clock.alarm()
        self._waiting[alarm] = None
        self._topology.news.listen(alarm.ring)
        try:
            while missing := list(self._missing(peers, methods)):
                left = until - self._clock.now()
                if left <= 0 or self.is_closed:
                    return self._told(missing)
                await alarm.wait(min(left, _LONGEST))
        finally:
            self._topology.news.leave(alarm.ring)
            del self._waiting[alarm]
        return ""

    def contact(self, namespace: str, target: str = "") -> Contact:
        """Say whether somebody is there for calls in a namespace: here, or at a peer that shares it, the target if there is one."""
        connection = self._topology.get(target) if target else None
        if connection is not None:
            there = connection.is_usable and connection.shares(namespace)
        else:
            # A target that is no peer may be reached through one.
            there = any(method.key.namespace == namespace for method in self._handlers.methods) or any(
                peer.is_usable and not peer.is_hearsay and peer.shares(namespace) for peer in self._topology
            )
        if there:
            return Contact.READY
        return Contact.SEARCHING if self._wanted.absent else Contact.IDLE

    def _missing(self, peers: Peers, methods: tuple[MethodKey, ...]) -> Iterator[str]:
        if isinstance(peers, tuple):
            for peer_id in peers:
                if not self._is_there(peer_id):
                    yield f"no connection to collector {quoted(peer_id)}"
        elif peers != "all":
            there = sum(self._is_there(connection.peer_id) for connection in self._topology)
            if there < peers:
                yield f"{there} of {peers} peers are connected"
        elif absent := self._wanted.absent:
            yield f"nobody answers at {self._listed(absent)}"
        for key in methods:
            if self._handlers.find(key) is None and not self._could_call(key):
                yield from self._missing_method(key)

    def _missing_method(self, key: MethodKey) -> Iterator[str]:
        kind = self._handlers.other_kind(key) or self._router.other_kind(key)
        if kind is not None:
            yield str(mismatch(key, kind))
            return
        yield f"nobody is known to have {quoted(str(key))}"
        if not self._handlers.has_namespace(key.namespace):
            yield f"this collector is not a member of namespace {quoted(key.namespace)}"

    def _is_there(self, peer_id: str) -> bool:
        connection = self._topology.get(peer_id)
        return connection is not None and connection.is_usable and not connection.is_hearsay

    def _could_call(self, key: MethodKey) -> bool:
        known = self._router.known(key, self._clock.now())
        return any(connection.is_usable and not connection.is_hearsay for connection in known)

    def _told(self, missing: list[str]) -> str:
        absent = self._wanted.absent
        if absent and not any(text.startswith("nobody answers at") for text in missing):
            missing = [*missing[:_TOLD], f"nobody answers at {self._listed(absent)}"]
        return "; ".join(dict.fromkeys(missing))

    def _listed(self, addresses: tuple[str, ...]) -> str:
        more = f", and {len(addresses) - _TOLD} more" if len(addresses) > _TOLD else ""
        return ", ".join(map(self._wanted.placed, addresses[:_TOLD])) + more
