"""What is defined in a set of files, and what a name means in one of them."""

from collections.abc import Iterable, Mapping

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.registry.schema import File, names_in

_SCOPES = frozenset({"message", "enum", "service"})
"""What may have something else in it."""


class Symbols:
    """Which names are defined in which files, and which file sees which other one.

    Args:
        files: each after those that it imports.

    Raises:
        InvalidCallError: a name is defined twice.
    """

    def __init__(self, files: Iterable[File]) -> None:
        self._defined: dict[str, tuple[str, str]] = {}
        self._packages: dict[str, dict[str, None]] = {}
        self._public: dict[str, dict[str, None]] = {}
        self._visible: dict[str, dict[str, None]] = {}
        files = list(files)
        for file in files:
            self._public[file.name] = self._seen_through(file, file.public_imports)
            self._visible[file.name] = self._seen_through(file, file.imports)
            package = file.package
            while package:
                self._packages.setdefault(package, {})[file.name] = None
                package = package.rpartition(".")[0]
        for file in files:
            for name, kind in names_in(file):
                self._define(name, kind, file)

    def _seen_through(self, file: File, imports: Iterable[str]) -> dict[str, None]:
        seen: dict[str, None] = {file.name: None}
        for name in imports:
            seen |= self._public[name]
        return seen

    def _define(self, name: str, kind: str, file: File) -> None:
        if name in self._defined:
            before, where = self._defined[name]
            raise InvalidCallError(
                f"{quoted(name)} is defined twice, as a {before} in {quoted(where)} and as a {kind} in {quoted(file.name)}"
            )
        if name in self._packages:
            other = next(iter(self._packages[name]))
            raise InvalidCallError(
                f"{quoted(name)} is a {kind} in {quoted(file.name)} and a package in {quoted(other)}"
            )
        self._defined[name] = kind, file.name

    def find(self, name: str, file: File) -> tuple[str, str]:
        """The full name of what is meant by a name in a file, and what it is.

        Raises:
            InvalidCallError: nothing is, or something in a file that this one does not import.
        """
        visible = self._visible[file.name]
        scope, slash, shown = name.rpartition("/")
        found = self._look(scope, shown, visible) if slash else name
        kind, where = self._defined.get(found, ("", ""))
        if where in visible:
            return found, kind
        _, elsewhere = self._defined.get(found or shown, ("", ""))
        if elsewhere and elsewhere not in visible:
            raise InvalidCallError(
                f"{quoted(found or shown)} is in the file {quoted(elsewhere)}, which {quoted(file.name)} does not import"
            )
        meant = f" (it stands for {quoted(found)})" if found not in {"", shown} else ""
        raise InvalidCallError(f"{quoted(shown)}, which the file {quoted(file.name)} uses, is nowhere{meant}")

    def _look(self, scope: str, name: str, visible: Mapping[str, None]) -> str:
        """As protobuf does: the first part is looked for from the inside out, the rest only where that is."""
        first, dot, _ = name.partition(".")
        while True:
            begin = f"{scope}.{first}" if scope else first
            kind, where = self._defined.get(begin, ("", ""))
            if where in visible and kind in (_SCOPES if dot else {"message", "enum"}):
                break
            if dot and any(one in visible for one in self._packages.get(begin, ())):
                break
            if not scope:
                return ""
            scope = scope.rpartition(".")[0]
        return f"{scope}.{name}" if scope else name
