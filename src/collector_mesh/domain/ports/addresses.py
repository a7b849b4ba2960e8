"""Port: where collectors may be dialed that stand for each other."""

from typing import Protocol


class Addresses(Protocol):
    """Several addresses, of which any one will do; they may change."""

    text: str
    """As they were given; for people."""

    may_change: bool
    """Whether asking again may find others."""

    @property
    def is_due(self) -> bool:
        """Whether what is known has not been asked for lately."""
        ...

    def known(self) -> tuple[str, ...]:
        """Those that are known now, each once; may be empty where they may change."""
        ...

    async def refresh(self) -> str:
        """Ask again; what was known stays where nothing is found. Ends within a few seconds, and raises nothing.

        Returns:
            Why nothing was found, empty if something was.
        """
        ...
