"""Port: is told of every call, when it begins and what came of it."""

from typing import Protocol

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.verdict import Verdict


class CallWatch(Protocol):
    """Is told of calls on their way out of this collector and on their way in.

    What begins is told once, and so is its end, whichever form a call has (awaited, or begun by `submit`) and however it
    ends: a call that nobody waits for anymore ends without a reply. All methods are called in the event loop, for every
    call: they must be quick and must not raise. Times are those of the collector's monotonic clock, in seconds.
    """

    def dispatching(self, call: Call) -> None:
        """A call is to be run, here or elsewhere; it has not been checked yet, so its names may be anybody's."""
        ...

    def dispatched(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """What came of it, None where it was cancelled; the same object that was told before."""
        ...

    def attempting(self, call: Call, peer_id: str) -> Call:
        """A call is about to be sent to a peer; gives the call as it is sent, which may be another one."""
        ...

    def attempted(self, call: Call, peer_id: str, reply: Reply | None, began: float, ended: float) -> None:
        """What came of one attempt, None where it was cancelled; the call is the one that was sent."""
        ...

    def judged(self, call: Call, verdict: Verdict) -> None:
        """What a try means for a call. A first try that succeeds is not judged."""
        ...

    def serving(self, call: Call) -> None:
        """A call has come that is to run on this collector; it has no slot yet."""
        ...

    def served(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """What came of it, None where it was cancelled; the same object that was told before."""
        ...
