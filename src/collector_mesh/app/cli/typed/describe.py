"""`collector-mesh describe`: what a name stands for, and a request to fill in."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import attrs
from google.protobuf.descriptor import Descriptor, EnumDescriptor, MethodDescriptor, ServiceDescriptor

from collector_mesh.adapters.grpc.reflection_client import ReflectionError
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.shapes import alternatives
from collector_mesh.adapters.wire.described.templates import template
from collector_mesh.adapters.wire.described.texts import proto_text
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.typed import outcomes
from collector_mesh.app.cli.typed.session import Session, converse
from collector_mesh.app.cli.typed.types import Types, ends_like, last_parts
from collector_mesh.domain.model.names import IDENTIFIERS, MAX_IDENTIFIERS
from collector_mesh.domain.model.texts import visible

_MOST_LOADED = 500
"""Services that are looked into for a name that is not whole."""

_MOST_TOLD = 10

_Symbol = ServiceDescriptor | MethodDescriptor | Descriptor | EnumDescriptor


@attrs.frozen
class _Description:
    symbol: str
    kind: str
    definition: str
    template: Any = None


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return outcomes.guarded(
        lambda: _run(arguments), as_json=arguments.format_error, is_machine=arguments.json
    )


def _run(arguments: argparse.Namespace) -> int:
    wanted = arguments.symbol.removeprefix("/").removeprefix(".").replace("/", ".")
    if len(wanted) > 2 * MAX_IDENTIFIERS or not IDENTIFIERS.fullmatch(wanted):
        raise CommandError(
            f"SYMBOL must be the name of a service, a method, a message or an enum, got {visible(wanted, 100)!r}"
        )

    async def talk(session: Session) -> _Description:
        types = session.types
        return _described(await _found(types, wanted), types.files)

    found = converse(arguments, arguments.namespace, talk)
    if arguments.json:
        outcomes.print_json(attrs.asdict(found))
        return 0
    sys.stdout.write(f"{found.definition}\n")
    if found.kind in {"method", "message"}:
        sys.stdout.write(
            f"\n// {'a request' if found.kind == 'method' else 'JSON'} to fill in, for call -d:\n"
        )
        outcomes.print_json(found.template)
    return 0


def _described(symbol: _Symbol, files: Files) -> _Description:
    if isinstance(symbol, ServiceDescriptor):
        return _Description(symbol.full_name, "service", proto_text(symbol, files))
    if isinstance(symbol, EnumDescriptor):
        return _Description(symbol.full_name, "enum", proto_text(symbol, files))
    if isinstance(symbol, Descriptor):
        return _Description(symbol.full_name, "message", proto_text(symbol, files), template(symbol, files))
    # A type that is both is shown once.
    kinds = {kind.full_name: kind for kind in (symbol.input_type, symbol.output_type)}
    parts = [proto_text(symbol, files), *(proto_text(kind, files) for kind in kinds.values())]
    assert symbol.containing_service is not None  # it was found there
    name = f"{symbol.containing_service.full_name}/{symbol.name}"
    return _Description(name, "method", "\n\n".join(parts), template(symbol.input_type, files))


async def _found(types: Types, wanted: str) -> _Symbol:
    """The one thing that a name stands for.

    Raises:
        CommandError: there is none, or there are several.
    """
    if (whole := await _whole(types, wanted)) is not None:
        return whole
    for name in (await types.services())[:_MOST_LOADED]:
        try:
            await types.service(name)
        except (DescriptorError, ReflectionError):
            # What is wanted may be in another one.
            continue
    known = list(types.files.symbols())
    names = last_parts(wanted, known)
    if not names:
        near = alternatives(wanted, ends_like(wanted, known), "names")
        raise CommandError(f"there is nothing named {visible(wanted, 100)}{near}", EXIT_FAILED)
    if len(names) > 1:
        more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
        raise CommandError(f"{wanted} may be {' or '.join(names[:_MOST_TOLD])}{more}: give more of the name")
    found = await _whole(types, names[0])
    if found is None:
        raise CommandError(f"{names[0]} cannot be described", EXIT_FAILED)
    return found


async def _whole(types: Types, name: str) -> _Symbol | None:
    if (service := await types.service(name)) is not None:
        return service
    files = types.files
    looks: tuple[Callable[[str], _Symbol | None], ...] = (files.message, files.enum, files.method)
    for look in looks:
        if (found := look(name)) is not None:
            return found
    return None
