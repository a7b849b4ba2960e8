"""Contracts of one package in one file: a message that several of them use is defined once."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.locks.lock import canonical
from collector_mesh.domain.registry.schema import Enum, File, Message

_Type = TypeVar("_Type", Message, Enum)


def together(files: Sequence[File], name: str) -> File:
    """One file with the services of several, which are in one package.

    Args:
        files: the files.
        name: the path of the new one.

    Raises:
        ContractError: a type is not the same in two of them.
    """
    ordered = [canonical(file) for file in files]
    _check_same(ordered, lambda file: file.messages)
    _check_same(ordered, lambda file: file.enums)
    messages = {message.name: message for file in files for message in file.messages}
    enums = {enum.name: enum for file in files for enum in file.enums}
    return File(
        name,
        files[0].package,
        imports=tuple(sorted({path for file in files for path in file.imports})),
        messages=tuple(messages.values()),
        enums=tuple(enums.values()),
        services=tuple(service for file in files for service in file.services),
    )


def _check_same(files: Iterable[File], types: Callable[[File], tuple[_Type, ...]]) -> None:
    known: dict[str, tuple[_Type, File]] = {}
    for file in files:
        for one in types(file):
            before, other = known.setdefault(one.name, (one, file))
            if before != one:
                raise ContractError(
                    f"{one.name} is not the same in {other.services[0].name} and in {file.services[0].name}: one .proto"
                    " cannot have both. Give one of them another name, or name one contract at a time"
                )
