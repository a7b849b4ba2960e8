"""`collector-mesh call`: a unary method of any gRPC server, or of the mesh, with JSON."""

import argparse
import base64
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from collector_mesh.adapters.grpc.reflection_client import NoReflectionError
from collector_mesh.adapters.grpc.server_client import Answer, StatusError
from collector_mesh.adapters.wire.described.documents import Object
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.shapes import RAW_KEY, TYPE_KEY
from collector_mesh.adapters.wire.described.texts import kind_of
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.keys_options import pairs_of_key
from collector_mesh.app.cli.typed import outcomes
from collector_mesh.app.cli.typed.given import data_of, document_of
from collector_mesh.app.cli.typed.methods import UnknownMethodError, method_of, path_of, wanted_of
from collector_mesh.app.cli.typed.session import ADVICE, Session, converse
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.routing_keys import HANDLED_BY, TARGET_KEY
from collector_mesh.domain.model.status import Metadata

_NOTHING = object()
"""In the place of a request, where the user has given none: null is one."""

_PLAIN = "a method of plain data can be called all the same, at a collector and with its NAMESPACE"

_KINDS = {"server": "a stream of replies", "client": "a stream of requests", "both": "streams both ways"}


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return outcomes.guarded(
        lambda: _run(arguments), as_json=arguments.format_error, is_machine=arguments.json
    )


def _run(arguments: argparse.Namespace) -> int:
    words = list(arguments.words)
    if len(words) not in {2, 3}:
        problem = "the following arguments are required" if len(words) < 2 else "too many arguments"
        raise CommandError(f"{problem}: ADDRESS [NAMESPACE] SERVICE/METHOD (see collector-mesh call --help)")
    arguments.address = words[0]
    wanted = wanted_of(words[-1])
    text = data_of(arguments)
    given = _NOTHING if text is None else document_of(text)
    try:
        if arguments.target:
            check_name("--target", arguments.target)
        key = pairs_of_key(arguments.key)
    except InvalidCallError as error:
        raise CommandError(str(error)) from error

    async def talk(session: Session) -> int:
        try:
            method = await method_of(session.types, wanted)
        except (NoReflectionError, UnknownMethodError) as error:
            if not wanted.service:
                raise
            why = f"{error}: {ADVICE}" if isinstance(error, NoReflectionError) else str(error)
            if not session.namespace:
                raise CommandError(f"{why}; {_PLAIN}", EXIT_FAILED) from error
            from collector_mesh.app.cli.typed.plain_call import call_plainly

            whole = wanted._replace(service=getattr(error, "service", "") or wanted.service)
            return await call_plainly(arguments, session, whole, None if given is _NOTHING else given, why)
        return await _call(arguments, session, method, given, key)

    return converse(arguments, words[1] if len(words) == 3 else "", talk)


async def _call(
    arguments: argparse.Namespace, session: Session, method: MethodDescriptor, given: Any, key: Metadata
) -> int:
    if (kind := kind_of(method)) != "unary":
        raise CommandError(
            f"{path_of(method)[1:]} is a method with {_KINDS[kind]}: this version calls unary methods only"
        )
    takes = method.input_type
    # What has a form of its own in JSON may have none for a message without fields.
    is_empty = given is _NOTHING and session.types.files.special(takes)
    request = (
        b"" if is_empty else await session.types.request(takes, Object() if given is _NOTHING else given)
    )
    metadata = (*session.metadata, HANDLED_BY)
    if arguments.target:
        metadata = (*metadata, (TARGET_KEY, arguments.target))
    metadata = (*metadata, *key)
    try:
        answer = await session.client.unary(
            path_of(method), request, metadata=metadata, timeout=session.left()
        )
    except StatusError as error:
        if arguments.verbose:
            _tell_metadata(error)
        raise
    session.left.allow_some_more()
    return await _show(arguments, session, method, answer)


async def _show(
    arguments: argparse.Namespace, session: Session, method: MethodDescriptor, answer: Answer
) -> int:
    kind = method.output_type
    problem = ""
    try:
        made = await session.types.shown(kind, answer.data, defaults=arguments.emit_defaults)
    except DescriptorError as error:
        # It has run: what it has given is told in any case.
        made = {TYPE_KEY: kind.full_name, RAW_KEY: base64.b64encode(answer.data).decode()}
        problem = str(error)
    who = outcomes.handled_by(answer.trailing, answer.initial)
    if arguments.verbose:
        _tell_metadata(answer)
    if arguments.json:
        outcomes.print_json(
            {
                "code": 0,
                "status": "OK",
                "reply": made,
                "reply_type": kind.full_name,
                "handled_by": who,
                "seconds": round(answer.seconds, 6),
                "initial_metadata": outcomes.pairs_of(answer.initial),
                "trailing_metadata": outcomes.pairs_of(answer.trailing),
            }
        )
    else:
        outcomes.print_json(made)
        outcomes.note(f"OK {outcomes.how(session.client.address, who, answer.seconds)}")
    if problem:
        raise CommandError(f"the reply: {problem}", EXIT_FAILED)
    return 0


def _tell_metadata(of: Answer | StatusError) -> None:
    outcomes.note(
        *outcomes.metadata_lines("initial metadata", of.initial),
        *outcomes.metadata_lines("trailing metadata", of.trailing),
    )
