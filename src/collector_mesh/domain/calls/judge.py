"""Tells how a peer is from what came of the calls that were sent to it."""

from collections.abc import Callable
from math import inf

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import DeadlineExceededError, Executed, OverloadedError
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.standing import Outcome
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.topology.candidates import Candidate

_FAILURES = frozenset({502, 503})


class Judge:
    """Has the standing of a peer know what came of an attempt there.

    Args:
        clock: the time.
        dice: jitter how long breakers are open.
        patience: seconds; where nobody knows how long a method takes, an attempt whose time was shorter is no
            failure of the peer when that is up, or callers with tiny deadlines could open breakers for everybody.
        goes_on_elsewhere: says whether a call is tried somewhere else where nobody knows what came of it at a peer.
    """

    def __init__(
        self,
        clock: Clock,
        dice: Randomness,
        *,
        patience: float = 0.1,
        goes_on_elsewhere: Callable[[Call, Candidate], bool] | None = None,
    ) -> None:
        self.goes_on_elsewhere = goes_on_elsewhere or _nowhere
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
            candidate.times.took(now - began, now)
        elif candidate.hops and reply.tried:
            # Whoever passes calls on is well: somebody behind it is not.
            outcome = Outcome.ANSWER
        elif code == OverloadedError.code:
            outcome, retry_after = Outcome.BUSY, retry_after_of(reply)
        elif code == DeadlineExceededError.code:
            self._unanswered(candidate, began, now, patience=self._patience, is_probe=is_probe)
            return
        elif code in _FAILURES:
            # What crosses the announcement of a drain, or was on the link of a pair that goes, is no failure.
            is_leaving = reply.executed is Executed.NO and candidate.is_leaving
            outcome = Outcome.NOTHING if is_leaving else Outcome.FAILURE
        elif code < 500 and code != 499:
            outcome = Outcome.ANSWER
        candidate.standing.ended(outcome, began, now, self._dice, is_probe=is_probe, retry_after=retry_after)

    def abandoned(self, candidate: Candidate, began: float, *, is_probe: bool) -> None:
        """The caller has gone, without an answer."""
        self._unanswered(candidate, began, self.clock.now(), patience=inf, is_probe=is_probe)

    def _unanswered(
        self, candidate: Candidate, began: float, now: float, *, patience: float, is_probe: bool
    ) -> None:
        """The call has taken at least so long: too long, if nearly all calls of the method take less."""
        p99 = candidate.times.p99
        candidate.standing.unanswered(
            began,
            now,
            self._dice,
            is_failure=now - began >= patience if p99 == inf else now - began > p99,
            is_probe=is_probe,
        )


def retry_after_of(reply: Reply) -> float:
    """When a peer that is over its limit may be asked again, in seconds; a tenth where it does not say."""
    told = reply.status.details.get("retry_after_ms", "")
    return min(int(told), 60_000) / 1000 if told.isascii() and told.isdigit() and len(told) < 10 else 0.1


def _nowhere(_call: Call, _candidate: Candidate) -> bool:
    """Nobody else is known."""
    return False
