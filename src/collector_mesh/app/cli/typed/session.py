"""A command's conversation with one server: the connection, its types, and what becomes of errors."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from collector_mesh.adapters.grpc.reflection_client import NoReflectionError, Reflection, ReflectionError
from collector_mesh.adapters.grpc.server_client import ServerClient, StatusError
from collector_mesh.adapters.grpc.tls import TlsError
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.rich_status import details_of
from collector_mesh.adapters.wire.described.shapes import ShapeError
from collector_mesh.app.cli.dialing import tls_of, token_of
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.loops import run
from collector_mesh.app.cli.starting import START_SECONDS
from collector_mesh.app.cli.typed import outcomes
from collector_mesh.app.cli.typed.given import files_of, metadata_of, namespace_of
from collector_mesh.app.cli.typed.types import TimeLeft, Types
from collector_mesh.domain.model.reply_metadata import STATUS_DETAILS
from collector_mesh.domain.model.routing_keys import NAMESPACE_KEY
from collector_mesh.domain.model.status import Metadata

if TYPE_CHECKING:
    from collector_mesh.app.cli.typed.registered import RegisteredTypes

T = TypeVar("T")

_AGAIN_SECONDS = 0.1
ADVICE = "give --protoset FILE or --proto FILE, or have the server offer reflection (a collector does with --reflection)"


class Session:
    """What a command has while it speaks to a server.

    Attributes:
        client: a way to the server.
        types: of the server, and of the user.
        left: the time.
        metadata: of each request, with the namespace.
        namespace: empty for none.
    """

    def __init__(
        self, client: ServerClient, types: Types, left: TimeLeft, metadata: Metadata, namespace: str
    ) -> None:
        self.client = client
        self.types = types
        self.left = left
        self.metadata = metadata
        self.namespace = namespace


def converse(arguments: argparse.Namespace, namespace: str, talk: Callable[[Session], Awaitable[T]]) -> T:
    """Speak to the server that the arguments name; while no program listens there, for a few seconds, try again.

    Args:
        arguments: the options of `options.add_source_options`, and `address`.
        namespace: as the user has typed it.
        talk: what to do.

    Raises:
        CommandError: the arguments are wrong, the server is not there, refuses, or answers what cannot be used.
    """
    return run(_converse(arguments, namespace, talk), uvloop=not arguments.no_uvloop)


async def _converse(
    arguments: argparse.Namespace, namespace: str, talk: Callable[[Session], Awaitable[T]]
) -> T:
    from collector_mesh.domain.model.errors import MeshError

    name = namespace_of(namespace)
    metadata = metadata_of(arguments.metadata)
    if name:
        metadata = (*metadata, (NAMESPACE_KEY, name))
    files = files_of(arguments)
    left = TimeLeft(arguments.timeout)
    registry = None if arguments.registry is None else _registry(arguments, name)
    try:
        client = ServerClient(
            arguments.address,
            tls=tls_of(arguments),
            insecure=arguments.insecure,
            token=token_of(arguments),
        )
        await client.__aenter__()
    except (MeshError, TlsError) as error:
        raise CommandError(str(error)) from error
    server = registry or Reflection(client, metadata=metadata, left=left)
    origin = arguments.registry or arguments.address
    session = Session(client, Types(files, server, origin), left, metadata, name)
    try:
        return await _once_it_listens(session, talk)
    except ShapeError as error:
        raise CommandError(str(error)) from error
    except NoReflectionError as error:
        raise CommandError(f"{error}: {ADVICE}", EXIT_FAILED) from error
    except (DescriptorError, ReflectionError, MeshError, TlsError) as error:
        raise CommandError(str(error), EXIT_FAILED) from error
    except StatusError as error:
        raise await failure_of(session, error) from error
    finally:
        await client.__aexit__(None, None, None)
        if registry is not None:
            await registry.aclose()


def _registry(arguments: argparse.Namespace, namespace: str) -> "RegisteredTypes":
    from collector_mesh.adapters.grpc.remote_registry import RemoteRegistry
    from collector_mesh.app.cli.typed.registered import RegisteredTypes
    from collector_mesh.domain.model.errors import MeshError

    try:
        registry = RemoteRegistry(
            arguments.registry,
            tls=tls_of(arguments),
            insecure=arguments.insecure,
            timeout=arguments.timeout,
            token=token_of(arguments),
        )
    except MeshError as error:
        raise CommandError(f"--registry: {error}") from error
    return RegisteredTypes(registry, namespace)


async def _once_it_listens(session: Session, talk: Callable[[Session], Awaitable[T]]) -> T:
    until = time.monotonic() + min(START_SECONDS, session.left.seconds)
    while True:
        try:
            return await talk(session)
        except StatusError as error:
            if not error.is_refused or time.monotonic() + _AGAIN_SECONDS >= until:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


async def failure_of(session: Session, error: StatusError) -> outcomes.CallError:
    """A status other than OK, with its rich details where their types are known."""
    session.left.allow_some_more()
    rich = [value for key, value in error.trailing if key == STATUS_DETAILS and isinstance(value, bytes)]
    details = await session.types.details([each for data in rich[:1] for each in details_of(data)])
    who = outcomes.handled_by(error.trailing, error.initial)
    data = {
        "code": error.code,
        "status": error.name,
        "message": error.text,
        "details": details,
        "handled_by": who,
        "seconds": round(error.seconds, 6),
        "initial_metadata": outcomes.pairs_of(error.initial),
        "trailing_metadata": outcomes.pairs_of(error.trailing),
    }
    said = f"no answer within {session.left.seconds:g} s" if error.is_late else outcomes.said(error.text)
    text = f"{error.name} ({error.code})" + (f": {said}" if said else "")
    if not error.is_unreached:
        text += f" ({outcomes.how(session.client.address, who, error.seconds)})"
    notes = [f"detail: {outcomes.json_text(detail, indent=None)}" for detail in details]
    return outcomes.CallError(text, data, tuple(notes))
