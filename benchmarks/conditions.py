"""What holds for a whole run, and how a benchmark introduces itself."""

import asyncio
import importlib
import platform
from collections.abc import Callable
from importlib import metadata

import attrs

KIB, MIB = 1024, 1024 * 1024


@attrs.frozen
class Conditions:
    """How to measure.

    Attributes:
        seconds: for each round of a measurement.
        uvloop: whether this process and the servers run on uvloop.
    """

    seconds: float
    uvloop: bool

    def announce(self, title: str, *, in_flight: object, size: object) -> None:
        """Print what is measured, and under which conditions.

        Args:
            title: what it is.
            in_flight: the number of calls under way at once, or how they are offered.
            size: bytes of the payload.
        """
        loop = f"uvloop {metadata.version('uvloop')}" if self.uvloop else "asyncio's own loop"
        versions = f"Python {platform.python_version()}, grpcio {metadata.version('grpcio')}, {loop}"
        print(f"\n{title}")
        print(f"  {in_flight} in flight, payload {size} B; {versions}, rounds of {self.seconds:g} s")


def loop_factory(*, uvloop: bool) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop, for `asyncio.Runner`; None for asyncio's own.

    Raises:
        SystemExit: uvloop is wanted and not installed.
    """
    if not uvloop:
        return None
    try:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        raise SystemExit("--uvloop needs uvloop, which is not installed: pip install uvloop") from None
    return factory
