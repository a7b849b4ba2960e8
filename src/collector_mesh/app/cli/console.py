"""What people see: a console whose reader may go away, and texts of others that cannot do harm."""

import os
import sys
from typing import NoReturn

from rich.console import Console
from rich.text import Text


class StdoutConsole(Console):
    """A console whose reader may go away.

    Rich would raise SystemExit then, which tears an event loop down before anything is cleaned up.
    """

    def on_broken_pipe(self) -> NoReturn:
        """Raise what the command line knows how to end with."""
        # What is still buffered has nowhere to go, and writing it is tried again on every way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise BrokenPipeError


def plain(text: str) -> Text:
    """A text of another process, shown as it is: no markup, and nothing that steers the terminal."""
    shown = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )
    return Text(shown)
