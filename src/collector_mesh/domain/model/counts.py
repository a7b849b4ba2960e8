"""What has happened in a collector since its start, as numbers."""

from collections.abc import Mapping

from collector_mesh.domain.model.errors import is_code
from collector_mesh.domain.model.verdict import Reason, Verdict

_MAX_NAMESPACES = 1000

OTHERS = "(others)"
"""Stands for namespaces of which there are too many to count each; no namespace is called that."""


class Counts:
    """Counters; each only grows. Plain attributes, because calls count in them."""

    __slots__ = (
        "attempts",
        "breakers_opened",
        "breakers_shut",
        "failed_attempts",
        "lost_answered",
        "lost_not_run",
        "lost_unknown",
        "outcomes",
        "passed_on",
        "retries",
        "retries_refused",
        "shed",
        "succeeded",
        "timed_out_attempts",
    )

    def __init__(self) -> None:
        self.succeeded = 0
        """Calls dispatched here that a handler has answered with 200."""
        self.outcomes: dict[int, int] = {}
        """Other outcomes of calls dispatched here, by code."""
        self.attempts = 0
        """Attempts at peers, those that were told that the method is not there included."""
        self.retries = 0
        """Attempts after the first one of a call."""
        self.retries_refused = 0
        """Retries that a budget has refused."""
        self.timed_out_attempts = 0
        """Attempts that were given up before the deadline of their call."""
        self.failed_attempts: dict[Reason, int] = {}
        """Attempts at peers that have not succeeded, by reason."""
        self.passed_on = 0
        """Calls of peers that were passed on to other peers."""
        self.shed: dict[str, int] = {}
        """Calls that were refused because this collector was at its limit, by namespace.

        Beyond a number of namespaces those that were counted first are counted as `OTHERS`."""
        self.lost_answered = 0
        """Calls whose link was lost, and whose reply has come over another one."""
        self.lost_not_run = 0
        """Calls whose link was lost, and that were found not to have run."""
        self.lost_unknown = 0
        """Calls whose link was lost, and of which it could not be found out what became of them."""
        self.breakers_opened = 0
        """Ejections: breakers that have opened, of any peer and namespace."""
        self.breakers_shut = 0
        """Breakers that have shut after a probe."""

    def count(self, code: int) -> None:
        """Count the outcome of a call; any number that is no code counts as 0."""
        if code == 200:
            self.succeeded += 1
        else:
            code = code if is_code(code) else 0
            self.outcomes[code] = self.outcomes.get(code, 0) + 1

    def count_failed(self, verdict: Verdict) -> None:
        """Count an attempt that has not succeeded."""
        reason = verdict.reason
        self.failed_attempts[reason] = self.failed_attempts.get(reason, 0) + 1
        if reason is Reason.CUT:
            self.timed_out_attempts += 1

    def count_shed(self, namespace: str) -> None:
        """Count a call that was shed."""
        shed = self.shed
        if namespace not in shed and len(shed) >= _MAX_NAMESPACES:
            # Namespaces come and go with tenants; the first ones are the most likely to be gone.
            oldest = next(name for name in shed if name != OTHERS)
            shed[OTHERS] = shed.pop(oldest) + shed.get(OTHERS, 0)
        shed[namespace] = shed.get(namespace, 0) + 1

    def as_mapping(self) -> Mapping[str, int]:
        """All of them by name, with `outcome_CODE` for outcomes and `shed_NAMESPACE` for what was shed and `attempts_REASON` for what has failed."""
        named = {
            "outcome_200": self.succeeded,
            **{f"outcome_{code}": count for code, count in sorted(self.outcomes.items())},
            "attempts": self.attempts,
            "retries": self.retries,
            "retries_refused": self.retries_refused,
            "timed_out_attempts": self.timed_out_attempts,
            **{f"attempts_{reason.name.lower()}": self.failed_attempts.get(reason, 0) for reason in Reason},
            "passed_on": self.passed_on,
            "lost_answered": self.lost_answered,
            "lost_not_run": self.lost_not_run,
            "lost_unknown": self.lost_unknown,
            "breakers_opened": self.breakers_opened,
            "breakers_shut": self.breakers_shut,
            **{f"shed_{namespace}": count for namespace, count in sorted(self.shed.items())},
        }
        return {name: count for name, count in named.items() if count}
