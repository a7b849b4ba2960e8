"""`collector-mesh explain`: where a collector would have a call go, and why."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.dialing import add_look_options, look
from collector_mesh.app.cli.errors import CommandError

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.inspect_client import InspectClient
    from collector_mesh.domain.model.names import MethodKey
    from collector_mesh.domain.model.snapshot import Explanation

_USAGE = """collector-mesh explain [-h] [--local ID] [--json] [--timeout SECONDS] [--no-uvloop]
                              [--tls-cert FILE] [--tls-key FILE] [--tls-ca FILE] [--token-file FILE]
                              [--insecure] [--as WHO]
                              [HOST:PORT|unix:PATH] NAMESPACE SERVICE METHOD"""

_NAMES = ("namespace", "service", "method")


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "explain",
        usage=_USAGE,
        help="tell where a call would go, and why",
        description="Show which collectors a call through a collector could go to now, and why the others"
        " are left out; nothing is called. Exit status 1 when nobody answers or the collector refuses.",
    )
    parser.set_defaults(run=run)
    # Words, because the first one may be left out: argparse would give the names of the method to the wrong ones.
    parser.add_argument(
        "words",
        metavar="[HOST:PORT|unix:PATH] NAMESPACE SERVICE METHOD",
        nargs="*",
        help="the collector that the call would be made through, and the method; without an address it is the one"
        " that runs on this machine, if there is one only",
    )
    parser.add_argument(
        "--as",
        metavar="WHO",
        dest="caller",
        default="",
        help="tell whether this caller may call it, as access rules name it: token:NAME, id:ID, uri:URI, dns:HOST or"
        " anyone (default: whoever asks)",
    )
    add_look_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    from collector_mesh.domain.model.errors import InvalidCallError
    from collector_mesh.domain.model.names import MethodKey

    words = list(arguments.words)
    # No namespace has a colon, and every address has one.
    has_address = len(words) > len(_NAMES) or any(":" in word for word in words[:1])
    arguments.address = words.pop(0) if has_address else None
    if missing := _NAMES[len(words) :]:
        raise CommandError(f"the following arguments are required: {', '.join(missing)}")
    if len(words) > len(_NAMES):
        raise CommandError(f"unrecognized arguments: {' '.join(words[len(_NAMES) :])}")
    key = MethodKey(*words)
    try:
        key.check()
    except InvalidCallError as error:
        raise CommandError(str(error)) from error
    if arguments.caller:
        from collector_mesh.domain.policies.access_who import Who

        try:
            Who.parse(arguments.caller)
        except InvalidCallError as error:
            raise CommandError(f"--as {error}") from error
    explanation = look(arguments, lambda client: _ask(client, key, arguments))
    if arguments.json:
        import attrs

        candidates = [attrs.asdict(candidate) for candidate in explanation.candidates]
        told = {
            **key._asdict(),
            "balancing": explanation.balancing,
            "note": explanation.note,
            "access": explanation.access,
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


async def _ask(client: "InspectClient", key: "MethodKey", arguments: argparse.Namespace) -> "Explanation":
    from collector_mesh.app.cli.asking import with_peers

    explanation = await client.explain(key, timeout=arguments.timeout, caller=arguments.caller)
    return await with_peers(client, explanation, arguments)
