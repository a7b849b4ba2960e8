"""What has become of a call so far."""

from collector_mesh.domain.model.call import Call, says_idempotent
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.verdict import Reason, Verdict
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.topology.candidates import Candidate
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology


class RetryState:
    """The tries of one call, and the most telling of their replies."""

    __slots__ = (
        "_best",
        "_rank",
        "asked",
        "attempts",
        "call",
        "cut_short",
        "failed",
        "has_waited",
        "is_free",
        "missed",
        "untaken",
        "verdicts",
        "wait_until",
    )

    def __init__(self, call: Call) -> None:
        self.call = call
        self.asked: dict[str, None] = dict.fromkeys(call.visited)
        """Who is not asked anymore: it has been tried, lacks the method, or has passed the call on."""
        if call.caller:
            self.asked[call.caller] = None
        self.verdicts: list[Verdict] = []
        """What each try came to, in order."""
        self.attempts = 0
        """How many of them count as attempts."""
        self.failed: Standing | None = None
        """Of the peer whose attempt has failed; the next one is at the expense of its budget."""
        self.cut_short: Candidate | None = None
        """Who was given up before the time of the call, because somebody else could take it over then."""
        self.is_free = False
        """Whether the next attempt is at nobody's expense, and comes at once: the last try was none."""
        self.untaken: Reply | None = None
        """What has come of a try of which nobody has made anything yet."""
        self.wait_until: float | None = None
        """Until when it may wait for somebody who is dialed, None if it has not yet."""
        self.has_waited = False
        """Whether it may not wait anymore."""
        self.missed: dict[str, Connection] = {}
        """Who has left before the call got there, and over which connection it went."""
        self._best: Reply | None = None
        self._rank = (-1, False, False)

    @property
    def executed(self) -> Executed:
        """Whether a handler has run for the call: what was once possible stays so."""
        return self._best.executed if self._best is not None else Executed.NO

    @property
    def has_reply(self) -> bool:
        """Whether any try has given a reply that could be told."""
        return self._best is not None

    def may_repeat_at(self, candidate: Candidate) -> bool:
        """Whether the call may run twice at a peer: the caller says so, or does not say and the peer does."""
        return may_repeat(self.call, by_itself=candidate.is_idempotent)

    def add(self, verdict: Verdict) -> None:
        """Take down what a try came to."""
        self.verdicts.append(verdict)
        if verdict.reason is not Reason.MOVED:
            self.asked[verdict.peer_id] = None
        if verdict.is_attempt:
            self.attempts += len(verdict.tried)
        self.is_free = not verdict.is_attempt

    def ask_again(self, topology: Topology) -> None:
        """Whoever was missed, and is back, may be tried again."""
        for peer_id, missed in list(self.missed.items()):
            current = topology.get(peer_id)
            if current is not None and current is not missed and current.is_usable:
                del self.missed[peer_id]
                self.asked.pop(peer_id, None)

    def weigh(self, reply: Reply, *, is_reached: bool) -> None:
        """Keep a reply if it tells more than those before it.

        First whether a handler ran: that is never told as less than it was. Then an answer of a collector that
        was reached before one that was not, then 429 before 503 (WIRE §3), then the later one.
        """
        rank = (reply.executed.rank, is_reached, reply.status.code == 429)
        if rank >= self._rank:
            self._best, self._rank = reply, rank

    def told(self, reply: Reply | None = None) -> Reply:
        """What is answered to the caller; `reply` is one that no try has given."""
        if reply is not None:
            self.weigh(reply, is_reached=False)
        best = self._best
        assert best is not None  # for the type checker: whoever asks has a reply, or gives one
        tried = [peer_id for verdict in self.verdicts for peer_id in verdict.tried]
        if tried and (len(tried) > 1 or best.status.code != OK.code):
            best.tried = tuple(tried)
        return best


def may_repeat(call: Call, *, by_itself: bool) -> bool:
    """Whether a call may run twice: as the caller says, else as the method says by itself."""
    said = says_idempotent(call)
    return by_itself if said is None else said
