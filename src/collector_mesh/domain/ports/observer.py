"""Port: who is told what happens."""

from typing import Protocol

from collector_mesh.domain.model.events import Event


class Observer(Protocol):
    """Learns of changes of state. It must be quick and must not raise."""

    def tell(self, event: Event) -> None:
        """Take notice of an event."""
        ...
