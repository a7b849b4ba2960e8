"""The program that uses this library, as the stack shows it."""

import sys
from types import FrameType

_PACKAGE = f"{__name__.partition('.')[0]}."


def outside() -> FrameType:
    """The frame of the code that has called into this library: the innermost one that is not of it."""
    frame = sys._getframe()  # noqa: SLF001  # there is no other way to it
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        frame = frame.f_back
    return frame
