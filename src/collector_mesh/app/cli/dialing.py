"""The options of the verbs that dial a collector."""

import argparse
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from collector_mesh.app.cli.config import VARIABLES
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.loops import add_loop_option, run

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.inspect_client import InspectClient
    from collector_mesh.adapters.grpc.tls import Tls

T = TypeVar("T")

TOKEN_FILE_VARIABLE = f"{VARIABLES}TOKEN_FILE"

LOOK_SECONDS = 5.0
"""How long a verb that looks at a collector waits for the answer."""

_MAX_SECONDS = 3600.0


def add_tls_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for certificates, and the one for doing without."""
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--tls-cert", metavar="FILE", help="certificate chain to show, PEM")
    tls.add_argument("--tls-key", metavar="FILE", help="its private key, PEM")
    tls.add_argument("--tls-ca", metavar="FILE", help="whom to believe, PEM")
    tls.add_argument("--insecure", action="store_true", help="allow plaintext beyond this machine")
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="file with the bearer token to show, and nothing else; sent over TLS or to this machine (default: that of"
        f" {TOKEN_FILE_VARIABLE})",
    )


def tls_of(arguments: argparse.Namespace) -> "Tls | None":
    """The certificates that the options name.

    Raises:
        TlsError: there is a certificate without a key, or a key without a certificate.
    """
    from collector_mesh.adapters.grpc.tls import Tls

    files = (arguments.tls_cert, arguments.tls_key, arguments.tls_ca)
    # Some verbs may be told to use TLS without files of their own.
    return Tls(*files) if any(files) or getattr(arguments, "tls", False) else None


def token_file_of(arguments: argparse.Namespace) -> str | None:
    """The file with the bearer token to show that the options or the environment name."""
    return arguments.token_file or os.environ.get(TOKEN_FILE_VARIABLE, "").strip() or None


def token_of(arguments: argparse.Namespace) -> "Callable[[], str] | None":
    """What gives the bearer token in the file that the options or the environment name; None where they name none.

    Raises:
        InvalidCallError: that is no path.
    """
    path = token_file_of(arguments)
    if path is None:
        return None
    from collector_mesh.adapters.runtime.token_source import token_source

    return token_source(None, path)


def add_look_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a verb that looks at a collector."""
    parser.add_argument(
        "--local",
        metavar="ID",
        help="look at the collector of this id that runs on this machine for this user, at its socket",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON, for programs")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=LOOK_SECONDS,
        help=f"for the answer (default {LOOK_SECONDS:g})",
    )
    add_loop_option(parser)
    add_tls_options(parser)


def look(arguments: argparse.Namespace, ask: "Callable[[InspectClient], Awaitable[T]]") -> T:
    """Ask the collector that the arguments name.

    Raises:
        CommandError: the arguments are wrong, nobody has answered, or the collector has refused.
    """
    return run(_look(arguments, ask), uvloop=not arguments.no_uvloop)


async def _look(arguments: argparse.Namespace, ask: "Callable[[InspectClient], Awaitable[T]]") -> T:
    from collector_mesh.adapters.grpc.inspect_client import InspectClient
    from collector_mesh.adapters.grpc.local_inspection import UNIX
    from collector_mesh.adapters.grpc.tls import TlsError
    from collector_mesh.domain.model.errors import MeshError

    address = _address(arguments)
    try:
        token = None if address.startswith(UNIX) else token_of(arguments)
        client = InspectClient(address, tls=tls_of(arguments), insecure=arguments.insecure, token=token)
        await client.__aenter__()
    except (MeshError, TlsError) as error:
        raise CommandError(str(error)) from error
    try:
        return await ask(client)
    except MeshError as error:
        raise CommandError(str(error), EXIT_FAILED) from error
    finally:
        await client.__aexit__(None, None, None)


def _address(arguments: argparse.Namespace) -> str:
    """Where the collector is that the arguments name, which may be none: then it is the only one of this machine."""
    if arguments.address is not None:
        if arguments.local is not None:
            raise CommandError("an address and --local ID name two collectors: give one of them")
        return str(arguments.address)
    return local_address(arguments.local, os.environ, "; give HOST:PORT or unix:PATH")


def local_address(local: str | None, environment: Mapping[str, str], instead: str = "") -> str:
    """The socket of a collector of this machine.

    Args:
        local: its id; None where it is the only one.
        environment: says where sockets are.
        instead: what an error says of what else may be given.

    Raises:
        CommandError: it does not run here, or there are several.
    """
    from collector_mesh.adapters.grpc.local_inspection import UNIX
    from collector_mesh.app.cli.local_sockets import LocalError, running, socket_of, where_none
    from collector_mesh.domain.model.errors import InvalidCallError
    from collector_mesh.domain.model.names import check_name

    if local is not None:
        try:
            check_name("--local", local)
            return f"{UNIX}{socket_of(local, environment)}"
        except InvalidCallError as error:
            raise CommandError(str(error)) from error
        except LocalError as error:
            raise CommandError(str(error), EXIT_FAILED) from error
    found = running(environment)
    if len(found) == 1:
        return f"{UNIX}{next(iter(found.values()))}"
    if not found:
        raise CommandError(
            f"no collector runs here for this user, by {where_none(environment)}{instead}",
            EXIT_FAILED,
        )
    raise CommandError(
        f"several collectors run here for this user: give --local with one of {', '.join(found)}"
    )


def seconds(text: str) -> float:
    """A number of seconds that a user gives, for argparse."""
    try:
        given = float(text)
    except ValueError:
        given = 0.0
    # A comparison with NaN is false, so that is refused here too.
    if not 0 < given <= _MAX_SECONDS:
        raise argparse.ArgumentTypeError(
            f"must be a number of seconds above 0, at most {_MAX_SECONDS:g}, got {text!r}"
        )
    return given
