"""What people see: a console whose reader may go away, and texts of others that cannot do harm."""

from typing import NoReturn

from rich.console import Console
from rich.text import Text

from collector_mesh.domain.model.texts import visible


class StdoutConsole(Console):
    """A console whose reader may go away.

    Rich would raise SystemExit then, which tears an event loop down before anything is cleaned up.
    """

    def on_broken_pipe(self) -> NoReturn:
        """Raise what the command line knows how to end with."""
        raise BrokenPipeError


def plain(text: str) -> Text:
    """A text of another process, shown as it is: no markup, and nothing that steers the terminal."""
    return Text(visible(text))
