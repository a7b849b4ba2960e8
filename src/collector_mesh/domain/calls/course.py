"""What has become of a call so far."""

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.topology.candidates import Candidate


class Course:
    """The attempts of one call, and what came of the last one."""

    __slots__ = ("asked", "call", "cut_short", "failed", "free", "is_free", "last", "may_have_run", "tried")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.asked: dict[str, None] = dict.fromkeys(call.visited)
        """Who is not asked anymore: it has been tried, lacks the method, or has passed the call on."""
        if call.caller:
            self.asked[call.caller] = None
        self.tried: list[str] = []
        """Who was tried, in this order."""
        self.last: Reply | None = None
        """What came of the last attempt."""
        self.failed: Standing | None = None
        """Of the peer whose attempt has failed; the next one is at the expense of its budget."""
        self.cut_short: Candidate | None = None
        """Who was given up before the time of the call, because somebody else could take it over then."""
        self.free = 0
        """Attempts that crossed the announcement of a drain: they have tried nothing."""
        self.is_free = False
        """Whether the next attempt is at nobody's expense."""
        self.may_have_run = False
        """Whether the call goes on only to a collector that says that it may run twice."""

    @property
    def attempts(self) -> int:
        """How many there were, but for the free ones."""
        return len(self.tried) - self.free

    def is_idempotent(self, candidate: Candidate | None) -> bool:
        """Whether the call may run twice: the caller says so, or does not say and the peer does."""
        said = says_idempotent(self.call)
        return candidate is not None and candidate.is_idempotent if said is None else said

    def took(self, candidate: Candidate, reply: Reply) -> None:
        """Take down what came of an attempt at a peer."""
        self.asked[candidate.peer_id] = None
        # Whoever passes calls on tells whom it has tried.
        tried = reply.tried or (candidate.peer_id,)
        self.tried += tried
        self.last = reply
        if self.cut_short is not candidate:
            self.cut_short = None
        self.failed = candidate.standing
        self.is_free = candidate.is_leaving and reply.executed is Executed.NO
        if self.is_free:
            self.free += len(tried)
        if reply.executed is not Executed.NO:
            self.may_have_run = True

    def result(self, reply: Reply) -> Reply:
        """The reply, with those who were tried before it."""
        if self.tried and (len(self.tried) > 1 or reply.status.code != 200):
            reply.tried = tuple(self.tried)
        return reply


def says_idempotent(call: Call) -> bool | None:
    """What the caller says on whether a call may run twice; None if nothing."""
    if call.idempotent is not None:
        return call.idempotent
    return call.hints.get("idempotent") == "true" or None
