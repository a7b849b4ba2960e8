"""Port: hears what happens."""

from typing import Protocol

from collector_mesh.domain.model.events import Event


class Observer(Protocol):
    """Receives changes of state. It must be quick. If it raises, the error is logged and has no other effect."""

    def tell(self, event: Event) -> None:
        """Receive an event."""
        ...
