"""The command line, `collector-mesh`."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, NoReturn

from collector_mesh.app.cli.errors import EXIT_FAILED, EXIT_USAGE, CommandError, tell
from collector_mesh.app.cli.output import abandon_stdout, make_usable

EXIT_INTERRUPTED = 130

_VERBS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "serve:add_parser",
        "call": "typed.verbs:add_call",
        "services": "typed.verbs:add_services",
        "describe": "typed.verbs:add_describe",
        "dispatch": "dispatch:add_parser",
        "topology": "topology:add_parser",
        "explain": "explain:add_parser",
        "config": "configuration.verbs:add_parser",
        "reload": "reload:add_parser",
        "contract": "contracts.verbs:add_parser",
        "registry": "registry:add_parser",
        "certs": "certs:add_parser",
        "simulate": "simulate:add_parser",
        "demo": "demo:add_parser",
    }
)
"""What adds the options of each verb."""

_EXAMPLES = """examples:
  collector-mesh serve --id greeter --listen 127.0.0.1:50051 --service hello:greetings
      run a collector that serves what hello.py has under the name greetings
  collector-mesh dispatch 127.0.0.1:50051 greetings GreetingService Greet --data '"mesh"'
      call a method of it
  collector-mesh topology 127.0.0.1:50051
      see what it runs, and how it is connected
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and to which a part of an option is none: `--insec` allows nothing."""

    def __init__(self, **options: Any) -> None:
        form = partial(options.pop("formatter_class", argparse.HelpFormatter), width=_columns() - 2)
        super().__init__(**{**options, "allow_abbrev": False, "formatter_class": form})

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _columns() -> int:
    """How wide the terminal is.

    As `shutil` tells it, which argparse loads otherwise: with it comes what packs archives.
    """
    with suppress(KeyError, ValueError):
        if (columns := int(os.environ["COLUMNS"])) > 0:
            return columns
    with suppress(AttributeError, ValueError, OSError):
        if (columns := os.get_terminal_size(sys.__stdout__.fileno()).columns) > 0:  # type: ignore[union-attr]  # as above
            return columns
    return 80


class _Version(argparse.Action):
    """Looks the version up only where it is asked for, which takes a sixth of the start."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: object, **_options: object) -> None:
        """Tell it."""
        from importlib import metadata

        parser.exit(message=f"collector-mesh {metadata.version('collector-mesh')}\n")


def parser(first: str = "") -> argparse.ArgumentParser:
    """The parser of the whole command line.

    Args:
        first: what was typed first; if it is a verb, no other is loaded, as each of them takes time and memory.
    """
    root = _Parser(
        prog="collector-mesh",
        description="Processes that serve each other's methods over gRPC.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    verbs = root.add_subparsers(metavar="VERB", title="verbs", dest="verb")
    for where in [_VERBS[first]] if first in _VERBS else _VERBS.values():
        module, _, add = where.partition(":")
        getattr(import_module(f"collector_mesh.app.cli.{module}"), add)(verbs)
    return root


def main(arguments: Sequence[str] | None = None, *, interrupts: bool = False) -> int:
    """Run the command line; give its exit status.

    Args:
        arguments: what was typed, by default that of the process.
        interrupts: whether an interrupt is to become a KeyboardInterrupt from now on.
    """
    try:
        given = _readable(sys.argv[1:]) if arguments is None else arguments
        root = parser(*given[:1])
        if interrupts:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        status = _run(root, given)
        sys.stdout.flush()
    except CommandError as error:
        return tell(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone.
        abandon_stdout()
        return EXIT_FAILED
    except OSError as error:
        abandon_stdout()
        return tell(CommandError(f"cannot write the output: {error.strerror or error}", EXIT_FAILED))
    return status


def _run(root: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    make_usable()
    # The core of grpc writes to stderr by itself, beside our own logs.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    parsed, left = root.parse_known_args(arguments)
    if "words" in parsed and not any(map(_is_option, left)):
        # argparse takes them at one place only, and there may be options between them.
        parsed.words = [*parsed.words, *left]
    elif left:
        if parsed.verb is not None:
            # Its own help has what there is.
            root.prog = f"{root.prog} {parsed.verb}"
        root.error(f"unrecognized arguments: {' '.join(left)}")
    if "run" not in parsed:
        # Whoever types the name alone wants to know what there is.
        sys.stdout.write(root.format_help())
        return 0
    status: int = parsed.run(parsed)
    return status


def _is_option(word: str) -> bool:
    # A dash alone is a word.
    return word.startswith("-") and word != "-"


def _readable(arguments: Sequence[str]) -> list[str]:
    """Arguments as they were typed, also where the locale knows ASCII alone."""
    return [os.fsencode(argument).decode("utf-8", "surrogateescape") for argument in arguments]
