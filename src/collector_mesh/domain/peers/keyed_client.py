"""Calls with an idempotency key of a program outside the mesh: one that may have run is repeated where it may have."""

from collections.abc import Awaitable, Callable

from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    ConflictError,
    DeadlineExceededError,
    Executed,
    MeshError,
    OutcomeUnknownError,
    UnavailableError,
)
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.client_way import ClientWay
from collector_mesh.domain.policies.key_places import KeyPlaces
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.link import Link

_Send = Callable[[Link, Call], Awaitable[Reply]]


class KeyedClientCalls:
    """Sends them: where a link ends under one, again to the same collector, or to one that keeps keys in the same store.

    Args:
        ready: gives what a call goes over, within its time.
        places: where calls went.
        policies: how often one is repeated.
        clock: the time.
    """

    def __init__(
        self,
        ready: Callable[[Call], Awaitable[tuple[ClientWay, Link]]],
        places: KeyPlaces,
        policies: Policies,
        clock: Clock,
    ) -> None:
        self._ready = ready
        self._places = places
        self._policies = policies
        self._clock = clock

    async def run(self, call: Call, send: _Send) -> Reply:
        """Send a call until it has its answer.

        Raises:
            MeshError: nobody can be called, and it has not been sent.
        """
        known = self._places.of(call, self._clock.now())
        best = Reply.refused(_elsewhere()) if known is not None and known.sticks else None
        attempts = 0
        while True:
            try:
                way, link = await self._ready(call)
            except MeshError as error:
                if best is None:
                    raise
                return _more_telling(best, Reply.refused(error))
            store = _store_of(link)
            known = self._places.of(call, self._clock.now())
            if known is not None and known.store != store:
                return best or Reply.refused(_elsewhere())
            reply = await self._send(call, send, way, link, store)
            attempts += 1
            if reply.status.code == ConflictError.code and not reply.is_own:
                return reply
            best = reply if best is None else _more_telling(best, reply)
            if way.usable is link or not self._may_go_on(call, reply, store, attempts):
                return best

    async def _send(self, call: Call, send: _Send, way: ClientWay, link: Link, store: str) -> Reply:
        # Whoever has no links says nothing of stores: what it makes of the key is its own business.
        sent = self._places.leaves(call, store, way.address, self._clock.now()) if store else None
        reply: Reply | None = None
        try:
            reply = await send(link, call)
        except (UnavailableError, OutcomeUnknownError, DeadlineExceededError) as error:
            if not isinstance(error, DeadlineExceededError):
                way.drop_unary()
            reply = Reply.refused(error)
        finally:
            if sent is not None:
                self._places.back(call, sent, reply, self._clock.now())
        return reply

    def _may_go_on(self, call: Call, reply: Reply, store: str, attempts: int) -> bool:
        retry = self._policies.of(call.key).retry
        is_known = reply.executed is not Executed.MAYBE
        return (is_known or (bool(store) and reply.is_own)) and retry.allows(
            reply, attempts=attempts, idempotent=True
        )


def _store_of(link: Link) -> str:
    peer = link.engine.peer if isinstance(link, PeerLink) else None
    return "" if peer is None else peer.key_store


def _elsewhere() -> MeshError:
    return OutcomeUnknownError(
        "outcome unknown: a call with this key may have run by way of a collector that cannot be asked"
    )


def _more_telling(best: Reply, reply: Reply) -> Reply:
    return reply if reply.executed.rank >= best.executed.rank else best
