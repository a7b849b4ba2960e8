"""The event loop of a command: uvloop where it is installed, else asyncio's own."""

import argparse
import asyncio
import logging
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, TypeVar

from collector_mesh.adapters.runtime.tasks import PATIENCE_SECONDS
from collector_mesh.adapters.telemetry.records import log

T = TypeVar("T")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def add_loop_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that turns uvloop off."""
    parser.add_argument(
        "--no-uvloop", action="store_true", help="use asyncio's own event loop even where uvloop is installed"
    )


def loop_factory(*, uvloop: bool = True) -> LoopFactory | None:
    """What makes the loop of a runner; None stands for asyncio's own loop.

    Args:
        uvloop: whether uvloop may be used.
    """
    if not uvloop:
        return None
    try:
        # It is an extra, and whatever keeps it from being loaded here is no reason not to run.
        factory: LoopFactory = import_module("uvloop").new_event_loop
    except ImportError:
        return None
    return factory


def run(main: Coroutine[Any, Any, T], *, uvloop: bool = True) -> T:
    """Run a coroutine as `asyncio.run` does, and log which loop it is.

    Args:
        main: what to run.
        uvloop: whether uvloop may be used.
    """
    whole = _to_its_end(main)
    try:
        factory = loop_factory(uvloop=uvloop)
        loop = "asyncio" if factory is None else "uvloop"
        log(logging.DEBUG, "loop_chosen", {"loop": loop})
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(whole)
    finally:
        # Where an interrupt has come before they began, Python would warn that nobody has awaited them.
        whole.close()
        main.close()


async def _to_its_end(main: Coroutine[Any, Any, T]) -> T:
    """Run it, and then see that nothing keeps the runner from ending: that waits for all tasks, for as long as they like."""
    try:
        return await main
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=PATIENCE_SECONDS)
        for task in left:
            if not task.done():
                log(logging.WARNING, "left_behind", {"task": task.get_name()})
                asyncio._unregister_task(task)  # noqa: SLF001  # in asyncio's documentation
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001  # it is known of
