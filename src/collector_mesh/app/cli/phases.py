"""How far a process is that runs a collector, for those who want to know: its socket, and who has started it."""

from collections.abc import Callable


class Phases:
    """Calls what is to be called at each phase; it must not wait or raise.

    Attributes:
        on_ready: calls are taken, and those peers are there that were to be waited for.
        on_announced: the ready line is written.
        on_reloading: the configuration is looked at again.
        on_reloaded: that is done; called with why the old one stays, or nothing where the new one counts.
        on_drain: the end is near; calls that run are finished.
    """

    def __init__(self) -> None:
        self.on_ready: list[Callable[[], None]] = []
        self.on_announced: list[Callable[[], None]] = []
        self.on_reloading: list[Callable[[], None]] = []
        self.on_reloaded: list[Callable[[str], None]] = []
        self.on_drain: list[Callable[[], None]] = []

    def ready(self) -> None:
        """Calls are taken."""
        for call in self.on_ready:
            call()

    def announced(self) -> None:
        """The ready line is written."""
        for call in self.on_announced:
            call()

    def reloading(self) -> None:
        """The configuration is looked at again; `reloaded` follows."""
        for call in self.on_reloading:
            call()

    def reloaded(self, problem: str = "") -> None:
        """The new configuration counts, or the old one stays because of a problem."""
        for call in self.on_reloaded:
            call(problem)

    def drain(self) -> None:
        """The end is near."""
        for call in self.on_drain:
            call()
