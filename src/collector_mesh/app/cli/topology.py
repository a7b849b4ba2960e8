"""`collector-mesh topology`: what a collector is and knows."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.dialing import add_look_options, look

if TYPE_CHECKING:
    from collector_mesh.domain.model.snapshot import Snapshot


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "topology",
        help="look at a collector and its peers",
        description="Show what a collector runs, and how it is connected to its peers. Without an address it is the"
        " one that runs on this machine, if there is one only. Exit status 1 when nobody answers or the collector"
        " refuses.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("address", metavar="HOST:PORT|unix:PATH", nargs="?", help="the collector")
    add_look_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    snapshot = look(arguments, lambda client: client.snapshot(timeout=arguments.timeout))
    if arguments.json:
        sys.stdout.write(json.dumps(_data(snapshot), indent=2) + "\n")
        return 0
    from collector_mesh.app.cli.console import StdoutConsole
    from collector_mesh.app.cli.topology_tables import snapshot_lines

    console = StdoutConsole(highlight=False)
    for part in snapshot_lines(snapshot):
        console.print(part)
    return 0


def _data(snapshot: "Snapshot") -> dict[str, Any]:
    """A snapshot as data: the names are those of the attributes, with a method's key spread out."""
    import attrs

    data = attrs.asdict(snapshot)
    data["methods"] = [
        {**method.key._asdict(), "kind": method.kind, "idempotent": method.idempotent}
        for method in snapshot.methods
    ]
    return data
