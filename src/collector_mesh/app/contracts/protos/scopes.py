"""How a .proto names a type: in short, where that means the same one."""

from collections.abc import Iterator

from collector_mesh.app.contracts.types.naming import flaw_of_type_name
from collector_mesh.domain.registry.schema import File


class Scopes:
    """The types that a file sees.

    Args:
        file: the file. What it uses of others is what its fields and methods name.
    """

    def __init__(self, file: File) -> None:
        names = [file.package]
        for message in file.messages:
            names += [message.name, *(field.type_name for field in message.fields)]
        names += [enum.name for enum in file.enums]
        for service in file.services:
            names.append(service.name)
            names += [name for method in service.methods for name in (method.takes, method.gives)]
        # Whatever a name is in can hide something of that name further out.
        self._symbols = {part for name in names for part in _around(name)}

    def name(self, full_name: str, scope: str) -> str:
        """The shortest of the names that mean a type where it is used; with a dot before it, it is its full name.

        Args:
            full_name: of the type.
            scope: the full name of the message or service that uses it.
        """
        parts = full_name.split(".")
        for start in range(len(parts) - 1, -1, -1):
            short = ".".join(parts[start:])
            # Where a word of the language stands, something else may begin.
            is_word = flaw_of_type_name(parts[start])
            if not is_word and self._found(short, scope) == full_name:
                return short
        return f".{full_name}"

    def _found(self, name: str, scope: str) -> str:
        """What protobuf takes a name for: the innermost scope that has its first part is the one where the rest must be."""
        first = name.partition(".")[0]
        for around in (*_around(scope), ""):
            prefix = f"{around}." if around else ""
            if prefix + first in self._symbols:
                return prefix + name
        return ""


def _around(name: str) -> Iterator[str]:
    """A full name, and those of what it is in, innermost first."""
    while name:
        yield name
        name = name.rpartition(".")[0]
