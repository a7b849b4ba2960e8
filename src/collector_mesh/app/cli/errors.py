"""Errors that end a command."""

import sys
from contextlib import suppress

from collector_mesh.domain.model.texts import escaped, without_credentials

EXIT_FAILED = 1
EXIT_USAGE = 2


class CommandError(Exception):
    """A command cannot go on; its text is one line for the user.

    Args:
        text: what is wrong and what is allowed.
        status: the exit status.
    """

    def __init__(self, text: str, status: int = EXIT_USAGE) -> None:
        super().__init__(" ".join(text.split()))
        self.status = status


def tell(error: CommandError) -> int:
    """Tell an error, in one line on stderr; give the exit status."""
    # Whoever does not read it learns of the exit status.
    with suppress(OSError):
        print(
            f"collector-mesh: error: {escaped(without_credentials(str(error)))}", file=sys.stderr, flush=True
        )
    return error.status
