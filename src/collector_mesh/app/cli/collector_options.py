"""Options of verbs that run a collector."""

import argparse

from collector_mesh.app.cli import loops
from collector_mesh.app.cli.logs import FORMATS, LEVELS
from collector_mesh.domain.registry.rules import LEVELS as RULE_LEVELS

STOPS = (
    "until SIGTERM or SIGINT. Each flag can be given as an environment variable too:"
    " COLLECTOR_MESH_LISTEN for --listen, COLLECTOR_MESH_SETTINGS__MAX_RUNNING for the setting max_running."
)
"""How the description of such a verb ends."""


def add_place_options(parser: argparse.ArgumentParser, *, default_id: str) -> None:
    """Add what it is called, and where it listens."""
    parser.add_argument("--id", help=f"id of the collector, unique in the mesh ({default_id})")
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where to take calls; port 0 picks a free one (127.0.0.1:0)",
    )
    parser.add_argument("--advertise", metavar="HOST:PORT", help="what others dial instead of --listen")


def add_authorizer_option(parser: argparse.ArgumentParser) -> None:
    """Add who may do what."""
    parser.add_argument(
        "--authorizer", metavar="MODULE:OBJECT", help="says who may call, look in and be called"
    )


def add_level_option(parser: argparse.ArgumentParser, flag: str) -> None:
    """Add what a registry looks at where something changes."""
    parser.add_argument(
        flag,
        metavar="|".join(RULE_LEVELS),
        dest="registry_level",
        help="what a change may not break: messages in JSON too, or in their binary form alone (wire_json)",
    )


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add where the configuration is, and what shows it."""
    parser.add_argument(
        "--config", metavar="FILE", help="TOML with the same names; flags and the environment win over it"
    )
    parser.add_argument(
        "--show-config",
        action="store_true",
        help="print the configuration, and where each value comes from, instead of running",
    )


def add_tls_options(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """Add certificates, and what goes without; gives the group."""
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--tls-cert", metavar="FILE", help="certificate chain, PEM")
    tls.add_argument("--tls-key", metavar="FILE", help="its private key, PEM")
    tls.add_argument("--tls-ca", metavar="FILE", help="whom to believe, PEM; callers need certificates then")
    tls.add_argument("--insecure", action="store_true", help="allow plaintext beyond this machine")
    tls.add_argument(
        "--token-file", metavar="FILE", help="file with the bearer token to show to those whom it dials"
    )
    return tls


def add_showing_options(parser: argparse.ArgumentParser) -> None:
    """Add what others may see of it."""
    parser.add_argument(
        "--inspect",
        action="store_true",
        help="let every program that can connect look in, as topology and explain do",
    )
    parser.add_argument("--reflection", action="store_true", help="offer gRPC server reflection")


def add_access_log_option(parser: argparse.ArgumentParser) -> None:
    """Add how many calls have a line."""
    parser.add_argument(
        "--access-log",
        metavar="SHARE",
        nargs="?",
        const="1",
        help="log a line for each call that ends, or for this share of them, from 0 to 1",
    )


def add_process_options(parser: argparse.ArgumentParser) -> None:
    """Add the event loop and the logs."""
    loops.add_loop_option(parser)
    # What they may be is looked at with all the rest: argparse would stop at the first that is wrong.
    parser.add_argument("--log-format", metavar="|".join(FORMATS), help="of the logs on stderr (pretty)")
    parser.add_argument("--log-level", metavar="|".join(LEVELS), help="of the logs on stderr (info)")


def add_workers_option(parser: argparse.ArgumentParser) -> None:
    """Add how many processes there are."""
    parser.add_argument(
        "--workers",
        metavar="N",
        help="run N collectors, ID.0, ID.1, ..., each in a process of its own, at PORT, PORT+1, ...",
    )
