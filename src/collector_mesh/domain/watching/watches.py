"""Several watches as one."""

from typing import TYPE_CHECKING

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.verdict import Verdict
from collector_mesh.domain.ports.call_watch import CallWatch


class CallWatches:
    """Tells each of several watches of every call, in their order.

    Args:
        watches: who is told.
    """

    def __init__(self, watches: tuple[CallWatch, ...]) -> None:
        self._watches = watches

    def dispatching(self, call: Call) -> None:
        """See the port."""
        for watch in self._watches:
            watch.dispatching(call)

    def dispatched(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        for watch in self._watches:
            watch.dispatched(call, reply, began, ended)

    def attempting(self, call: Call, peer_id: str) -> Call:
        """See the port; each gets the call as the one before it has given it."""
        for watch in self._watches:
            call = watch.attempting(call, peer_id)
        return call

    def attempted(self, call: Call, peer_id: str, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        for watch in self._watches:
            watch.attempted(call, peer_id, reply, began, ended)

    def judged(self, call: Call, verdict: Verdict) -> None:
        """See the port."""
        for watch in self._watches:
            watch.judged(call, verdict)

    def serving(self, call: Call) -> None:
        """See the port."""
        for watch in self._watches:
            watch.serving(call)

    def served(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        for watch in self._watches:
            watch.served(call, reply, began, ended)


def one_watch(*watches: CallWatch | None) -> CallWatch | None:
    """Those that there are as one; None where there is none."""
    given = tuple(watch for watch in watches if watch is not None)
    if len(given) > 1:
        return CallWatches(given)
    return given[0] if given else None


if TYPE_CHECKING:
    _fits: type[CallWatch] = CallWatches
