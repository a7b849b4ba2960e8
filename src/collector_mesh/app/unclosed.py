"""Tells of what was started and is gone, or ends with the program, without having been stopped."""

import os
import warnings
import weakref


class Unclosed:
    """Warns where something that was started is never stopped. It does not keep it alive.

    A process that is forked from the one that has started it has nothing to stop, and is not warned.

    Args:
        owner: what was started.
        what: its name in the warning.
    """

    __slots__ = ("_finalizer",)

    def __init__(self, owner: object, what: str) -> None:
        self._finalizer = weakref.finalize(owner, _warn, what, os.getpid())

    def settle(self) -> None:
        """It is being stopped."""
        self._finalizer.detach()


def _warn(what: str, process: int) -> None:
    if os.getpid() == process:
        text = f"{what} was started and never stopped: leave its 'with', or stop or close it"
        warnings.warn(text, ResourceWarning, stacklevel=2)
