"""Whether a call that did not succeed may go to another collector."""

import attrs
from attrs.validators import ge, gt

from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.randomness import Randomness

_ELSEWHERE = (429, 503)
_UNKNOWN = (502, 504)


@attrs.frozen
class Retry:
    """Goes on only where the call did not run, or where it does no harm to run it twice.

    The first retry goes to another peer at once; before further ones there is a pause, with full jitter.

    Attributes:
        max_attempts: collectors that are tried for one call, at least 1; being told that a collector
            lacks the method is no attempt.
        first: longest pause before the first retry if there were one; before the second it is `factor` times as long.
            In seconds.
        factor: how much longer each next pause may be.
        cap: longest pause, in seconds.
    """

    max_attempts: int = attrs.field(default=3, validator=ge(1))
    first: float = attrs.field(default=0.05, validator=gt(0))
    factor: float = attrs.field(default=2.0, validator=ge(1))
    cap: float = attrs.field(default=1.0, validator=gt(0))

    def allows(self, reply: Reply, *, attempts: int, idempotent: bool) -> bool:
        """Whether another collector may be tried after this number of attempts, the last of which gave `reply`."""
        if attempts >= self.max_attempts or reply.executed is Executed.YES:
            return False
        code = reply.status.code
        if reply.executed is Executed.NO:
            return code in _ELSEWHERE
        return idempotent and code in _UNKNOWN

    def pause(self, attempts: int, *, dice: Randomness) -> float:
        """Seconds to wait before the next attempt, after this number of them."""
        if attempts < 2:
            return 0.0
        return dice.uniform(0.0, min(self.cap, self.first * self.factor ** min(attempts - 1, 64)))


def is_discovery(reply: Reply) -> bool:
    """Whether a peer only said that it does not have the method, which is no failure (WIRE §3)."""
    return (
        reply.status.code == 404
        and reply.executed is Executed.NO
        and reply.status.message.startswith(("namespace ", "method ", "no collector found "))
    )
