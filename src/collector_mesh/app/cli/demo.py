"""`collector-mesh demo`: the shop example, run from end to end with real processes."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError

_BESIDE_SOURCES = ("examples", "shop")
_IN_WHEEL = ("collector_mesh_examples", "shop")


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "demo",
        help="run the shop example",
        description="Start two collectors of the shop example as processes, push 240 orders through one of"
        " them, show what came of it and how errors look, and stop them again.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--keep", metavar="DIR", help="keep the databases and the logs in this folder")


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    from collector_mesh.app.cli.shop import ShopError, run_shop

    example = _example()
    # The example's modules are imported here as well: its messages are what is sent.
    sys.path.insert(0, str(example))
    with _folder(arguments.keep) as folder:
        try:
            asyncio.run(run_shop(example, folder))
        except ShopError as error:
            raise CommandError(str(error), EXIT_FAILED) from error
        if arguments.keep:
            print(f"kept in {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")  # noqa: T201
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
    folder = Path(keep)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise CommandError(f"--keep {keep}: {error.strerror}") from error
    if taken is not None:
        raise CommandError(f"--keep {keep}: the folder must be empty, it has {taken.name}")
    yield folder.resolve()
