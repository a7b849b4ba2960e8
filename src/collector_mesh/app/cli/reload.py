"""`collector-mesh reload`: has a collector of this machine read its configuration again."""

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.dialing import local_address, seconds
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.loops import add_loop_option
from collector_mesh.app.cli.loops import run as run_in_loop
from collector_mesh.domain.model.texts import escaped

if TYPE_CHECKING:
    from collector_mesh.domain.model.reloaded import ReloadReport

_SECONDS = 60.0
"""A file may just be written, and thousands of overrides take a while."""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "reload",
        help="have a collector read its configuration again",
        description="Have a collector of this machine, which runs for this user, read its configuration file, tokens and"
        " certificates again, as SIGHUP does, and tell what has changed and what needs a restart. Exit status 1 where"
        " something is wrong: then nothing has changed.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--local",
        metavar="ID",
        help="the id of the collector; not needed where only one runs here for this user",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON, for programs")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=_SECONDS,
        help=f"for the answer (default {_SECONDS:g})",
    )
    add_loop_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    address = local_address(arguments.local, os.environ)
    report = run_in_loop(_reload(address, arguments.timeout), uvloop=not arguments.no_uvloop)
    if arguments.json:
        import attrs

        sys.stdout.write(json.dumps(attrs.asdict(report), indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{escaped(line)}\n" for line in _lines(report))
    return EXIT_FAILED if report.problems else 0


async def _reload(address: str, timeout: float) -> "ReloadReport":
    from collector_mesh.adapters.grpc.inspect_client import ControlClient
    from collector_mesh.domain.model.errors import MeshError

    try:
        async with ControlClient(address) as client:
            return await client.reload(timeout=timeout)
    except MeshError as error:
        raise CommandError(str(error), EXIT_FAILED) from error


def _lines(report: "ReloadReport") -> list[str]:
    warnings = [f"warning: {text}" for text in report.warnings]
    if report.problems:
        return [*report.problems, *warnings, "nothing has changed"]
    reloaded = report.reloaded
    changed = [f"changed: {name}" for name in reloaded.changed] or ["nothing is different"]
    restart = [f"needs a restart: {name}" for name in reloaded.needs_restart]
    return [*warnings, *changed, *restart, *(f"peer no longer: {each}" for each in reloaded.dismissed)]
