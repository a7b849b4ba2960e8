"""`collector-mesh demo`: the shop example, run from end to end with real processes."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError

if TYPE_CHECKING:
    from collector_mesh.app.cli.demo_story import Row

_BESIDE_SOURCES = ("examples", "shop")
_IN_WHEEL = ("collector_mesh_examples", "shop")
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "demo",
        help="run the shop example",
        description="Start two collectors of the shop example as processes, push its orders through one of"
        " them, show what came of it and how errors look, and stop them again.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--keep", metavar="DIR", help="keep the databases and the logs in this folder")
    parser.add_argument("--orders", metavar="N", type=int, help="push only the first N orders (all)")


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    from collector_mesh.app.cli.demo_processes import DemoError
    from collector_mesh.app.cli.demo_story import order_rows

    example = _example()
    rows = order_rows(example)
    count = len(rows) if arguments.orders is None else arguments.orders
    if not 1 <= count <= len(rows):
        raise CommandError(f"--orders must be between 1 and {len(rows)}, got {count}")
    try:
        return asyncio.run(_until_signal(_demo(example, rows[:count], arguments.keep)))
    except DemoError as error:
        sys.stderr.writelines(f"  {line}\n" for line in error.log)
        raise CommandError(f"demo: {error}", EXIT_FAILED) from error
    except (CommandError, BrokenPipeError):
        raise
    except Exception as error:
        raise CommandError(f"demo: {type(error).__name__}: {error}", EXIT_FAILED) from error


async def _demo(example: Path, rows: "Sequence[Row]", keep: str | None) -> None:
    from collector_mesh.app.cli.console import StdoutConsole
    from collector_mesh.app.cli.demo_story import tell

    # The example's messages are what is sent, so they are imported here too, and leave no cache behind.
    sys.path.insert(0, str(example))
    sys.dont_write_bytecode = True
    console = StdoutConsole(highlight=False)
    with _folder(keep) as folder:
        await tell(console, example, folder, rows)
        if keep is not None:
            kept = ", ".join(sorted(path.name for path in folder.iterdir()))
            console.print(f"Kept in {folder}: {kept}", markup=False)


async def _until_signal(work: Coroutine[None, None, None]) -> int:
    """Do the work, and give the exit status; a signal cancels the work, which then cleans up."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        # Only the first counts: cleaning up takes seconds at most and leaves processes when interrupted.
        if not received:
            task.cancel()
        received.append(number)

    for number in _STOPPING:
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    return 0


def _example() -> Path:
    """The folder of the example: beside the sources in a checkout, else in the installed package."""
    import collector_mesh

    package = Path(collector_mesh.__file__).parent
    for candidate in (package.parents[1].joinpath(*_BESIDE_SOURCES), package.parent.joinpath(*_IN_WHEEL)):
        if (candidate / "orders.csv").is_file():
            return candidate
    raise CommandError("the shop example is not installed", EXIT_FAILED)


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    """Where the collectors keep their data: a folder of the user's, or one that goes away."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="collector-mesh-demo-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if not keep:
        raise CommandError("--keep needs the name of a folder")
    folder = Path(keep)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise CommandError(f"--keep {keep}: {error.strerror}") from error
    if taken is not None:
        raise CommandError(f"--keep {keep}: the folder must be empty, it has {taken.name}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CommandError(f"--keep {keep}: the folder cannot be written to")
    yield folder.resolve()
