"""One try of a call at one peer over its link."""

from collections.abc import Callable

from collector_mesh.domain.calls.judge import Judge
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.topology.candidates import Candidate


class Attempt(SentCall):
    """One try over a link."""

    __slots__ = ("_engine", "_is_probe", "_judge", "began", "candidate")

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
        self.began = now
        self._is_probe = candidate.standing.begun(now)

    def send(self) -> None:
        """Send it; it may be settled before this returns."""
        self._engine.send(self)

    def settle(self, reply: Reply) -> None:
        """Take what came of it."""
        if reply.status is OK and not self._is_probe:
            now, candidate = self._engine.time, self.candidate
            candidate.standing.succeeded(self.began, now)
            candidate.times.took(now - self.began, now)
        else:
            self._judge.ended(self.candidate, reply, self.began, is_probe=self._is_probe)
        self._answer(reply)

    def cancel(self) -> None:
        """Wait for it no longer."""
        if not self.is_done:
            self._engine.cancel(self)
            self._judge.abandoned(self.candidate, self.began, is_probe=self._is_probe)
