"""The options of the verbs that speak to any gRPC server: `call`, `services` and `describe`."""

import argparse

from collector_mesh.app.cli import loops
from collector_mesh.app.cli.dialing import add_tls_options, seconds

CALL_SECONDS = 15.0
"""How long a verb has for everything that it asks the server, the call itself included."""


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where types come from, and those of the connection."""
    types = parser.add_argument_group("types", "without these the server is asked, by server reflection")
    types.add_argument(
        "--protoset",
        metavar="FILE",
        action="append",
        default=[],
        help="descriptors, as protoc --include_imports -o FILE writes them; may be repeated",
    )
    types.add_argument(
        "--proto",
        metavar="FILE",
        action="append",
        default=[],
        help="a proto file, where a compiler is installed (grpcio-tools, protoc or buf); may be repeated",
    )
    types.add_argument(
        "-I",
        "--proto-path",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder that imports of proto files begin in; may be repeated; by default the current one",
    )
    types.add_argument(
        "--registry", metavar="HOST:PORT", help="a registry that is asked in place of the server"
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=CALL_SECONDS,
        help=f"for all that the server is asked (default {CALL_SECONDS:g})",
    )
    parser.add_argument(
        "-H",
        "--metadata",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="metadata, also as KEY:VALUE; a value for a key that ends in -bin is base64; may be repeated",
    )
    parser.add_argument("--format-error", action="store_true", help="print an error as JSON on stderr")
    parser.add_argument(
        "--json", action="store_true", help="print everything as one JSON object, for programs"
    )
    parser.add_argument(
        "--tls",
        action="store_true",
        help="use TLS, and believe the authorities of this machine if there is no --tls-ca",
    )
    loops.add_loop_option(parser)
    add_tls_options(parser)
