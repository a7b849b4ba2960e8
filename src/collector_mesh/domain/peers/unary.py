"""The way to a peer that has no links: one request for each call."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
    quoted,
    text_of,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import Carrier
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.tasks import Job, Tasks

_LATE_SECONDS = 1.0
"""How much later than it should an introduction ends at the latest, whoever has written the link."""

_LATE_CALL_SECONDS = 0.05
"""The same for a call: a link that keeps its deadline knows more of what has become of it."""


class UnaryWay:
    """Sends calls over a `UnaryLink`.

    Args:
        link: to the peer.
        identity: what was proved about it when it has connected, or None.
        tasks: runs each request.
        clock: the time.
        lost: told when the peer could not be reached, with the reason.
        may_serve: asked whether the peer may serve a namespace, when a call in it goes there for the first time.
    """

    carrier: Carrier = "unary"
    is_retiring = False

    def __init__(
        self,
        link: UnaryLink,
        identity: Identity | None,
        *,
        tasks: Tasks,
        clock: Clock,
        lost: Callable[["UnaryWay", str], None],
        may_serve: Callable[["UnaryWay", str], bool],
    ) -> None:
        self.link = link
        self.identity = identity
        self.round_trip: float | None = None
        self.peer_id = ""
        """Whom it leads to, once that is known."""
        self.heard = clock.now()
        """When the peer has answered, or has connected, last, on the monotonic clock, in seconds."""
        self._silent_since: float | None = None
        """When it has not answered for the first time since then."""
        self.has_answered = False
        """Whether somebody has ever answered there; else it is only said that somebody would."""
        self.caller = ""
        """Who has connected, as `collector_mesh.domain.policies.callers` names it."""
        self._tasks = tasks
        self._now = clock.now
        self._lost = lost
        self._may_serve = may_serve
        self._asked: dict[str, bool] = {}
        self._sent: dict[SentCall, Job | None] = {}

    def ask_again(self) -> None:
        """Ask anew which namespaces the peer may serve: the rules are others."""
        self._asked.clear()

    @property
    def time(self) -> float:
        """See `Way`."""
        return self._now()

    @property
    def in_flight(self) -> int:
        """See `Way`."""
        return len(self._sent)

    def send(self, sent: SentCall) -> None:
        """See `Way`."""
        self._sent[sent] = None
        namespace = sent.call.key.namespace
        if not self._asked.get(namespace) and not self._is_served(namespace):
            # As if it was no member, so that others are asked.
            self._settle(sent, Reply.refused(NotFoundError(f"namespace {quoted(namespace)} not found")))
            return
        outcome = self._tasks.begin(self._serve(sent))
        if isinstance(outcome, Reply):
            self._settle(sent, outcome)
            return

        def settle(reply: Reply | None, error: BaseException | None) -> None:
            if reply is None:
                if not isinstance(error, MeshError):
                    error = OutcomeUnknownError("outcome unknown: it was stopped")
                reply = Reply.refused(error)
            self._settle(sent, reply)

        # A link of a user's may not give it up by itself.
        self._sent[sent] = outcome.go_on(sent.deadline + _LATE_CALL_SECONDS, _nothing, settle)

    def is_refused(self, namespace: str) -> bool:
        """Whether it was found that the peer may not serve a namespace."""
        return self._asked.get(namespace) is False

    def _is_served(self, namespace: str) -> bool:
        if namespace not in self._asked:
            self._asked[namespace] = self._may_serve(self, namespace)
        return self._asked[namespace]

    def cancel(self, sent: SentCall) -> None:
        """See `Way`."""
        job = self._sent.pop(sent, None)
        sent.is_done = True
        if job is not None:
            job.cancel()

    def tell_reach(self, news: Iterable[Reach]) -> None:
        """See `Way`; nobody without links passes calls on."""

    async def is_there(self, collector_id: str, *, timeout: float) -> bool:
        """Ask whether whoever it leads to is still there; see `who_is_there`."""
        try:
            return await self.who_is_there(collector_id, timeout=timeout) == self.peer_id
        except Exception:  # noqa: BLE001  # a transport of a user's may raise anything
            return False

    async def who_is_there(self, collector_id: str, *, timeout: float) -> str:
        """Ask who is at the other end.

        An introduction without an address is refused by every collector, and most name themselves then; one that does
        not, as the Go original, counts as whoever this leads to.

        Args:
            collector_id: of whoever asks.
            timeout: seconds for the answer.

        Raises:
            UnavailableError: nobody has answered in time.
        """
        began = self._now()
        welcome = await self.introduce(Offer(collector_id, ""), timeout=timeout)
        if welcome.collector_id not in ("", self.peer_id):
            return welcome.collector_id
        self.has_spoken()
        self.round_trip = self.heard - began
        return self.peer_id

    def has_spoken(self) -> None:
        """The peer has answered, or has connected."""
        self.heard = self._now()
        self._silent_since = None

    def was_silent(self) -> None:
        """The peer was asked, and has not answered in time."""
        if self._silent_since is None:
            self._silent_since = self._now()

    def has_gone(self, patience: float) -> bool:
        """Whether the peer was not heard of for `patience` seconds, though it was asked for half of them.

        One answer that comes late proves nothing; nor does it that nobody has asked, as where this process stood still.
        """
        now = self._now()
        since = self._silent_since
        return since is not None and now - since >= patience / 2 and now - self.heard >= patience

    async def introduce(self, offer: Offer, *, timeout: float) -> Welcome:
        """Send an introduction; the answer may be a refusal.

        Raises:
            UnavailableError: nobody has answered in time.
        """
        outcome = self._tasks.begin(self.link.connect(offer, timeout=timeout))
        if not isinstance(outcome, Welcome):
            try:
                outcome = await outcome.result(self._now() + timeout + _LATE_SECONDS, _nothing)
            except DeadlineExceededError as error:
                text = f"nobody has answered at {self.link.address} within {timeout:g} s"
                raise UnavailableError(text) from error
        self.has_answered = True
        return outcome

    async def _serve(self, sent: SentCall) -> Reply:
        call = sent.call
        if sent.deadline < call.deadline:
            call = attrs.evolve(call, deadline=sent.deadline)
        try:
            reply = await self.link.serve(call)
        except UnavailableError as error:
            self._lost(self, str(error))
            return Reply.refused(error)
        except MeshError as error:
            return Reply.refused(error)
        except Exception as error:  # noqa: BLE001  # a transport of a user's may raise anything
            return Reply.refused(OutcomeUnknownError(f"outcome unknown: {text_of(error)}"))
        self.has_spoken()
        self.has_answered = True
        if reply.executed is Executed.YES and not reply.handled_by:
            # The peer runs what it is asked for itself, or not at all.
            reply.handled_by = self.peer_id
        return reply

    def _settle(self, sent: SentCall, reply: Reply) -> None:
        self._sent.pop(sent, None)
        if not sent.is_done:
            sent.is_done = True
            sent.settle(reply)


def _nothing() -> None:
    """Nothing is given back when a request has ended."""


if TYPE_CHECKING:
    _fits: type[Way] = UnaryWay
