"""What the command line has to know of `contract`; the rest is loaded when it runs."""

import argparse
from typing import Any

_MODULE = "a module that defines contracts, as Python imports it; the current directory is importable"


def add_parser(verbs: Any) -> None:
    """Add `contract`."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "contract",
        help="lock contracts, check them, and write their .proto files",
        description="What contracts in Python are to other programs: the numbers of their fields, and their .proto files.",
    )
    inner = parser.add_subparsers(metavar="WHAT", title="what", dest="what", required=True)
    _add_lock(inner)
    _add_check(inner)
    _add_proto(inner)


def _add_lock(verbs: Any) -> None:
    parser: argparse.ArgumentParser = verbs.add_parser(
        "lock",
        help="write the lock files of contracts",
        description="Write the lock file of each module, which keeps the numbers of fields. A change that would break"
        " programs which use the contract as it is locked is refused, and nothing is written. Exit status 1 then, 2 for"
        " a module that cannot be used.",
    )
    parser.set_defaults(run=_run_lock)
    parser.add_argument("modules", metavar="MODULE", nargs="+", help=_MODULE)
    parser.add_argument(
        "--force", action="store_true", help="lock the contracts as they are, whatever that breaks"
    )


def _add_check(verbs: Any) -> None:
    parser: argparse.ArgumentParser = verbs.add_parser(
        "check",
        help="see that the lock files of contracts are up to date",
        description="Compare contracts with their lock files, and write nothing. Exit status 1 where a lock file is"
        " missing, out of date or broken, 2 for a module that cannot be used.",
    )
    parser.set_defaults(run=_run_check)
    parser.add_argument("modules", metavar="MODULE", nargs="+", help=_MODULE)


def _add_proto(verbs: Any) -> None:
    parser: argparse.ArgumentParser = verbs.add_parser(
        "proto",
        help="write the .proto file of a contract",
        description="Write the .proto file of a contract, for programs in other languages, to stdout or to a file."
        " Exit status 1 where it cannot be written, 2 for a module or a contract that cannot be used.",
    )
    parser.set_defaults(run=_run_proto)
    parser.add_argument(
        "contract", metavar="MODULE[:CONTRACT]", help=f"{_MODULE}; and which one, if it has several"
    )
    parser.add_argument(
        "--out",
        metavar="FILE|DIR",
        default="",
        help="the file to write, or a folder, under which each contract gets the path by which others import it",
    )
    parser.add_argument("--go-package", metavar="PATH", default="", help="the option go_package of the file")


def _run_lock(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.contracts.locking import run_lock

    return run_lock(arguments)


def _run_check(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.contracts.locking import run_check

    return run_check(arguments)


def _run_proto(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.contracts.proto import run

    return run(arguments)
