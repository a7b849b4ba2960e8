"""A call of a method of the mesh that nobody describes: what is sent is plain data, and it goes as `dispatch` sends it."""

import argparse
import time
from typing import Any

from collector_mesh.adapters.wire.described.documents import plain
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.grpc_codes import Code, grpc_status_of
from collector_mesh.app.cli.dialing import tls_of, token_file_of
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.replies import plain_of, raw_of, type_name
from collector_mesh.app.cli.starting import once_it_listens
from collector_mesh.app.cli.typed import outcomes
from collector_mesh.app.cli.typed.given import metadata_of
from collector_mesh.app.cli.typed.methods import Wanted
from collector_mesh.app.cli.typed.session import Session
from collector_mesh.app.clients.client import MeshClient
from collector_mesh.domain.model.errors import Executed, InvalidCallError
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply


async def call_plainly(
    arguments: argparse.Namespace, session: Session, wanted: Wanted, value: Any, why: str
) -> int:
    """Call, and print the outcome.

    Args:
        arguments: of the command.
        session: the conversation; only its time, its types and its namespace are used.
        wanted: service and method, as the server lists them, or else as the user has typed them.
        value: the request as `documents.parsed` gives it, None for none.
        why: why the types of the method are not known.

    Raises:
        CallError: the call has failed.
        ShapeError: the request is no plain data.
        CommandError: it has what plain data cannot carry.
        MeshError: the client cannot be made.
    """
    request = None if value is None else _packed(plain(value))
    metadata = metadata_of(arguments.metadata)
    async with MeshClient(
        arguments.address,
        tls=tls_of(arguments),
        insecure=arguments.insecure,
        token_file=token_file_of(arguments),
    ) as client:
        began = time.monotonic()
        reply = await once_it_listens(
            lambda timeout: client.dispatch(
                session.namespace,
                wanted.service,
                wanted.method,
                request,
                target=arguments.target,
                timeout=timeout,
                metadata=metadata,
                key=arguments.key,
            ),
            session.left(),
        )
        seconds = time.monotonic() - began
    status = grpc_status_of(reply)
    session.left.allow_some_more()
    data = {
        "code": int(status.code),
        "status": Code(status.code).name,
        "message": status.text,
        "handled_by": reply.handled_by,
        "seconds": round(seconds, 6),
        "initial_metadata": outcomes.pairs_of(reply.initial_metadata),
        "trailing_metadata": outcomes.pairs_of(status.trailing),
    }
    if arguments.verbose:
        outcomes.note(*outcomes.metadata_lines("initial metadata", reply.initial_metadata))
        outcomes.note(*outcomes.metadata_lines("trailing metadata", status.trailing))
    if status.code != Code.OK:
        raise _error(session, reply, data, seconds, why)
    made = await _shown(session, reply.payload, defaults=arguments.emit_defaults)
    if arguments.json:
        told = {"reply": made, "reply_type": type_name(reply.payload)}
        outcomes.print_json({**{key: each for key, each in data.items() if key != "message"}, **told})
    else:
        outcomes.print_json(made)
        outcomes.note(f"OK {outcomes.how(session.client.address, reply.handled_by, seconds)}")
    return 0


def _packed(data: Any) -> Payload:
    try:
        return Payload.pack(data)
    except InvalidCallError as error:
        raise CommandError(f"the request: {error}") from error


def _error(
    session: Session, reply: Reply, data: dict[str, Any], seconds: float, why: str
) -> outcomes.CallError:
    text = f"{data['status']} ({data['code']}): {outcomes.said(data['message'])}"
    text += f" ({outcomes.how(session.client.address, reply.handled_by, seconds)})"
    # It may have been refused because it was sent without its type.
    if reply.executed is Executed.NO:
        text += f"; it was sent as plain data, as its types are not known: {why}"
    return outcomes.CallError(text, {**data, "details": []})


async def _shown(session: Session, payload: Payload, *, defaults: bool) -> Any:
    name = type_name(payload)
    try:
        return plain_of(payload)
    except ValueError:
        pass
    try:
        kind = session.types.files.message(name)
        if kind is not None:
            return await session.types.shown(kind, payload.value, defaults=defaults)
    except DescriptorError:
        pass
    # It has run: what it has given is told in any case.
    return raw_of(payload)
