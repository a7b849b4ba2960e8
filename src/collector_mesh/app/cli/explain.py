"""`collector-mesh explain`: where a collector would have a call go, and why."""

import argparse
import json
import sys
from typing import Any

from collector_mesh.app.cli.dialing import add_look_options, look
from collector_mesh.app.cli.errors import CommandError


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "explain",
        help="tell where a call would go, and why",
        description="Show which collectors a call through a collector could go to now, and why the others"
        " are left out; nothing is called. Exit status 1 when nobody answers or the collector refuses.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "address", metavar="HOST:PORT", help="the collector that the call would be made through"
    )
    parser.add_argument("namespace")
    parser.add_argument("service")
    parser.add_argument("method")
    add_look_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    from collector_mesh.domain.model.errors import InvalidCallError
    from collector_mesh.domain.model.names import MethodKey

    key = MethodKey(arguments.namespace, arguments.service, arguments.method)
    try:
        key.check()
    except InvalidCallError as error:
        raise CommandError(str(error)) from error
    explanation = look(arguments, lambda client: client.explain(key, timeout=arguments.timeout))
    if arguments.json:
        import attrs

        candidates = [attrs.asdict(candidate) for candidate in explanation.candidates]
        told = {
            **key._asdict(),
            "balancing": explanation.balancing,
            "note": explanation.note,
            "candidates": candidates,
        }
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return 0
    from collector_mesh.app.cli.console import StdoutConsole
    from collector_mesh.app.cli.topology_tables import explanation_lines

    console = StdoutConsole(highlight=False)
    for part in explanation_lines(explanation):
        console.print(part)
    return 0
