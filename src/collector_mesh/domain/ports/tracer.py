"""Port: takes what is recorded of calls."""

from typing import Protocol

from collector_mesh.domain.model.span import Span


class Tracer(Protocol):
    """Takes the spans of calls that are recorded, once each has ended. Calls that are not recorded never come here.

    `ended`, `current` and `enter` are called on the way of calls: they must be quick, and wait for nothing.
    """

    def ended(self, span: Span) -> None:
        """A span has ended. Where it cannot be taken, it is lost."""
        ...

    def current(self) -> bytes:
        """Give the trace context of the program's own span that is current where this is called; empty without one.

        A call that is made there belongs to it.
        """
        ...

    def enter(self, trace: bytes) -> None:
        """Make a recorded call's span the current one of the running context, which is that of its handler alone.

        Spans that the handler begins by itself belong to it then. Nothing takes it back: the context ends with the handler.
        """
        ...

    async def flush(self, timeout: float) -> None:
        """Pass on what was taken, for at most so many seconds. A collector that has drained asks for it."""
        ...
