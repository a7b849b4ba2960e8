"""A value of a lock file, and the path to it, which the error about it names."""

from collections.abc import Collection
from typing import Any, NoReturn

import attrs

from collector_mesh.app.contracts.errors import LockFileError
from collector_mesh.domain.model.errors import kind_of, quoted
from collector_mesh.domain.model.texts import visible

MAX_TEXT = 512
"""The longest text of a lock file, in characters."""


@attrs.frozen
class Node:
    """A value of a lock file.

    Every method that looks at the value raises LockFileError where it is not what is asked for.

    Attributes:
        where: the path of the file.
        path: the names that lead to the value.
        value: what was read.
    """

    where: str
    path: tuple[str, ...]
    value: Any

    def fail(self, problem: str) -> NoReturn:
        """Raise the error that something is wrong here.

        Raises:
            LockFileError: always.
        """
        place = f"{self.where}: {' > '.join(visible(part, 100) for part in self.path)}".removesuffix(": ")
        raise LockFileError(f"{place}: {problem}")

    def part(self, name: str) -> "Node":
        """A part of an object, which must be there."""
        value = self._object().get(name, self)
        if value is self:
            self.fail(f"{quoted(name)} is missing")
        return Node(self.where, (*self.path, name), value)

    def maybe(self, name: str) -> "Node | None":
        """A part of an object, None where it is not there."""
        return self.part(name) if name in self._object() else None

    def only(self, *names: str) -> None:
        """See that an object has no other parts."""
        for name in self._object():
            if name not in names:
                self.fail(f"{quoted(name)} is none of the names that can be here: {', '.join(names)}")

    def items(self) -> list[tuple[str, "Node"]]:
        """The parts of an object, with their names."""
        return [(name, self.part(name)) for name in self._object()]

    def elements(self) -> list["Node"]:
        """The elements of a list."""
        if type(self.value) is not list:
            self.fail(f"must be a list, got {kind_of(self.value)}")
        return [Node(self.where, self.path, value) for value in self.value]

    def number(self, first: int, last: int) -> int:
        """A whole number of a range."""
        if type(self.value) is not int or not first <= self.value <= last:
            self.fail(f"must be a whole number from {first} to {last}, got {self._shown()}")
        return self.value

    def text(self) -> str:
        """A text."""
        if type(self.value) is not str or len(self.value) > MAX_TEXT or not self.value.isprintable():
            self.fail(f"must be a text of at most {MAX_TEXT} characters, got {self._shown()}")
        return self.value

    def one_of(self, allowed: Collection[str]) -> str:
        """One of some texts."""
        if type(self.value) is not str or self.value not in allowed:
            self.fail(f"must be one of {', '.join(allowed)}, got {self._shown()}")
        return self.value

    def _object(self) -> dict[str, Any]:
        if type(self.value) is not dict:
            self.fail(f"must be an object, got {kind_of(self.value)}")
        return self.value

    def _shown(self) -> str:
        return (
            kind_of(self.value) if type(self.value) in {dict, list} else visible(repr(self.value)[:200], 100)
        )
