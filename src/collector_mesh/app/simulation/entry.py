"""A call that was made in a simulation, and what was seen of it."""

import attrs

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply


@attrs.define(eq=False)
class Entry:
    """A call that was made."""

    number: int
    host: Host
    key: MethodKey
    began: float
    deadline: float
    """On the clock of the host."""
    ends_by: float
    """The same in loop time, if the host's clock goes on as it did."""
    said: bool | None
    ran_at: list[str]
    gave: list[bytes]
    told: Executed | None = None
    """What the caller was told on whether a handler ran; None while nothing was."""
    key_ran_at: list[str] | None = None
    """Where any call with its idempotency key has run; None where it has none."""
    is_over: bool = False
    is_answered: bool = False

    @property
    def what(self) -> str:
        """How it is named where something is wrong with it."""
        return f"call {self.number} of {self.key} at {self.host.host_id}"

    def untruth(self, reply: Reply) -> str:
        """What a reply says of the run that is not so, empty if it is all true.

        `MAYBE` is never wrong: it says that nobody knows.
        """
        code, who, ran_at = reply.status.code, reply.handled_by, self.ran_at
        # Whoever repeats a call with a key gets the reply to the first one.
        may_be = ran_at if self.key_ran_at is None else self.key_ran_at
        if code == 200 and reply.executed is not Executed.YES:
            return f"{self.what} has succeeded, and is told as executed={reply.executed.value}"
        if reply.executed is Executed.NO:
            if ran_at:
                return f"{self.what} was told that it had not run ({code}), but ran at {ran_at}"
            return f"{self.what} did not run ({code}), but was handled by {who}" if who else ""
        if reply.executed is Executed.YES and who not in may_be:
            return f"{self.what} was handled by {who or 'nobody'} ({code}), but ran at {may_be or 'nobody'}"
        return ""
