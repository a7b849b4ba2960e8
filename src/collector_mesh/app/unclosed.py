"""Tells of what was started and is gone, or ends with the program, without having been stopped."""

import os
import sys
import warnings
import weakref

_PACKAGE = f"{__name__.partition('.')[0]}."


class Unclosed:
    """Warns where something that was started is never stopped. It does not keep it alive.

    The warning names the line of the program that has started it. A process that is forked from the one that has started it has nothing to stop, and is not warned.

    Args:
        owner: what was started.
        what: its name in the warning.
    """

    __slots__ = ("_finalizer",)

    def __init__(self, owner: object, what: str) -> None:
        self._finalizer = weakref.finalize(owner, _warn, what, os.getpid(), *_starter())

    def settle(self) -> None:
        """It is being stopped."""
        self._finalizer.detach()


def _starter() -> tuple[str, int]:
    """The file and the line of whoever starts it: the innermost one outside of this package."""
    frame = sys._getframe()  # noqa: SLF001  # there is no other way to it
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _warn(what: str, process: int, file: str, line: int) -> None:
    if os.getpid() == process:
        text = f"{what} was started and never stopped: leave its 'with', or stop or close it"
        warnings.warn_explicit(text, ResourceWarning, file, line)
