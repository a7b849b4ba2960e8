"""The access log: tells the observer of each call that has ended, or of a share of them."""

from typing import TYPE_CHECKING

from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.call_facts import facts_of
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.events import CallEnded
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.verdict import Verdict
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness

_CANCELLED = 499
_FAILED = frozenset({429, *range(500, 600)})


class AccessLog:
    """Tells of calls that have run here, or were to, and of those that have begun here and run elsewhere.

    Which calls are told of goes by their trace ids: collectors with the same share tell of the same calls.

    Args:
        collector_id: of this collector.
        share: of the calls that are told of, from 0 to 1.
        observer: is told; it does not raise.
        dice: decide about calls without a trace id.
        errors: whether calls that fail, with 429 or 500 and above, are told of in any case.
    """

    def __init__(
        self, collector_id: str, share: float, observer: Observer, dice: Randomness, *, errors: bool
    ) -> None:
        self._collector_id = collector_id
        self._most = round(share * (1 << 32))
        self._observer = observer
        self._dice = dice
        self._errors = errors

    def dispatching(self, call: Call) -> None:
        """See the port."""

    def dispatched(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        # What has run here has been told as that; what peers have this collector pass on is told where it began.
        is_here = reply is not None and reply.handled_by == self._collector_id
        if not is_here and call.origin is not Origin.PEER:
            self._ended("dispatch", call, reply, ended - began)

    def attempting(self, call: Call, peer_id: str) -> Call:
        """See the port."""
        _ = peer_id
        return call

    def attempted(self, call: Call, peer_id: str, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""

    def judged(self, call: Call, verdict: Verdict) -> None:
        """See the port."""

    def serving(self, call: Call) -> None:
        """See the port."""

    def served(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        """See the port."""
        self._ended("serve", call, reply, ended - began)

    def _ended(self, side: str, call: Call, reply: Reply | None, seconds: float) -> None:
        code = _CANCELLED if reply is None else reply.status.code
        if not self._is_chosen(call) and not (self._errors and code in _FAILED):
            return
        self._observer.tell(
            CallEnded(
                self._collector_id,
                call.key,
                side,
                code,
                (reply.executed if reply is not None else Executed.MAYBE).value,
                round(seconds, 6),
                call.caller,
                call.source,
                reply.handled_by if reply is not None else "",
                len(call.payload.value),
                len(reply.payload.value) if reply is not None and reply.status is OK else 0,
                **facts_of(call, self._collector_id),
            )
        )

    def _is_chosen(self, call: Call) -> bool:
        # Bytes of the trace id that are random, also in those that begin with a time.
        number = int.from_bytes(call.trace[12:16], "big") if call.trace else self._dice.below(1 << 32)
        return number < self._most


if TYPE_CHECKING:
    _fits: type[CallWatch] = AccessLog
