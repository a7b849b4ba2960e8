"""One end of a link as what it hears and says of both sides: greetings, catalogs, news, and how it ends."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.link.backlog import parts_of
from collector_mesh.domain.link.catalogs import Budget, shared_part
from collector_mesh.domain.link.closing import OPEN, RETIRING, Phase
from collector_mesh.domain.link.end import LinkEnd
from collector_mesh.domain.link.handshake import read_handshake
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sizes import (
    MAX_FIRST_PIECE,
    PIECE_BYTES,
    cut_introduction,
    text_bytes,
    whole_catalog_bytes,
)
from collector_mesh.domain.model.errors import clipped, quoted
from collector_mesh.domain.model.frames import (
    Catalog,
    CatalogChange,
    Control,
    Frame,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Role,
)
from collector_mesh.domain.model.limits import MAX_ID_BYTES
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import OK, Status

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine


_LOSABLE = (OPEN, RETIRING)


class LinkTalk(LinkEnd):
    """What one end of a link makes of what the other end says of itself, and what it says of its own side."""

    @property
    def known_methods(self) -> Mapping[MethodKey, MethodInfo]:
        """What the other side has said that it serves, by the names; a live view."""
        return self._hearing.methods

    # ---- what comes in -------------------------------------------------------------------------------

    def _read_greeting(self, frame: Frame) -> bool:
        """Read what comes before all else in a frame; True if the link is open and there may be more in it."""
        control = frame.control
        if self.phase is Phase.GREETING:
            said = read_handshake(frame, is_dialer=self.is_dialer, has_greeted=self.peer is not None)
            if isinstance(said, Hello):
                self.peer = peer = self._heard_of(said.introduction)
                self.peer_role, self.dial = said.role, said.dial
                self._closing.greeted()
                # What is malformed of its catalog is for the host to judge: it may refuse whoever says that.
                hello = attrs.evolve(said, introduction=attrs.evolve(peer, catalog=said.introduction.catalog))
                self._tell(lambda: self._host.greeted(self._whole, hello))
            elif isinstance(said, Greeting):
                return self._read_answer(said)
            elif said is not None:
                self._end(said.reason, clean=True)
            return False
        if control is not None and (control.hello is not None or control.greeting is not None):
            raise ProtocolError("a second hello")
        if not self.is_confirmed:
            self.is_confirmed = True
            self._tell(lambda: self._host.confirmed(self._whole))
            self._telling.tell()
        if control is not None and control.draining:
            # Before the replies of this frame: whoever was refused for the drain has to know that.
            self._peer_drains()
        return True

    def _read_answer(self, greeting: Greeting) -> bool:
        """Read the answer to hello; True if the link is open and wanted."""
        status = greeting.status
        if status.code != OK.code:
            self.refusal = status
            self.peer = cut_introduction(greeting.introduction)
            self._end(status.message or f"refused with the code {status.code}", clean=True)
            return False
        self.connection_id = clipped(greeting.connection_id, MAX_ID_BYTES)
        self._open(self._heard_of(greeting.introduction))
        # So that the other side knows that its answer has come; and to have a round trip.
        self._health.ask()
        self.is_confirmed = True
        self.on_work()
        self._tell(lambda: self._host.opened(self._whole))
        # Whoever welcomes this side may have put calls into the same frame, which the host may not want.
        self._telling.tell()
        return self._closing.state.reads

    def _read_control(self, control: Control, now: float) -> None:
        if control.ping is not None:
            self._notices.add(pong=self._pong(control.ping))
            self._health.peer_was_late(control.ping.lag)
        if control.pong is not None:
            self._read_pong(control.pong, now)
        if control.catalog is not None or control.catalog_change is not None or control.reach:
            self._read_news(control)
        if control.draining:
            self._peer_drains()
        if control.draining_seen:
            self.draining_was_seen = True
            self._tell_of_change()
        if control.renew and self.is_dialer:
            self._tell(self.on_renewal)
        if control.goodbye is not None:
            self._end(control.goodbye.reason, clean=control.goodbye.is_clean)

    def _peer_drains(self) -> None:
        if not self.peer_is_draining:
            self.peer_is_draining = True
            self._notices.add(draining_seen=True)
            self._tell_of_change()

    def _pong(self, ping: Heartbeat) -> Heartbeat:
        if not ping.dial:
            return Heartbeat(ping.number)
        try:
            return Heartbeat(ping.number, dial=ping.dial, is_own_dial=self._host.is_dialing(ping.dial))
        except Exception as error:  # noqa: BLE001  # a host may raise anything
            self._telling.broken(error)
            return Heartbeat(ping.number)

    def _read_pong(self, pong: Heartbeat, now: float) -> None:
        if self._health.ponged(pong.number, now):
            self._calls.outbox.window.ponged(self._health.round_trip or 0.0)
        self._questions.answered(pong)
        if self._questions.wait:
            self.ask()

    def _read_news(self, control: Control) -> None:
        """Take in what the other side serves and whom it reaches, or as much as does not take too long."""
        backlog, was_empty = self._backlog, self._backlog.is_empty
        if control.catalog is not None:
            backlog.forget_catalog()
            backlog.add(self._hearing.replace(control.catalog))
        if control.catalog_change is not None:
            change = control.catalog_change
            steps = partial(self._hearing.steps, change)
            # Of a namespace that comes or goes counts what is known when its turn comes.
            waits = not backlog.is_empty and (change.namespaces or change.removed_namespaces)
            backlog.add((steps,) if waits else steps())
        if self.peer_role == Role.COLLECTOR:
            backlog.add(parts_of(control.reach))
        if was_empty:
            self._take_in()

    def _take_in(self) -> None:
        """Take in the next part of the news that wait."""
        for news in self._backlog.take():
            if isinstance(news, CatalogChange):
                assert self.peer is not None  # for the type checker: it has said hello
                self.peer = attrs.evolve(self.peer, catalog=self._hearing.change(news))
                if self._shares_others(news):
                    self.tell_catalog()
                self._tell_of_change()
            else:
                self._tell(partial(self._host.reached, self._whole, news))
        self.weigh()

    def _shares_others(self, change: CatalogChange) -> bool:
        """Whether a change of the other side's catalog is one of what it hears of this side's."""
        is_told_a_part = not self.is_dialer and self.peer_role == Role.COLLECTOR
        return is_told_a_part and bool(change.namespaces or change.removed_namespaces)

    # ---- what goes out -------------------------------------------------------------------------------

    def welcome(self, connection_id: str, shared: tuple[str, ...]) -> None:
        """Accept who has said hello."""
        if not self._closing.state.welcomes or self.peer is None:
            return
        self.connection_id = connection_id
        text = f"Connected with {len(shared)} shared namespaces"
        # This side finds out for itself what it shares; whoever does not is told of so many.
        told = Budget(MAX_FIRST_PIECE, PIECE_BYTES).take(shared, 0, text_bytes)
        self._tells_to(self.peer)
        me = self._introduced(self._told_of(self._host.catalog()))
        self._notices.add(greeting=Greeting(Status(200, text), me, connection_id, told))
        self._open(self.peer)
        self.on_work()

    def refuse(self, status: Status) -> None:
        """Turn away who has said hello."""
        if self._closing.state.welcomes:
            me = Introduction(collector_id=self._me.collector_id)
            self._notices.add(greeting=Greeting(status, me))
            self.fail(status.message, status.code)

    def _catalog(self) -> Catalog:
        """What this side serves now; what it has told before if its host cannot say."""
        try:
            return self._told_of(self._host.catalog())
        except Exception as error:  # noqa: BLE001  # a host may raise anything
            self._telling.broken(error)
            return self._notices.offering.told

    def _told_of(self, catalog: Catalog) -> Catalog:
        """What the other side is told of a catalog: what it is offered; whoever has come by itself hears of what it shares."""
        if self.offered is not None:
            catalog = shared_part(catalog, tuple(self.offered))
        if self.is_dialer or self.peer is None:
            return catalog
        if self.peer_role != Role.COLLECTOR:
            return Catalog()  # which is a member of nothing
        return shared_part(catalog, self.peer.catalog.namespaces)

    def _introduced(self, catalog: Catalog) -> Introduction:
        """What this side says of itself; what does not fit of its catalog follows in pieces."""
        notices = self._notices
        if notices.takes_pieces:
            told = notices.offering.begin(catalog)
        else:
            told = notices.offering.whole(catalog, notices.whole_bytes)
        return attrs.evolve(self._me, catalog=told)

    def _tells_to(self, peer: Introduction) -> None:
        """It is known now who the other side is, and how it is told of catalogs."""
        notices, limits = self._notices, peer.limits
        notices.takes_pieces = limits.takes_pieces
        if not limits.takes_pieces:
            notices.whole_bytes = whole_catalog_bytes(self._me, limits.max_payload_bytes)
            # A hello had to be made before that was known.
            notices.add(catalog=notices.offering.has_more)

    def _heard_of(self, peer: Introduction) -> Introduction:
        """What the other side says of itself, without what is malformed of its catalog or too long."""
        catalog, rest = self._hearing.begin(peer.catalog)
        self._backlog.add(rest)
        self.weigh()
        return attrs.evolve(cut_introduction(peer), catalog=catalog)

    def _open(self, peer: Introduction) -> None:
        self.peer = peer
        self._tells_to(peer)
        self._closing.opened()
        self._deadlines.opened(self.time)
        self._calls.opened(peer, self.peer_role)
        if self.recovery is not None:
            self.recovery.opened(self._whole)

    # ---- the end -------------------------------------------------------------------------------------

    @property
    def _whole(self) -> "LinkEngine":
        """This end as its host knows it."""
        return self._telling.engine

    def _tell(self, news: Callable[[], None]) -> None:
        self._telling.news.append(news)

    def _tell_of_change(self) -> None:
        self._tell(lambda: self._host.changed(self._whole))

    def _end(self, reason: str, *, clean: bool, is_loss: bool = False) -> None:
        # Whoever says goodbye, or is told it, has nothing to be asked for.
        recovery = self.recovery if is_loss and self._closing.state in _LOSABLE else None
        if not self._closing.end(reason, clean=clean):
            return
        # First of all, so that calls which go elsewhere find another link to the same peer.
        self._tell(lambda: self._host.ended(self._whole))
        self._backlog.clear()
        self._calls.end(
            f"the link to {quoted(self.peer_id)} has ended: {self.reason}",
            self.time,
            clean=clean,
            recovery=recovery,
        )
        if self.recovery is not None:
            self.recovery.ended(self._whole)
            self._tell(self.recovery.look)
        self.on_over()
