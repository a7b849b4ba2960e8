"""How far a process is that runs a collector, for those who are told: its socket, and who has started it."""

from typing import Protocol


class Told(Protocol):
    """Is told how far a process is; nothing of it waits or raises."""

    def ready(self) -> None:
        """Calls are taken."""
        ...

    def drain(self) -> None:
        """The end is near; calls that run are finished."""
        ...


class Phases:
    """Tells everybody who wants to know."""

    def __init__(self) -> None:
        self._told: list[Told] = []

    def tell(self, told: Told) -> None:
        """From now on this one is told too."""
        self._told.append(told)

    def ready(self) -> None:
        """The collector has started, and has the peers that it was to wait for."""
        for told in self._told:
            told.ready()

    def drain(self) -> None:
        """It is about to end."""
        for told in self._told:
            told.drain()
