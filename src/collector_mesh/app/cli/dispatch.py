"""`collector-mesh dispatch`: one call into the mesh."""

import argparse
import base64
import json
import sys
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli import loops
from collector_mesh.app.cli.dialing import add_tls_options, tls_of
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.objects import load
from collector_mesh.domain.model.texts import visible

if TYPE_CHECKING:
    from collector_mesh.domain.model.payload import Payload
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
    parser.add_argument("--request", metavar="MODULE:CLASS", help="message class of the request")
    parser.add_argument("--data", metavar="JSON", default="{}", help="the request, as protobuf's JSON")
    parser.add_argument("--target", metavar="ID", default="", help="the only collector that may run it")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, help="default 15")
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
    from collector_mesh.app.client import MeshClient
    from collector_mesh.domain.model.errors import MeshError

    request = _request(arguments)
    hints = dict(_pair("--hint", pair) for pair in arguments.hint)
    metadata = [_pair("--metadata", pair) for pair in arguments.metadata]
    try:
        tls = tls_of(arguments)
        async with MeshClient(arguments.address, tls=tls, insecure=arguments.insecure) as client:
            reply = await client.dispatch(
                arguments.namespace,
                arguments.service,
                arguments.method,
                request,
                target=arguments.target,
                timeout=arguments.timeout,
                hints=hints,
                metadata=metadata,
            )
    except (MeshError, TlsError) as error:
        raise CommandError(str(error)) from error
    return _show(reply, verbose=arguments.verbose)


def _request(arguments: argparse.Namespace) -> Any:
    if not arguments.request:
        if arguments.data != "{}":
            raise CommandError("--data needs --request MODULE:CLASS, the message class to read it as")
        return None
    from google.protobuf import json_format
    from google.protobuf.message import Message

    kind = load(arguments.request, option="--request")
    if not (isinstance(kind, type) and issubclass(kind, Message)):
        raise CommandError(f"--request {arguments.request}: is no protobuf message class")
    try:
        return json_format.Parse(arguments.data, kind())
    except json_format.ParseError as error:
        raise CommandError(f"--data is no {kind.DESCRIPTOR.full_name}: {error}") from error


def _pair(option: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise CommandError(f"{option} must be KEY=VALUE, got {text!r}")
    return key, value


def _show(reply: "Reply", *, verbose: bool) -> int:
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
    sys.stdout.write(_as_json(reply.payload) + "\n")
    return 0


def _as_json(payload: "Payload") -> str:
    """The result as protobuf's JSON if its message class is at hand, else as type and base64."""
    from google.protobuf import descriptor_pool, json_format, message_factory

    name = payload.type_url.rpartition("/")[2]
    if name == "google.protobuf.Empty":
        return "{}"
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
        message = message_factory.GetMessageClass(descriptor).FromString(payload.value)
        return json_format.MessageToJson(message, preserving_proto_field_name=True)
    except Exception:  # noqa: BLE001  # of another process, in a form that this one does not know
        value = base64.b64encode(payload.value).decode()
        return json.dumps({"type_url": payload.type_url, "base64": value})
