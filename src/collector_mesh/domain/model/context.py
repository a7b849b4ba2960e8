"""What a handler may know of the call that it runs for."""

import math
from collections.abc import Callable
from contextvars import ContextVar

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.status import Metadata


class CallContext:
    """The call that a handler runs for."""

    # A plain slotted class: one is made for every call.
    __slots__ = (
        "__weakref__",
        "_call",
        "_is_cancelled",
        "_now",
        "collector_id",
        "has_ended",
        "has_started",
        "is_validating",
    )

    def __init__(self, call: Call, collector_id: str, now: Callable[[], float]) -> None:
        self.collector_id = collector_id
        """Id of the collector that runs the handler."""
        self.has_started = False
        """Whether the handler has been started; the validator is asked before."""
        self.has_ended = False
        """Whether the handler has ended, or never starts; what was left behind has no part in the call anymore."""
        self.is_validating = False
        """Whether the validator has been asked, and has not answered."""
        self._call = call
        self._now = now
        self._is_cancelled = False

    @property
    def namespace(self) -> str:
        """The namespace of the call."""
        return self._call.key.namespace

    @property
    def service(self) -> str:
        """The service of the call."""
        return self._call.key.service

    @property
    def method(self) -> str:
        """The method of the call."""
        return self._call.key.method

    @property
    def payload_bytes(self) -> int:
        """How large the request is, in bytes."""
        return len(self._call.payload.value)

    @property
    def metadata(self) -> Metadata:
        """Pairs that the caller sent along."""
        return self._call.metadata

    @property
    def caller(self) -> str:
        """Id of the peer that the call came from over a link; empty if it is not known."""
        return self._call.caller

    @property
    def identity(self) -> Identity | None:
        """What the transport has proved about the caller, or None."""
        return self._call.identity

    @property
    def deadline(self) -> float:
        """When the time is up, on the collector's monotonic clock, in seconds."""
        return self._call.deadline

    def time_remaining(self) -> float:
        """Seconds until the deadline, never negative; `math.inf` without one."""
        if self._call.deadline == math.inf:
            return math.inf
        return max(0.0, self._call.deadline - self._now())

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the result anymore: the caller has gone or the time is up.

        An async handler is cancelled then; a plain one, which nobody can stop, may look here.
        """
        return self._is_cancelled or self.time_remaining() <= 0.0

    def cancel(self) -> None:
        """Take down that nobody waits for the result anymore."""
        self._is_cancelled = True
        if not self.has_started:
            self.has_ended = True


CURRENT: ContextVar[CallContext | None] = ContextVar("collector_mesh_call", default=None)
"""The call that the running code belongs to, so that calls made in a handler inherit its deadline.

Tasks and threads that a handler starts inherit it too, and may outlive the call: see `has_ended`, and `current_call`.
"""


def current_call() -> CallContext | None:
    """The call that the running code belongs to; None once its handler has ended."""
    context = CURRENT.get()
    return None if context is None or context.has_ended else context
