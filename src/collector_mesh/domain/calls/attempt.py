"""One try of a call at one peer."""

from collections.abc import Callable

from collector_mesh.domain.calls.judge import Judge
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.link.way import Way
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.topology.candidates import Candidate


class Attempt(SentCall):
    """One try over one way to a peer."""

    __slots__ = ("_is_probe", "_judge", "_way", "began", "candidate")

    def __init__(
        self,
        call: Call,
        candidate: Candidate,
        way: Way,
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
        self._way = way
        self._judge = judge
        self.began = now
        self._is_probe = candidate.standing.begun(now)

    def send(self) -> None:
        """Send it; it may be settled before this returns."""
        self._way.send(self)

    def settle(self, reply: Reply) -> None:
        """Take what came of it."""
        try:
            if reply.status is OK and not self._is_probe:
                now, candidate = self._way.time, self.candidate
                candidate.standing.succeeded(self.began, now)
                candidate.times.took(now - self.began, now)
            else:
                self._judge.ended(self.candidate, reply, self.began, is_probe=self._is_probe)
        finally:
            # Whatever is made of it, somebody waits for it.
            self._answer(reply)

    def goes_on_elsewhere(self) -> bool:
        """See `SentCall`."""
        return self._judge.goes_on_elsewhere(self.call, self.candidate)

    def cancel(self) -> None:
        """Wait for it no longer."""
        if not self.is_done:
            self._way.cancel(self)
            self._judge.abandoned(self.candidate, self.began, is_probe=self._is_probe)
