"""`collector-mesh contract proto`."""

import argparse
import sys
from pathlib import Path, PurePosixPath
from types import ModuleType

import attrs

from collector_mesh.app.cli.contracts.modules import module_of, used
from collector_mesh.app.cli.contracts.written import write_whole
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.contracts.declaration import Declaration, given_declaration
from collector_mesh.app.contracts.locks.contracts import contracts_of
from collector_mesh.app.contracts.protos.comments import comments_of
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
    contracts = _contracts(arguments.contract)
    if len(contracts) > 1 and (not arguments.out or arguments.out.endswith(SUFFIX)):
        names = ", ".join(contract.reference for contract in contracts)
        raise CommandError(f"there are several contracts: give one of {names}, or a folder with --out")
    texts = [(contract, *_source(contract, arguments.go_package)) for contract in contracts]
    for _, name, text in texts:
        if not arguments.out:
            sys.stdout.write(text)
        else:
            _write(_target(arguments.out, name), text)
    return 0


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


def _source(contract: _Named, go_package: str) -> tuple[str, str]:
    """The path by which others import the .proto of a contract, and its text."""
    made = used(contract.declaration.described)
    heading = (
        f"Written by collector-mesh contract proto {contract.reference}: change the contract, not this file."
    )
    classes = made.classes if isinstance(made, DescribedTypes) else {}
    options = {"go_package": go_package} if go_package else {}
    comments = comments_of(contract.contract, contract.declaration, classes)
    return made.file.name, used(
        lambda: proto_source(made.file, heading=heading, comments=comments, options=options)
    )


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
