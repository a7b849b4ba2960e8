"""Port: who is told what happens."""

from typing import Protocol

from collector_mesh.domain.model.events import Event


class Observer(Protocol):
    """Learns of changes of state. It must be quick; what it raises is logged, and changes nothing else."""

    def tell(self, event: Event) -> None:
        """Take notice of an event."""
        ...
