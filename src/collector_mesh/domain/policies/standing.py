"""What is known of a peer in one namespace, from the calls that were sent to it."""

from collections.abc import Callable
from enum import Enum
from math import inf

import attrs

from collector_mesh.domain.model.snapshot import StandingInfo
from collector_mesh.domain.model.verdict import Verdict
from collector_mesh.domain.policies.breaker import Breaker, BreakerRules
from collector_mesh.domain.policies.history import History
from collector_mesh.domain.policies.latency import Histogram
from collector_mesh.domain.policies.load import Load, LoadRules
from collector_mesh.domain.policies.retry_budget import RetryBudget
from collector_mesh.domain.ports.randomness import Randomness

_AGE_SECONDS = 10
"""How often the histogram forgets half of what it knows."""


class Outcome(Enum):
    """What came of an attempt, as far as it tells how the peer is."""

    SUCCESS = "success"
    """A handler has run, whatever it said."""

    ANSWER = "answer"
    """The peer has refused the call, and rightly so: a mistake of the caller's."""

    BUSY = "busy"
    """The peer is over its limit."""

    FAILURE = "failure"
    """It could not be reached, has died, took longer than calls of the method take, or cannot take calls."""

    NOTHING = "nothing"
    """The peer could not help it."""


@attrs.frozen
class StandingRules:
    """How the standing of a peer comes about.

    Attributes:
        load: how load is measured.
        breaker: when it gets no calls.
        budget: how many retries its failures may cause.
    """

    load: LoadRules = attrs.field(factory=LoadRules)
    breaker: BreakerRules = attrs.field(factory=BreakerRules)
    budget: RetryBudget = attrs.field(factory=RetryBudget)


class Standing:
    """One peer in one namespace: calls in flight, latency, failures, breaker, retry budget; under 2 KiB.

    Args:
        peer_id: which peer.
        namespace: in which namespace.
        rules: how it comes about.
        now: the time.
        latency: what to begin with, in seconds.
        on_turn: told of the standing when its breaker has opened (True) or shut (False).
    """

    __slots__ = (
        "_aged",
        "_busy_until",
        "_calls",
        "_failures",
        "_histogram",
        "_last_success",
        "_next_roll",
        "_on_turn",
        "_row",
        "_since",
        "breaker",
        "history",
        "is_well",
        "last",
        "load",
        "namespace",
        "p99",
        "peer_id",
        "rules",
    )

    def __init__(
        self,
        peer_id: str,
        namespace: str,
        rules: StandingRules,
        *,
        now: float,
        latency: float,
        on_turn: Callable[["Standing", bool], None],
    ) -> None:
        self.peer_id = peer_id
        self.namespace = namespace
        self.rules = rules
        self.breaker = Breaker(rules.breaker)
        self.history = History()
        self.load = Load(rules.load, now=now, latency=latency)
        self.p99 = inf
        """What 99 of 100 calls take at most, in seconds; `inf` until it is known."""
        self.is_well = True
        """Whether the peer is live, as whoever knows says; see `peer_is`."""
        self.last: Verdict | None = None
        """What the last attempt there came to that did not succeed."""
        self._busy_until = 0.0
        self._histogram = Histogram()
        self._since = now
        self._last_success = now
        self._row = 0
        self._calls = 0
        self._failures = 0
        self._aged = 0
        self._next_roll = now + 1.0
        self._on_turn = on_turn

    # ---- questions -----------------------------------------------------------------------------------

    def score(self, now: float) -> float:
        """What the next call there is thought to cost, in seconds; less is better."""
        if self.breaker.is_open and self.breaker.lets(now):
            # The next call is the probe, or the peer would never be found to be well again.
            return 0.0
        return self.load.score(now)

    def busy_for(self, now: float) -> float:
        """For how many seconds it has said that it is over its limit."""
        return max(0.0, self._busy_until - now)

    def budget_left(self, now: float) -> float:
        """How many retries its failures may cause now."""
        self._roll(now)
        return self.rules.budget.left(self.history, now)

    def success_share(self, now: float) -> float | None:
        """The share of successes among the calls of the last half minute; None where there were none."""
        self._roll(now)
        window = self.rules.breaker.window
        calls = self.history.calls(now, window)
        return 1.0 - self.history.failures(now, window) / calls if calls else None

    def info(self, now: float) -> StandingInfo:
        """The standing as a snapshot shows it."""
        breaker = self.breaker
        state = "closed" if not breaker.is_open else "probing" if breaker.lets(now) else "open"
        return StandingInfo(
            self.namespace,
            self.load.in_flight,
            self.load.latency,
            None if self.p99 == inf else self.p99,
            self.score(now),
            self.success_share(now),
            state,
            max(0.0, breaker.probes_at - now) if breaker.is_open else 0.0,
            max(0.0, self.budget_left(now)),
        )

    # ---- what happens --------------------------------------------------------------------------------

    def begun(self, now: float) -> bool:
        """An attempt goes there; gives whether it is the probe."""
        load = self.load
        load.in_flight += 1
        if load.hold == inf and self.breaker.is_open and self.breaker.lets(now):
            self.breaker.probe(now)
            return True
        return False

    def succeeded(self, began: float, now: float) -> None:
        """A handler has run there."""
        # On the way of every call that leaves: what is done here is seen in the benchmark.
        load = self.load
        load.in_flight -= 1
        # What was sent before the peer came back tells of how it was before.
        if began >= self._since:
            took = now - began
            load.measured(took, now)
            # One in four is enough, of each second the first.
            if not self._calls & 3:
                self._histogram.add(took)
        self._row = 0
        self._last_success = now
        self._calls += 1
        if now >= self._next_roll:
            self._roll(now)

    def ended(
        self,
        outcome: Outcome,
        began: float,
        now: float,
        dice: Randomness,
        *,
        is_probe: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        """Something has come of an attempt; `retry_after` in seconds where the peer is busy."""
        if outcome is Outcome.SUCCESS:
            self.succeeded(began, now)
        else:
            self.load.in_flight -= 1
        breaker = self.breaker
        if outcome is Outcome.NOTHING:
            if is_probe:
                breaker.relent(now)
            return
        if outcome in (Outcome.SUCCESS, Outcome.ANSWER):
            if is_probe and breaker.is_open:
                self._shut(now)
            return
        self._failed(outcome, now, dice, is_probe=is_probe, retry_after=retry_after)

    def unanswered(
        self, began: float, now: float, dice: Randomness, *, is_failure: bool, is_probe: bool = False
    ) -> None:
        """Nobody waits for an attempt anymore: it has taken at least so long, whether that is a failure or not."""
        # What was sent before the peer came back tells of how it was before.
        if began >= self._since:
            self.load.took_at_least(now - began, now)
        if is_failure:
            self.ended(Outcome.FAILURE, began, now, dice, is_probe=is_probe)
            return
        self.load.in_flight -= 1
        if is_probe:
            self.breaker.put_off(now)

    def _failed(
        self, outcome: Outcome, now: float, dice: Randomness, *, is_probe: bool, retry_after: float
    ) -> None:
        breaker = self.breaker
        self._row += 1
        self._calls += 1
        if outcome is Outcome.FAILURE:
            self.load.failed(now)
            self._failures += 1
        elif not breaker.is_open:
            self._busy_until = now + retry_after
            self._set_hold()
        self._roll(now)
        if breaker.is_open:
            if is_probe:
                breaker.open(now, dice)
        elif self._has_failed(outcome, now):
            breaker.open(now, dice)
            self._set_hold()
            self._on_turn(self, True)

    def retried(self, now: float) -> None:
        """An attempt that has failed there is followed by another one elsewhere."""
        self.history.add(now, retries=1)

    def came_back(self, now: float, latency: float) -> None:
        """The peer was gone and is back: it begins anew, and if its breaker is open the next call is the probe."""
        self.load.restart(latency, now)
        self._since = self._last_success = now
        self._row = 0
        self._histogram.clear()
        self.p99 = inf
        self._busy_until = 0.0
        if self.breaker.is_open:
            self.breaker.relent(now)
        self._set_hold()

    def flapped(self, now: float) -> None:
        """The peer has come back, but was gone again soon after the last time: it has to wait for its probe."""
        if self.rules.breaker.is_on and not self.breaker.is_open:
            # No dice: when it came back was chance enough.
            self.breaker.open(now, None)
            self._set_hold()
            self._on_turn(self, True)

    def follow(self, rules: StandingRules, now: float) -> None:
        """Go by other rules from now on, with all that is known; a breaker that they do not have is shut."""
        self.rules = rules
        self.breaker.rules, self.load.rules = rules.breaker, rules.load
        if self.breaker.is_open and not rules.breaker.is_on:
            self._shut(now)

    def peer_is(self, *, well: bool) -> None:
        """Take down whether the peer is live."""
        self.is_well = well
        self._set_hold()

    def _set_hold(self) -> None:
        self.load.hold = self._busy_until if self.is_well and not self.breaker.is_open else inf

    def _shut(self, now: float) -> None:
        self.breaker.shut(now)
        self._busy_until = 0.0
        self._set_hold()
        self._row = 0
        self.load.forgive()
        # What has opened it must not open it again.
        self.history.clear()
        self._on_turn(self, False)

    def _has_failed(self, outcome: Outcome, now: float) -> bool:
        rules = self.rules.breaker
        if not rules.is_on:
            return False
        if self._row >= rules.failures and now - self._last_success >= rules.quiet:
            return True
        if outcome is Outcome.BUSY:
            return False
        failures = self.history.failures(now, rules.window)
        return rules.are_too_many(failures, self.history.calls(now, rules.window))

    def _roll(self, now: float) -> None:
        """Take down what was counted since the last time."""
        self.history.add(now, calls=self._calls, failures=self._failures)
        self._calls = self._failures = 0
        if now < self._next_roll:
            return
        self._next_roll = now + 1.0
        self.p99 = self._histogram.quantile(0.99)
        self._aged += 1
        if self._aged >= _AGE_SECONDS:
            self._aged = 0
            self._histogram.age()
