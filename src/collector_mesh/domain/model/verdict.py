"""What one try of a call came to."""

from enum import Enum

import attrs

from collector_mesh.domain.model.errors import Executed


class Reason(Enum):
    """Why a try ended as it did, in words that follow the name of the collector."""

    ANSWERED = "answered"
    """The answer is final, whatever it says."""

    LACKS = "lacks the method"
    """It has said so; that is no attempt."""

    MOVED = "has another link now"
    """The link ended before the call had left; that is no attempt."""

    LEAVING = "is leaving"
    """The call crossed the announcement of a drain and did not run; that is at nobody's expense."""

    CUT = "did not answer in the time of one attempt"
    """Somebody else could take the call over."""

    REFUSED = "did not run it"
    """It was reached, and could not take the call."""

    UNREACHED = "could not be reached"
    """The call did not get there, or had no time left."""

    UNKNOWN = "may have run it"
    """The link died, or the time was up, after the call had left."""


@attrs.frozen
class Verdict:
    """What one try came to. Explanations, counts, the observer and `Reply.attempts` all read it.

    Attributes:
        peer_id: where the call was tried.
        reason: why it ended as it did.
        code: of the reply.
        executed: whether a handler ran, as far as this try goes.
        began: when it began, on the monotonic clock, in seconds.
        ended: when it ended.
        tried: whom this try has tried: the peer, or those that a relay names.
    """

    peer_id: str
    reason: Reason
    code: int
    executed: Executed
    began: float
    ended: float
    tried: tuple[str, ...] = ()

    @property
    def is_attempt(self) -> bool:
        """Whether it counts as one of the attempts of the call."""
        return self.reason not in (Reason.LACKS, Reason.MOVED, Reason.LEAVING)
