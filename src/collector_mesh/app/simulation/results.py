"""What has come of a simulation, and what is watched while it runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from collector_mesh.adapters.simulated.trace import Line, Trace
from collector_mesh.domain.model.status import Reply

if TYPE_CHECKING:
    from collector_mesh.adapters.simulated.loop import SimulatedLoop

LATE_SECONDS = 0.1
"""How much later than its deadline a call may end."""


@attrs.frozen
class SimulationResult:
    """What has come of a simulation.

    Attributes:
        seed: what it was run with.
        digest: of every frame, event, decision and outcome with its virtual time; the same for the same seed.
        trace: the last of these: virtual nanoseconds, a word, and what it is about.
        stats: counts: `calls`, `frames`, and `outcome_CODE`.
        virtual_seconds: how long it took.
        value: what the scenario has returned.
    """

    seed: int
    digest: str
    trace: tuple[Line, ...]
    stats: Mapping[str, int]
    virtual_seconds: float
    value: object = None


class InvariantError(AssertionError):
    """Something has happened that must not happen; the text says what."""


class Watch:
    """Watches every call that the scenario makes."""

    def __init__(self, loop: "SimulatedLoop", trace: Trace) -> None:
        self._loop = loop
        self._trace = trace
        self._open: dict[int, tuple[float, str]] = {}
        self.calls = 0
        self.outcomes: dict[int, int] = {}
        self.broken: list[str] = []

    def begun(self, collector_id: str, method: str, seconds: float) -> int:
        """A call begins, with so many seconds; gives its number."""
        self.calls += 1
        self._open[self.calls] = (self._loop.time() + seconds, f"{method} at {collector_id}")
        self._trace.note("call", collector_id, method, str(self.calls))
        return self.calls

    def cancelled(self, number: int) -> None:
        """The scenario waits for a call no longer."""
        del self._open[number]
        self._trace.note("cancelled", str(number))

    def ended(self, number: int, reply: Reply) -> None:
        """A call has ended."""
        deadline, what = self._open.pop(number)
        code = reply.status.code
        self.outcomes[code] = self.outcomes.get(code, 0) + 1
        self._trace.note("reply", str(number), str(code), reply.handled_by, ",".join(reply.attempts))
        if self._loop.time() > deadline + LATE_SECONDS:
            self.broken.append(f"{what} has ended {self._loop.time() - deadline:.3f} s after its deadline")
