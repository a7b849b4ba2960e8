"""What the command line has to know of `call`, `services` and `describe`; the rest is loaded when one of them runs."""

import argparse
from typing import Any

from collector_mesh.app.cli.keys_options import add_key_option
from collector_mesh.app.cli.typed.options import add_source_options

_ADDRESS = "HOST:PORT of any gRPC server, or unix:PATH"
_CALL_USAGE = """collector-mesh call [-h] [-d JSON|@FILE|-] [--target ID] [--key KEY] [--timeout SECONDS] [-H KEY=VALUE]
                           [--protoset FILE] [--proto FILE] [-I DIR] [--registry HOST:PORT] [--emit-defaults]
                           [-v] [--json] [--format-error] [--no-uvloop] [--tls] [--tls-cert FILE] [--tls-key FILE]
                           [--tls-ca FILE] [--insecure] HOST:PORT|unix:PATH [NAMESPACE|-] SERVICE/METHOD"""


def add_call(verbs: Any) -> None:
    """Add `call`."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "call",
        usage=_CALL_USAGE,
        help="call a method of any gRPC server or of the mesh, with JSON",
        description="Call a unary method. The reply goes to stdout as JSON; who handled it and how long it took go to"
        " stderr. Exit status 1 for another status than OK, 2 for wrong arguments or a request that does not fit.",
    )
    parser.set_defaults(run=_run_call)
    # Words, because the one in the middle may be left out.
    parser.add_argument(
        "words",
        metavar="ADDRESS [NAMESPACE] SERVICE/METHOD",
        nargs="*",
        help=f"{_ADDRESS}; the namespace, at a collector: left out or - the server decides; the method, as"
        " package.Service/Method, Service.Method, or any last part of it that only one method has",
    )
    parser.add_argument(
        "-d",
        "--data",
        metavar="JSON|@FILE|-",
        help="the request: JSON, a file that has it, or - for stdin; without it a message without fields",
    )
    parser.add_argument("--target", metavar="ID", default="", help="the only collector that may run it")
    add_key_option(parser)
    parser.add_argument("--emit-defaults", action="store_true", help="print also fields that have no value")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print initial and trailing metadata on stderr"
    )
    add_source_options(parser)


def add_services(verbs: Any) -> None:
    """Add `services`."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "services",
        help="list the services of any gRPC server, with their methods",
        description="List services and their methods. Exit status 1 when the server does not answer or has no"
        " reflection.",
    )
    parser.set_defaults(run=_run_services)
    parser.add_argument("address", metavar="HOST:PORT|unix:PATH", help=_ADDRESS)
    _add_namespace(parser)
    add_source_options(parser)


def add_describe(verbs: Any) -> None:
    """Add `describe`."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "describe",
        help="show a service, a method, a message or an enum, with a request to fill in",
        description="Show what a name stands for, in the language of proto files, and for a method or a message JSON to"
        " fill in. Exit status 1 when the server does not answer or does not have it.",
    )
    parser.set_defaults(run=_run_describe)
    parser.add_argument("address", metavar="HOST:PORT|unix:PATH", help=_ADDRESS)
    parser.add_argument("symbol", metavar="SYMBOL", help="its full name, or any last part that only one has")
    _add_namespace(parser)
    add_source_options(parser)


def _add_namespace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--namespace", metavar="NS", default="", help="at a collector: only what is in it")


def _run_call(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.typed.call import run

    return run(arguments)


def _run_services(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.typed.listing import run

    return run(arguments)


def _run_describe(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.typed.describe import run

    return run(arguments)
