"""`collector-mesh dispatch`: one call into the mesh."""

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli import loops
from collector_mesh.app.cli.dialing import add_tls_options, tls_of, token_file_of
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.keys_options import add_key_option
from collector_mesh.app.cli.objects import load
from collector_mesh.app.cli.replies import as_json, raw_of, type_name
from collector_mesh.app.cli.starting import once_it_listens
from collector_mesh.domain.model.texts import visible

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from collector_mesh.domain.model.status import Reply


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "dispatch",
        help="call a method",
        description="Call a method through a collector; the result goes to stdout as JSON, an outcome other"
        " than 200 to stderr, with exit status 1.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "address", metavar="HOST:PORT[,HOST:PORT...]", help="any collector of the mesh, or several"
    )
    parser.add_argument("namespace")
    parser.add_argument("service")
    parser.add_argument("method")
    parser.add_argument(
        "--request",
        metavar="MODULE:CLASS",
        help="message class of the request; without it --data is sent as plain data",
    )
    parser.add_argument(
        "--response",
        metavar="MODULE:CLASS",
        help="message class of the reply, which is printed as text then and not as base64",
    )
    parser.add_argument("--data", metavar="JSON", help="the request, as JSON")
    parser.add_argument("--target", metavar="ID", default="", help="the only collector that may run it")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="default 15")
    add_key_option(parser)
    parser.add_argument("--hint", metavar="KEY=VALUE", action="append", default=[], help="for the router")
    parser.add_argument(
        "--metadata", metavar="KEY=VALUE", action="append", default=[], help="for the handler"
    )
    parser.add_argument("--verbose", action="store_true", help="tell also who ran it")
    loops.add_loop_option(parser)
    add_tls_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return loops.run(_dispatch(arguments), uvloop=not arguments.no_uvloop)


async def _dispatch(arguments: argparse.Namespace) -> int:
    from collector_mesh.adapters.grpc.tls import TlsError
    from collector_mesh.app.clients.client import MeshClient
    from collector_mesh.domain.model.errors import MeshError

    request = _request(arguments)
    response = _message_class("--response", arguments.response) if arguments.response else None
    hints = dict(_pair("--hint", pair) for pair in arguments.hint)
    metadata = [_pair("--metadata", pair) for pair in arguments.metadata]
    try:
        tls = tls_of(arguments)
        async with MeshClient(
            arguments.address, tls=tls, insecure=arguments.insecure, token_file=token_file_of(arguments)
        ) as client:
            reply = await once_it_listens(
                lambda timeout: client.dispatch(
                    arguments.namespace,
                    arguments.service,
                    arguments.method,
                    request,
                    target=arguments.target,
                    timeout=timeout,
                    hints=hints,
                    metadata=metadata,
                    key=arguments.key,
                ),
                arguments.timeout,
            )
    except (MeshError, TlsError) as error:
        raise CommandError(str(error)) from error
    return _show(reply, response, verbose=arguments.verbose)


def _request(arguments: argparse.Namespace) -> Any:
    if not arguments.request:
        return None if arguments.data is None else _plain(arguments.data)
    from google.protobuf import json_format

    kind = _message_class("--request", arguments.request)
    try:
        return json_format.Parse("{}" if arguments.data is None else arguments.data, kind())
    except json_format.ParseError as error:
        raise CommandError(f"--data is no {kind.DESCRIPTOR.full_name}: {error}") from error


def _plain(text: str) -> Any:
    """Plain data, as JSON has it."""
    try:
        return json.loads(text, parse_constant=_refused)
    except RecursionError as error:
        raise CommandError("--data is nested too deeply") from error
    except ValueError as error:
        raise CommandError(f"--data is no JSON: {visible(str(error))}") from error


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no number that JSON has")


def _message_class(option: str, reference: str) -> "type[Message]":
    from google.protobuf.message import Message

    kind = load(reference, option=option)
    if not (isinstance(kind, type) and issubclass(kind, Message)) or kind is Message:
        raise CommandError(f"{option} {reference}: is no protobuf message class")
    return kind


def _pair(option: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise CommandError(f"{option} must be KEY=VALUE, got {text!r}")
    return key, value


def _show(reply: "Reply", response: "type[Message] | None", *, verbose: bool) -> int:
    if verbose:
        who = reply.handled_by or "nobody"
        sys.stderr.write(f"{reply.status.code} {visible(reply.status.message)}, run by {visible(who)}\n")
        if len(reply.attempts) > 1:
            sys.stderr.write(f"tried: {', '.join(map(visible, reply.attempts))}\n")
        for name, value in sorted(reply.status.details.items()):
            if name != "attempts":
                sys.stderr.write(f"{visible(name)}: {visible(value)}\n")
    if reply.status.code != 200:
        if not verbose:
            sys.stderr.write(f"{reply.status.code} {visible(reply.status.message)}\n")
        return EXIT_FAILED
    text = as_json(reply.payload, response)
    # It has run: what it has given is told in any case.
    sys.stdout.write((json.dumps(raw_of(reply.payload)) if text is None else text) + "\n")
    name = type_name(reply.payload)
    if response is not None and (text is None or response.DESCRIPTOR.full_name != name):
        raise CommandError(
            f"--response: the reply, {visible(name) or 'of no type'}, is no {response.DESCRIPTOR.full_name}",
            EXIT_FAILED,
        )
    if text is None:
        sys.stderr.write("give --response MODULE:CLASS, the message class of the reply, to see it as text\n")
    return 0
