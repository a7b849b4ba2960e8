"""How much is done at once; what is beyond is shed, never queued."""

import attrs

from collector_mesh.domain.model.errors import OverloadedError

RETRY_AFTER = 0.1
"""When a shed caller may come back, in seconds."""


# Not frozen: the dispatcher and the executor count in it, at every call.
@attrs.define
class Slots:
    """A counter with a limit: handlers that run, or calls under way out of here."""

    limit: int
    taken: int = 0

    def take(self) -> None:
        """Take a slot.

        Raises:
            OverloadedError: there is none.
        """
        if self.taken >= self.limit:
            raise OverloadedError.after(RETRY_AFTER)
        self.taken += 1

    def release(self) -> None:
        """Give a slot back."""
        self.taken -= 1
