"""Whether a call that did not succeed may go to another collector."""

import attrs
from attrs.validators import ge

from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.status import Reply

_ELSEWHERE = (429, 503)
_UNKNOWN = (502,)


@attrs.frozen
class Retry:
    """Goes on only where the call did not run, or where it does no harm to run it twice.

    Attributes:
        max_attempts: collectors that are tried for one call, at least 1; being told that a collector
            lacks the method is no attempt.
    """

    max_attempts: int = attrs.field(default=3, validator=ge(1))

    def allows(self, reply: Reply, *, attempts: int, idempotent: bool) -> bool:
        """Whether another collector may be tried after so many attempts, the last of which gave `reply`."""
        if attempts >= self.max_attempts or reply.executed is Executed.YES:
            return False
        code = reply.status.code
        if reply.executed is Executed.NO:
            return code in _ELSEWHERE
        return idempotent and code in _UNKNOWN


def is_discovery(reply: Reply) -> bool:
    """Whether a peer only said that it does not have the method, which is no failure (WIRE §3)."""
    return (
        reply.status.code == 404
        and reply.executed is Executed.NO
        and reply.status.message.startswith(("namespace ", "method "))
    )
