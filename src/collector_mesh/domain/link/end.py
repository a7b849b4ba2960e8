"""One end of a link as those who use it see it: what it shows, and what can be asked of it."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.link.backlog import Backlog
from collector_mesh.domain.link.calls import LinkCalls
from collector_mesh.domain.link.closing import RETIRING, Closing, Phase
from collector_mesh.domain.link.deadlines import Deadlines
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.link.health import Health, Heartbeats, Vital
from collector_mesh.domain.link.hearing import Hearing
from collector_mesh.domain.link.held import HeldCalls
from collector_mesh.domain.link.host import LinkHost
from collector_mesh.domain.link.kept import KeptCalls
from collector_mesh.domain.link.notices import Notices
from collector_mesh.domain.link.outbox import HELD_STEP
from collector_mesh.domain.link.questions import Question, Questions
from collector_mesh.domain.link.recovery import Recovery
from collector_mesh.domain.link.sieve import Sieve
from collector_mesh.domain.link.telling import Telling
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.frames import Catalog, Introduction, Role
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import Carrier
from collector_mesh.domain.model.status import Reply, Status
from collector_mesh.domain.policies.callers import name_of


def nobody() -> None:
    """Tell nobody."""


class LinkEnd:
    """What one end of a link shows of itself and of the other end.

    Args:
        me: who this side is.
        host: whom it tells.
        now: when it was opened.
        dial: counts the links that this side has opened; 0 where the other side has dialed.
        heartbeats: when to send signs of life.
        identity: what the transport has proved about the other side.
        recovery: finds out what became of calls where links are lost.
    """

    carrier: Carrier = "link"
    _calls: LinkCalls
    _deadlines: Deadlines
    _telling: Telling

    # Of what is asked for each call there is nothing in between.
    send: Callable[[SentCall], None]
    """Send a call; what comes of it goes to its `settle`, which may happen before this returns."""
    answer: Callable[[TakenCall, Reply], None]
    """Answer a call of the other side."""

    def __init__(
        self,
        me: Introduction,
        host: LinkHost,
        *,
        now: float,
        dial: int = 0,
        heartbeats: Heartbeats | None = None,
        identity: Identity | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        self.recovery = recovery
        """Finds out what became of calls where links are lost."""
        self.name_for_other = recovery.name_of_link() if recovery is not None else ""
        """What the other side calls this link when it asks for its calls; a secret of both ends."""
        # Those who may not have a link hear nothing of what is served.
        limits = attrs.evolve(me.limits, takes_pieces=True, remembers=self.name_for_other)
        self._me = attrs.evolve(me, catalog=Catalog(), limits=limits)
        self._host = host
        self._notices = Notices()
        self.sieve = Sieve()
        """What is left out of what the other side tells."""
        self._hearing = Hearing(self.sieve)
        self._backlog = Backlog()
        self.on_work: Callable[[], None] = nobody
        """Called when there may be something to write."""
        self.on_over: Callable[[], None] = nobody
        """Called when `is_over` has become true."""
        self.on_held: Callable[[], None] = nobody
        """Called when much more may be held than before."""
        self.on_renewal: Callable[[], None] = nobody
        """Called when the other side, which was dialed, wants to be dialed again."""
        self._arrived = 0
        self._weigh_at = HELD_STEP
        """When so many bytes have come, it is seen whether too much is held."""
        self._closing = Closing(is_dialer=dial > 0)
        self._health = Health(heartbeats or Heartbeats(), now)
        self._questions = Questions()
        self.began = now
        self.time = now
        """When it was last told the time."""
        self.is_dialer = dial > 0
        self.dial = dial
        self.peer: Introduction | None = None
        """Who is at the other end, once it has said so."""
        self.peer_role: int = Role.COLLECTOR
        self.identity = identity
        self._address = ""
        self.connection_id = ""
        self.refusal: Status | None = None
        """Why the other side does not want this link, if it does not."""
        self.has_no_link = False
        """Whether the other side does not know of links."""
        self.nobody_listens = False
        """Whether there is no other side, as the machine there says."""
        self.is_confirmed = False
        """Whether both ends know that it is open."""
        self.peer_is_draining = False
        self.draining_was_seen = False
        self.vital = Vital.LIVE
        self.offered: frozenset[str] | None = None
        """The only namespaces that the other side is told of, None for all."""

    @property
    def knows_all(self) -> bool:
        """Whether all that the other side serves is known: a large catalog comes in pieces."""
        return self._hearing.is_whole and self._backlog.is_empty

    @property
    def peer_id(self) -> str:
        """Id of the other side, empty until it has told."""
        return self.peer.collector_id if self.peer is not None else ""

    @property
    def source(self) -> str:
        """Who the other side is as a caller, by what is proved of it, else by where it is."""
        return self._calls.inbox.source

    # ---- the state -----------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """How far it has come."""
        return self._closing.phase

    @property
    def is_usable(self) -> bool:
        """Whether calls may be sent."""
        return self._closing.state.sends

    @property
    def has_answered(self) -> bool:
        """See `Way`: there is none before somebody has."""
        return True

    @property
    def is_retiring(self) -> bool:
        """Whether it takes no new calls and ends when all have been answered."""
        return self._closing.state is RETIRING

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to write, so that the stream can be closed."""
        return self._closing.phase is Phase.ENDED

    @property
    def reason(self) -> str:
        """Why it ends or has ended."""
        return self._closing.reason

    @property
    def has_failed(self) -> bool:
        """Whether this side has ended it, because of something that the other side did or did not do."""
        return self._closing.has_failed

    @property
    def was_clean(self) -> bool:
        """Whether the other side has said goodbye with all calls answered."""
        return self._closing.was_clean

    # ---- calls ---------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Calls of this side that are not answered."""
        return self._calls.in_flight

    @property
    def running(self) -> int:
        """Calls of the other side that are not answered."""
        return self._calls.running

    @property
    def queued_bytes(self) -> int:
        """What waits to be written."""
        return self._calls.outbox.queued_bytes

    # ---- time ----------------------------------------------------------------------------------------

    @property
    def round_trip(self) -> float | None:
        """Of the last heartbeat, in seconds."""
        return self._health.round_trip

    @property
    def pongs(self) -> int:
        """Pings that were answered."""
        return self._health.pongs

    @property
    def next_tick(self) -> float:
        """When a look at the time is due; a call that is sent may bring it forward."""
        return self._deadlines.next_tick if self._backlog.is_empty else self.time

    # ---- what the host asks for ----------------------------------------------------------------------

    def proved(self, identity: Identity | None) -> None:
        """The transport has proved something about the other side, or has not."""
        self.identity = self._calls.inbox.identity = identity
        self.comes_from(self._address)

    def comes_from(self, address: str) -> None:
        """Where the other side is; whom that is known of counts by what is proved."""
        self._address = address
        self._calls.inbox.source = name_of(self.identity, address)

    def cancel(self, sent: SentCall) -> None:
        """Wait for a call no longer; the other side is told if it knows of it."""
        if not sent.is_done:
            self._calls.cancel(sent)
            self.on_work()

    def settle_late(self, sent: SentCall, reply: Reply) -> None:
        """Tell what came of a call after the link was lost."""
        self._telling.settle(sent, reply)
        self._telling.tell()

    def ask_about_calls(self, held: HeldCalls) -> None:
        """Ask the other side for the calls of a link to it that was lost."""
        if self._closing.state.tells:
            self._notices.add(lost=held)
            self.on_work()

    @property
    def address(self) -> str:
        """Where the other side is, as the transport tells it."""
        return self._address

    @property
    def last_taken(self) -> int:
        """The highest number of a call of the other side."""
        return self._calls.inbox.last_number

    def takes_over(self, number: int, kept: KeptCalls, there: int) -> None:
        """A call of the other side is one of a lost link, where it has another number."""
        self._calls.of_lost[number] = kept, there

    def tell_catalog(self) -> None:
        """What this side serves has changed: the other side is told once, however often this is called."""
        # A hello that is on its way has an old one; a welcome is made when it is sent.
        if self._closing.state.tells or (self.is_dialer and self.phase is Phase.GREETING):
            self._notices.add(catalog=True)
            self.on_work()

    def tell_reach(self, news: Iterable[Reach]) -> None:
        """Tell who can be reached through this side; of two things said of one collector the later counts."""
        if self._closing.state.tells and self.peer_role == Role.COLLECTOR:
            self._notices.add(reach=news)
            self.weigh()
            self.on_work()

    def tell_draining(self) -> None:
        """Announce that this side takes no new calls; see `draining_was_seen`."""
        if self._closing.state.tells:
            self._notices.add(draining=True)
            self.on_work()

    def ask_for_renewal(self) -> None:
        """Have the other side, which has dialed, dial again; one of an earlier version does not."""
        if self._closing.state.tells and not self.is_dialer:
            self._notices.add(renew=True)
            self.on_work()

    def ask(self) -> None:
        """Have a ping sent; `pongs` counts the answers."""
        self._health.ask()
        self.on_work()

    def ask_about(self, dial: int) -> Question:
        """Ask the other side whether it has dialed with a number and waits for the answer; see `no_more_about`."""
        question = self._questions.ask(dial)
        self.ask()
        return question

    def no_more_about(self, question: Question) -> None:
        """Wait for an answer no longer."""
        self._questions.forget(question)
        if self._questions.wait:
            self.ask()

    def retire(self, reason: str) -> None:
        """Take no new calls, and say goodbye once all calls of both sides have been answered."""
        if self._closing.retire(reason):
            self.on_work()

    def restore(self) -> bool:
        """Take back `retire`; False if it is too late."""
        return self._closing.restore()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye once what waits has been written."""
        if self._closing.close(code, reason, self.time):
            self.on_work()

    @property
    def held_bytes(self) -> int:
        """What calls, queues, parts of payloads, names, the catalog and news hold for the other side."""
        news = self._backlog.held_bytes + self._notices.held_bytes
        return self._calls.held_bytes + self._hearing.held_bytes + news

    def weigh(self) -> None:
        """Have it seen whether too much is held."""
        self._arrived = 0
        self._weigh_at = self._calls.weigh_step
        outbox = self._calls.outbox
        outbox.tell_at = outbox.queued_bytes + HELD_STEP
        self.on_held()

    def fail(self, reason: str, code: int = 400) -> None:
        """Say goodbye at once."""
        if self._closing.fail(code, reason, self.time):
            self._calls.drop_untold()
            self.on_work()


if TYPE_CHECKING:
    _fits: type[Way] = LinkEnd
