"""Port: begins calls that nobody awaits."""

from collections.abc import Callable
from enum import Enum
from typing import Protocol

from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply


class StartedCall(Protocol):
    """A call under way."""

    def time_remaining(self) -> float:
        """Seconds until its time is up, never negative; `math.inf` if it has no limit. Also once it has ended."""
        ...

    def cancel(self) -> object:
        """Stop it: its handler is cancelled, and nobody is told of a reply. Has no effect once it has ended."""
        ...


class Contact(Enum):
    """Whether whoever makes calls has somebody to make them at."""

    IDLE = "idle"
    """It is not entered yet, or has nobody and looks for nobody."""
    SEARCHING = "searching"
    """It has nobody, and dials."""
    FAILED = "failed"
    """It has nobody, and the last search was in vain."""
    READY = "ready"
    """It has somebody; whether that one has a certain method is another question."""
    CLOSED = "closed"
    """It takes no calls anymore."""


class CallStarter(Protocol):
    """Whoever makes calls: a collector, a client."""

    def submit(
        self,
        key: MethodKey,
        payload: Payload,
        answer: Callable[[Reply], None],
        *,
        timeout: float | None = None,
        target: str = "",
        metadata: Metadata = (),
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
    ) -> StartedCall | None:
        """Begin a call, as `Caller.dispatch` does; it takes no task, and nobody awaits it.

        What is inherited from a handler is what the context of whoever calls this says. With that handler it is cancelled; its
        reply has the code 499 then.

        Args:
            key: the method; its names are looked at here.
            payload: the request.
            answer: called once, in the event loop, with what comes of it: perhaps before this returns, never after
                it was cancelled. It must not raise.
            timeout: as for `dispatch`.
            target: as for `dispatch`.
            metadata: as for `dispatch`.
            idempotent: as for `dispatch`.
            idempotency_key: the `key` of `dispatch`.

        Returns:
            The call; None if it was refused at once.

        Raises:
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: this is not entered yet or has been left, or belongs to another event loop or process.
        """
        ...

    def contact(self, namespace: str, target: str = "", *, connect: bool = False) -> Contact:
        """Say whether there is somebody now for calls in a namespace.

        Args:
            namespace: the namespace.
            target: the only collector that may run them, or empty.
            connect: whether to begin a search where there is none; nobody waits for it.

        Raises:
            RuntimeError: this belongs to another event loop or process.
        """
        ...
