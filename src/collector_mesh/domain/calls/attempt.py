"""One try of a call at one peer, and what it tells of that peer."""

from collections.abc import Callable

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import DeadlineExceededError, Executed, OverloadedError
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.policies.standing import Outcome
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.topology.candidates import Candidate

_FAILURES = frozenset({502, 503, 504})


class Judge:
    """Tells how a peer is from what came of an attempt there.

    Args:
        clock: the time.
        dice: jitter how long breakers are open.
        patience: seconds; an attempt that was given less time is no failure of the peer when that is up, or
            callers with tiny deadlines could open breakers for everybody.
    """

    def __init__(self, clock: Clock, dice: Randomness, *, patience: float = 0.1) -> None:
        self.clock = clock
        self._dice = dice
        self._patience = patience

    def ended(self, candidate: Candidate, reply: Reply, began: float, *, is_probe: bool) -> None:
        """Take down what came of an attempt."""
        now = self.clock.now()
        outcome, retry_after = Outcome.NOTHING, 0.0
        code = reply.status.code
        if reply.executed is Executed.YES:
            outcome = Outcome.SUCCESS
        elif candidate.hops and reply.tried:
            # Whoever passes calls on is well: somebody behind it is not.
            outcome = Outcome.ANSWER
        elif code == OverloadedError.code:
            outcome, retry_after = Outcome.BUSY, retry_after_of(reply)
        elif code == DeadlineExceededError.code and reply.executed is Executed.NO:
            # It has never left, or had no time left where it came to.
            outcome = Outcome.NOTHING
        elif code in _FAILURES:
            is_early = code == DeadlineExceededError.code and now - began < self._patience
            # What crosses the announcement of a drain, or was on the link of a pair that goes, is no failure.
            is_leaving = reply.executed is Executed.NO and candidate.is_leaving
            outcome = Outcome.NOTHING if is_early or is_leaving else Outcome.FAILURE
        elif code < 500 and code != 499:
            outcome = Outcome.ANSWER
        candidate.standing.ended(outcome, began, now, self._dice, is_probe=is_probe, retry_after=retry_after)

    def abandoned(self, candidate: Candidate, began: float, *, is_probe: bool) -> None:
        """The caller has gone."""
        candidate.standing.ended(Outcome.NOTHING, began, self.clock.now(), self._dice, is_probe=is_probe)


class Attempt(SentCall):
    """One try over a link."""

    __slots__ = ("_began", "_engine", "_is_probe", "_judge", "candidate")

    def __init__(
        self,
        call: Call,
        candidate: Candidate,
        engine: LinkEngine,
        answer: Callable[[Reply], None],
        judge: Judge,
        now: float,
        deadline: float,
    ) -> None:
        # Not by `super`: one is made for every call that leaves.
        self.call = call
        self.mode = Mode.DISPATCH if candidate.hops else Mode.SERVE
        self._answer = answer
        self.deadline = deadline
        self.number = 0
        self.size = 0
        self.is_done = False
        self.candidate = candidate
        self._engine = engine
        self._judge = judge
        self._began = now
        self._is_probe = candidate.standing.begun(now)

    def send(self) -> None:
        """Send it; it may be settled before this returns."""
        self._engine.send(self)

    def settle(self, reply: Reply) -> None:
        """Take what came of it."""
        if reply.status is OK and not self._is_probe:
            self.candidate.standing.succeeded(self._began, self._engine.time)
        else:
            self._judge.ended(self.candidate, reply, self._began, is_probe=self._is_probe)
        self._answer(reply)

    def cancel(self) -> None:
        """Wait for it no longer."""
        if not self.is_done:
            self._engine.cancel(self)
            self._judge.abandoned(self.candidate, self._began, is_probe=self._is_probe)


def retry_after_of(reply: Reply) -> float:
    """When a peer that is over its limit may be asked again, in seconds; a tenth where it does not say."""
    told = reply.status.details.get("retry_after_ms", "")
    return min(int(told), 60_000) / 1000 if told.isascii() and told.isdigit() and len(told) < 10 else 0.1
