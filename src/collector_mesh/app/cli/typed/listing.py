"""`collector-mesh services`: what a server has."""

import argparse
import sys
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from collector_mesh.adapters.grpc.reflection_client import ReflectionError
from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.adapters.wire.described.texts import idempotency_of, kind_of
from collector_mesh.app.cli.typed import outcomes
from collector_mesh.app.cli.typed.session import Session, converse
from collector_mesh.domain.model.texts import visible

_MOST_DESCRIBED = 500
"""Services whose methods are asked for; of further ones there is the name."""


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    return outcomes.guarded(
        lambda: _run(arguments), as_json=arguments.format_error, is_machine=arguments.json
    )


def _run(arguments: argparse.Namespace) -> int:
    services = converse(arguments, arguments.namespace, _services)
    if arguments.json:
        outcomes.print_json({"services": services})
        return 0
    for number, service in enumerate(services):
        sys.stdout.write("\n" * bool(number) + "".join(f"{line}\n" for line in _lines(service)))
    return 0


async def _services(session: Session) -> list[dict[str, Any]]:
    names = await session.types.services()
    told = []
    for position, name in enumerate(names):
        problem = "" if position < _MOST_DESCRIBED else f"there are more than {_MOST_DESCRIBED} services"
        service = None
        if not problem:
            try:
                service = await _described(session, name)
                problem = "" if service is not None else "the server does not describe it"
            except (DescriptorError, ReflectionError) as error:
                # The others are to be seen all the same.
                problem = str(error)
        told.append({"name": name, "problem": problem} if service is None else _told(service))
    return told


async def _described(session: Session, name: str) -> ServiceDescriptor | None:
    try:
        return await session.types.service(name)
    except DescriptorError:
        return await session.types.service_by_itself(name)


def _told(service: ServiceDescriptor) -> dict[str, Any]:
    return {
        "name": service.full_name,
        "methods": [
            {
                "name": method.name,
                "kind": kind_of(method),
                "request": method.input_type.full_name,
                "reply": method.output_type.full_name,
                "idempotency": idempotency_of(method),
            }
            for method in service.methods
        ],
    }


def _lines(service: dict[str, Any]) -> list[str]:
    lines = [visible(service["name"])]
    if "problem" in service:
        return [*lines, f"  ({visible(service['problem'])})"]
    methods = service["methods"]
    rows = [
        (
            visible(method["name"]),
            method["kind"],
            f"{visible(method['request'])} -> {visible(method['reply'])}",
            method["idempotency"],
        )
        for method in methods
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines += [
        f"  {name:{widths[0]}}  {kind:{widths[1]}}  {types:{widths[2]}}  {idempotency}".rstrip()
        for name, kind, types, idempotency in rows
    ]
    return lines
