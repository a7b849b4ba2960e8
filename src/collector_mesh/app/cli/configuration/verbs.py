"""What the command line has to know of `config`; the rest is loaded when it runs."""

import argparse
from typing import Any

_OF = ("serve", "registry")


def add_parser(verbs: Any) -> None:
    """Add `config`."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "config",
        help="check a configuration file, show what is in force, or write an example",
        description="The configuration of a collector: the file that `serve --config` takes.",
    )
    inner = parser.add_subparsers(metavar="WHAT", title="what", dest="what", required=True)
    _add_check(inner)
    _add_show(inner)
    _add_example(inner)


def _add_check(verbs: Any) -> None:
    parser: argparse.ArgumentParser = verbs.add_parser(
        "check",
        help="see that a configuration file is good",
        description="Check a configuration file by itself, without the environment, and the files that it names. Prints"
        " everything that is wrong, one problem a line, each with its path. Exit status 1 for a file that is wrong, 2 for"
        " one that cannot be read.",
    )
    parser.set_defaults(run=_run_check)
    parser.add_argument("file", metavar="FILE", help="the file")
    _add_of(parser)
    parser.add_argument(
        "--import",
        action="store_true",
        dest="imports",
        help="import the modules that it names too, and make the collector, without opening anything",
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 for warnings too")


def _add_show(verbs: Any) -> None:
    from collector_mesh.app.cli.serve import add_options

    parser: argparse.ArgumentParser = verbs.add_parser(
        "show",
        help="show the configuration in force, and where each value comes from",
        description="Put together what the flags of `serve`, the environment and the file of --config say, and print it"
        " as TOML, each value with its source. Takes the flags of `serve`. Secrets are masked.",
    )
    add_options(parser)
    parser.set_defaults(run=_run_show)


def _add_example(verbs: Any) -> None:
    parser: argparse.ArgumentParser = verbs.add_parser(
        "example",
        help="write a configuration file with every key, commented",
        description="Write a configuration file with every key, its meaning and its default. Everything in it is a comment:"
        " remove the # before the keys that you want to set.",
    )
    parser.set_defaults(run=_run_example)
    _add_of(parser)


def _add_of(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for", choices=_OF, default=_OF[0], dest="of", help="the verb that it is for (serve)"
    )


def _run_check(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.configuration.checking import run

    return run(arguments)


def _run_show(arguments: argparse.Namespace) -> int:
    import os

    from collector_mesh.app.cli.configuration.showing import show
    from collector_mesh.app.cli.sources import read_config

    return show(read_config(arguments, os.environ))


def _run_example(arguments: argparse.Namespace) -> int:
    from collector_mesh.app.cli.configuration.example import run

    return run(arguments)
