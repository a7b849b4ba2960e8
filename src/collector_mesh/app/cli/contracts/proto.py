"""`collector-mesh contract proto`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType

import attrs

from collector_mesh.app.cli.contracts.modules import module_of, used
from collector_mesh.app.cli.contracts.written import write_whole
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.contracts.declaration import Declaration, given_declaration
from collector_mesh.app.contracts.locks.contracts import contracts_of
from collector_mesh.app.contracts.protos.comments import comments_of
from collector_mesh.app.contracts.protos.merging import together
from collector_mesh.app.contracts.protos.source import proto_source
from collector_mesh.app.contracts.types.described import DescribedTypes
from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.model.texts import escaped

SUFFIX = ".proto"


@attrs.frozen
class _Named:
    """A contract, and how a user names it."""

    reference: str
    contract: object
    declaration: Declaration


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    groups = _groups(_contracts(arguments.contract))
    if len(groups) > 1 and (not arguments.out or arguments.out.endswith(SUFFIX)):
        names = ", ".join(contract.reference for group in groups for contract in group)
        raise CommandError(
            f"there are contracts of several packages: give one of {names}, or a folder with --out"
        )
    for name, text in [_source(group, arguments.go_package) for group in groups]:
        if not arguments.out:
            sys.stdout.write(text)
        else:
            _write(_target(arguments.out, name), text)
    return 0


def _groups(contracts: Sequence[_Named]) -> list[list[_Named]]:
    """Contracts by their namespaces and packages: those of one share their messages, and are one .proto."""
    groups: dict[tuple[str, str], list[_Named]] = {}
    for contract in contracts:
        package = contract.declaration.service.rpartition(".")[0]
        groups.setdefault((contract.declaration.namespace, package), []).append(contract)
    return list(groups.values())


def _contracts(reference: str) -> list[_Named]:
    module_name, colon, name = reference.partition(":")
    module = module_of(module_name)
    if colon:
        return [_named(module, name, reference)]
    found = [f"{module_name}:{kind.__name__}" for kind in contracts_of(module)]
    if not found:
        raise CommandError(
            f"{module_name} defines no contracts: to name one that it imports, give {module_name}:NAME"
        )
    return [_named(module, one.partition(":")[2], one) for one in found]


def _named(module: ModuleType, name: str, reference: str) -> _Named:
    contract = getattr(module, name, None)
    declaration = given_declaration(contract)
    if declaration is None:
        known = ", ".join(kind.__name__ for kind in contracts_of(module, defined=False)) or "none"
        raise CommandError(f"{reference}: {module.__name__} has no contract {quoted(name)}; it has {known}")
    return _Named(reference, contract, declaration)


def _source(group: Sequence[_Named], go_package: str) -> tuple[str, str]:
    """The path by which others import the .proto of some contracts, and its text."""
    made = [used(contract.declaration.described) for contract in group]
    file = made[0].file
    if len(group) > 1:
        name = f"{file.package}.{group[0].reference.partition(':')[0].rpartition('.')[2]}".removeprefix(".")
        file = used(lambda: together([one.file for one in made], f"{name.replace('.', '/')}{SUFFIX}"))
    comments: dict[str, str] = {}
    for contract, one in zip(group, made, strict=True):
        classes = one.classes if isinstance(one, DescribedTypes) else {}
        comments |= comments_of(contract.contract, contract.declaration, classes)
    what = "contract" if len(group) == 1 else "contracts"
    references = " ".join(contract.reference for contract in group)
    heading = f"Written by collector-mesh contract proto from {references}: change the {what}, not this file."
    options = {"go_package": go_package} if go_package else {}
    return file.name, used(lambda: proto_source(file, heading=heading, comments=comments, options=options))


def _target(out: str, name: str) -> Path:
    """Where a file goes; its name may come from a descriptor that others have made."""
    if out.endswith(SUFFIX):
        return Path(out)
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise CommandError(f"{quoted(name)} is no path in a folder: give --out FILE{SUFFIX}", EXIT_FAILED)
    return Path(out, *parts)


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"{target.parent} cannot be made: {error.strerror or error}", EXIT_FAILED
        ) from error
    write_whole(str(target), text.encode())
    print(f"{escaped(str(target))} is written")
