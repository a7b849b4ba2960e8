"""Errors that end a command."""

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
