"""One peer: its starts, its links, and whether it is wanted."""

from collections.abc import Iterable

import attrs

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.ports.clock import Alarm
from collector_mesh.domain.ports.frame_stream import FrameStream

_REMEMBERED = 16
"""Starts of a peer that are refused because a later one has taken over."""


@attrs.define(eq=False)
class OpenLink:
    """A link that is open, or about to be.

    Attributes:
        engine: its state.
        stream: what it goes over.
        address: where it was dialed, or where whoever has dialed is, as the transport tells it.
        opened: rung when it is settled; None where nobody waits for that.
        is_settled: whether it is known what became of it.
        has_opened: whether both sides want it, or have done so.
        error: why this side does not want it.
    """

    engine: LinkEngine
    address: str
    opened: Alarm | None = None
    stream: FrameStream | None = None
    is_settled: bool = False
    has_opened: bool = False
    error: MeshError | None = None

    def settle(self, *, has_opened: bool = False, error: MeshError | None = None) -> None:
        """It is known now what became of it."""
        self.has_opened = self.has_opened or has_opened
        self.error = self.error or error
        self.is_settled = True
        if self.opened is not None:
            self.opened.ring()

    @property
    def leads_to(self) -> str:
        """The address that it was dialed at, empty where the other side has dialed."""
        return self.address if self.engine.is_dialer else ""


class Peer:
    """All that is known of whoever has one id.

    Of several links one is used. The rule is the same at both ends, so that they agree without a word: of links of the
    same two starts the one dialed by the lower id stays, of several dialed by one side the newest, but only once it is
    established at both ends.

    Args:
        peer_id: its id.
        own_id: the id of this collector.
    """

    def __init__(self, peer_id: str, own_id: str) -> None:
        self.peer_id = peer_id
        self.wanted = ""
        """The address at which it is kept connected, empty if nobody here wants it."""
        self.links: list[OpenLink] = []
        self.offered: frozenset[str] | None = None
        """The only namespaces that it is offered, None for all."""
        self.shares_nothing = False
        """Whether that was told of the connection that there is."""
        self.unknown_since: float | None = None
        """Since when it is neither connected nor wanted, on the monotonic clock."""
        self._own_id = own_id
        self._incarnation = ""
        """Of its latest start."""
        self._superseded: dict[str, None] = {}

    def link_of(self, engine: LinkEngine) -> OpenLink | None:
        """The link with a state, if it is one of this peer."""
        return next((link for link in self.links if link.engine is engine), None)

    def is_superseded(self, incarnation: str) -> bool:
        """Whether a later start has taken over from one."""
        return incarnation in self._superseded

    def holder_against(self, incarnation: str) -> LinkEngine | None:
        """A link that is up to another start, which has to be asked whether it lives."""
        for link in self.links:
            engine, holder = link.engine, link.engine.peer
            if engine.phase is not Phase.OPEN or engine.has_failed:
                continue
            if holder is not None and holder.incarnation != incarnation:
                return engine
        return None

    def link_to(self, incarnation: str) -> LinkEngine | None:
        """A link that is up to a start; it can be asked what else that one does."""
        for link in self.links:
            engine, holder = link.engine, link.engine.peer
            is_up = engine.phase is Phase.OPEN and not engine.has_failed
            if is_up and holder is not None and holder.incarnation == incarnation:
                return engine
        return None

    def join(self, link: OpenLink) -> Iterable[LinkEngine]:
        """Take a link in; give the links to earlier starts, which are over now."""
        incarnation = link.engine.peer.incarnation if link.engine.peer is not None else ""
        others = self._links_besides(incarnation)
        self._begin(incarnation)
        self.links.append(link)
        return others

    def supersede_all(self) -> Iterable[LinkEngine]:
        """It has no links anymore; give those to earlier starts, which are over now."""
        others = self._links_besides("")
        if others:
            self._begin("")
        return others

    def _links_besides(self, incarnation: str) -> list[LinkEngine]:
        engines = [link.engine for link in self.links]
        return [
            engine for engine in engines if engine.peer is not None and engine.peer.incarnation != incarnation
        ]

    def _begin(self, incarnation: str) -> None:
        if self._incarnation not in ("", incarnation):
            self._superseded[self._incarnation] = None
            while len(self._superseded) > _REMEMBERED:
                del self._superseded[next(iter(self._superseded))]
        self._incarnation = incarnation

    def choose(self) -> OpenLink | None:
        """The link that stays, if there is one; others that are established take no new calls from now on."""
        links = [link for link in self.links if link.engine.phase is Phase.OPEN]
        established = [link for link in links if link.engine.is_confirmed]
        others = [link for link in links if not link.engine.is_confirmed]
        best = None
        for link in (*self._ranked(established), *self._ranked(others)):
            # One that has said goodbye already is none.
            if link.engine.restore():
                best = link
                break
        for link in established:
            if best is not None and link is not best:
                link.engine.retire("another link of this pair stays")
        return best

    def _ranked(self, links: list[OpenLink]) -> list[OpenLink]:
        return sorted(links, key=self._rank, reverse=True)

    def _rank(self, link: OpenLink) -> tuple[bool, int]:
        dialer = self._own_id if link.engine.is_dialer else self.peer_id
        return dialer == min(self._own_id, self.peer_id), link.engine.dial
