"""How long one attempt may take, so that a hung collector does not eat the whole deadline of a call."""

import attrs
from attrs.validators import ge, gt, le


@attrs.frozen
class AttemptTime:
    """The time of an attempt that another collector could take over.

    Attributes:
        floor: the least that it gets, in seconds.
        share: the largest share of what the call has left.
        p99s: the most that it gets, as a multiple of what 99 of 100 calls of the method take, at whichever peer.
    """

    floor: float = attrs.field(default=0.1, validator=gt(0))
    share: float = attrs.field(default=0.5, validator=[gt(0), le(1)])
    p99s: float = attrs.field(default=5.0, validator=ge(1))

    def deadline(self, now: float, deadline: float, p99: float) -> float:
        """When the attempt's time is up; `p99` in seconds, `inf` where it is not known."""
        left = deadline - now
        allowed = max(self.floor, min(left * self.share, self.p99s * p99))
        return now + allowed if allowed < left else deadline
