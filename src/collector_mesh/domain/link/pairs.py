"""One live link a pair: which of several links to the same collector stays."""

from collections import deque

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.frames import Introduction

_REMEMBERED = 8
"""Incarnations of a collector that are refused because a later one has taken over."""

_MAX_IDS = 4096
"""Collectors of which superseded incarnations are remembered."""


class Pairs:
    """The links to each peer.

    The rule is the same at both ends, so that they agree without a word: of links of the same two
    incarnations the one dialed by the lower id stays, of several dialed by one side the newest, but only
    once it is established at both ends.
    """

    def __init__(self, own_id: str) -> None:
        self._own_id = own_id
        self._links: dict[str, list[LinkEngine]] = {}
        self._latest: dict[str, str] = {}
        self._superseded: dict[str, deque[str]] = {}

    def of(self, peer_id: str) -> tuple[LinkEngine, ...]:
        """The links to a peer."""
        return tuple(self._links.get(peer_id, ()))

    def add(self, engine: LinkEngine) -> None:
        """Take down a link whose peer is known."""
        self._links.setdefault(engine.peer_id, []).append(engine)

    def remove(self, engine: LinkEngine) -> bool:
        """Forget a link; False if it was not one."""
        links = self._links.get(engine.peer_id, [])
        if engine not in links:
            return False
        links.remove(engine)
        if not links:
            del self._links[engine.peer_id]
        return True

    def is_superseded(self, peer_id: str, incarnation: str) -> bool:
        """Whether another start of that collector has taken over."""
        return incarnation in self._superseded.get(peer_id, ())

    def holder_against(self, newcomer: Introduction) -> LinkEngine | None:
        """A link that is up to another incarnation of a collector, which has to be asked whether it lives.

        One at the same address cannot: nobody else can listen there.
        """
        for engine in self._links.get(newcomer.collector_id, ()):
            holder = engine.peer
            if engine.phase is not Phase.OPEN or engine.has_failed:
                continue
            if holder is None or holder.incarnation == newcomer.incarnation:
                continue
            if not newcomer.address or holder.address != newcomer.address:
                return engine
        return None

    def supersede(self, engine: LinkEngine) -> tuple[LinkEngine, ...]:
        """Remember the other incarnations of a peer as over; give the links to them."""
        peer_id = engine.peer_id
        incarnation = engine.peer.incarnation if engine.peer is not None else ""
        latest = self._latest.pop(peer_id, incarnation)
        if latest != incarnation:
            self._remember(peer_id, latest)
        self._latest[peer_id] = incarnation
        if len(self._latest) > _MAX_IDS:
            del self._latest[next(iter(self._latest))]
        return tuple(
            other
            for other in self._links.get(peer_id, ())
            if other.peer is not None and other.peer.incarnation != incarnation
        )

    def choose(self, peer_id: str) -> LinkEngine | None:
        """The link that stays, if there is one; others that are established take no new calls from now on."""
        links = [engine for engine in self._links.get(peer_id, ()) if engine.phase is Phase.OPEN]
        established = [engine for engine in links if engine.is_confirmed]
        others = [engine for engine in links if not engine.is_confirmed]
        best = None
        for engine in (*self._ranked(established), *self._ranked(others)):
            # One that has said goodbye already is none.
            if engine.restore():
                best = engine
                break
        for engine in established:
            if best is not None and engine is not best:
                engine.retire("another link of this pair stays")
        return best

    def _ranked(self, engines: list[LinkEngine]) -> list[LinkEngine]:
        return sorted(engines, key=self._rank, reverse=True)

    def _rank(self, engine: LinkEngine) -> tuple[bool, int]:
        dialer = self._own_id if engine.is_dialer else engine.peer_id
        return dialer == min(self._own_id, engine.peer_id), engine.dial

    def _remember(self, peer_id: str, incarnation: str) -> None:
        remembered = self._superseded.setdefault(peer_id, deque(maxlen=_REMEMBERED))
        if incarnation not in remembered:
            remembered.append(incarnation)
        if len(self._superseded) > _MAX_IDS:
            del self._superseded[next(iter(self._superseded))]
