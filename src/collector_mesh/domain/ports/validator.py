"""Port: what may be called."""

from typing import TYPE_CHECKING, NamedTuple, Protocol

from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.names import MethodKey

if TYPE_CHECKING:
    # All events are behind it, which take time to load.
    from collector_mesh.domain.ports.clock import Clock
    from collector_mesh.domain.ports.observer import Observer
    from collector_mesh.domain.ports.randomness import Randomness
    from collector_mesh.domain.ports.tasks import Tasks


class Validator(Protocol):
    """Says whether a method may be called; asked once before each call, by the collector that runs it.

    The method may be a plain function too; then it runs in a thread, as plain handlers do. It may take the `CallContext` of
    the call as a fourth argument.
    """

    async def validate_service_method(
        self, namespace: str, service_name: str, method_name: str, /
    ) -> Allowed | None:
        """Return to allow, raise to refuse; the text of the exception goes to the caller.

        Whoever returns an `Allowed` that names what the method takes has the payload looked at too: one of another type is
        answered with 400, and no handler runs.

        A `MeshError` with the code 503 or 504, a `TimeoutError` and an `OSError` mean that it cannot decide: the call ends
        with 503 and may be tried elsewhere. A `PermissionError` that the system has not raised refuses.
        """
        ...


class ReadyValidator(Validator, Protocol):
    """A validator that has many of its answers at hand, so that most calls need not wait for one."""

    def at_hand(self, key: MethodKey, /) -> Allowed | None:
        """The answer to `validate_service_method`, where it is at hand and is yes; None has that asked.

        It is called in the event loop, before each call: it must not wait, and must not raise.
        """
        ...


class Lent(NamedTuple):
    """What a running collector lends its validator.

    Attributes:
        observer: is told of events.
        tasks: run what is not awaited by calls.
        clock: the time.
        dice: what is left to chance.
    """

    observer: "Observer"
    tasks: "Tasks"
    clock: "Clock"
    dice: "Randomness"


class HeldValidator(Validator, Protocol):
    """A validator that has something open while collectors use it, and tells of what becomes of it."""

    def begin_use(self, collector_id: str, lent: Lent) -> None:
        """A running collector uses it."""
        ...

    async def end_use(self, collector_id: str) -> None:
        """The collector does not use it anymore, nor what it was lent; with the last one it closes what it has open."""
        ...
