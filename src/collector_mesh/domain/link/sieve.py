"""What is left out of what a peer tells, of itself and of others: it harms nobody but whoever has told it."""

from collections.abc import Callable, Iterable

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, clipped, quoted
from collector_mesh.domain.model.kinds import MAX_KIND_BYTES
from collector_mesh.domain.model.names import MethodKey, check_name
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo

MAX_PATH = 16
"""Most ids of those who pass a call on to a collector that somebody tells of."""

_MOST_REFUSED = 256
"""Namespaces of which it is remembered that they were refused."""


@attrs.frozen
class Sifted:
    """What became of methods that somebody tells of.

    Attributes:
        methods: those that may be told, of whatever kind.
        refused: those that the teller may not serve.
    """

    methods: list[MethodInfo]
    refused: list[MethodKey]


class Sieve:
    """Lets through what one peer may tell, and remembers what it has left out until that is told."""

    __slots__ = ("_count", "_reason", "_refused", "may_serve")

    def __init__(self) -> None:
        self.may_serve: Callable[[str], bool] | None = None
        """Whether the peer may serve a namespace; None where nobody needs to be asked."""
        self._count = 0
        self._reason = ""
        self._refused: dict[str, bool] = {}
        """Namespaces that the peer might not serve, and whether it serves them itself."""

    def take(self) -> tuple[int, str]:
        """How much was left out since the last time, and why the first of it."""
        found = self._count, self._reason
        self._count, self._reason = 0, ""
        return found

    def namespaces(self, told: Iterable[str]) -> list[str]:
        """The names of namespaces among some."""
        found: dict[str, None] = {}
        for name in told:
            if name in found:
                self._leave_out(f"namespace {quoted(name)} is told twice")
            elif self._is_well_formed(check_name, "namespace", name):
                found[name] = None
        return list(found)

    def gains(self) -> bool:
        """Whether the peer may serve now what it might not when it told of that, so that it is worth to hear all of it again."""
        refused, asked = self._refused, dict[str, bool]()
        if not any(self._may_serve(namespace, asked) for namespace in refused):
            return False
        # A peer that serves what it may not is not admitted at all when it introduces itself anew.
        if not all(self._may_serve(namespace, asked) for namespace, is_own in refused.items() if is_own):
            return False
        self._refused = {}
        return True

    def refuses(self, told: Reach, asked: dict[str, bool]) -> bool:
        """Whether the peer may no longer tell all of some news that it has told.

        Args:
            told: the news.
            asked: what is known already of namespaces; takes what is asked.
        """
        return any(not self._may_serve(info.key.namespace, asked) for info in told.methods)

    def methods(self, told: Iterable[MethodInfo], *, is_own: bool = True) -> Sifted:
        """The methods among some, and which others may not be told anymore.

        Args:
            told: all of them.
            is_own: whether the peer serves them itself.
        """
        found: dict[MethodKey, MethodInfo] = {}
        refused: list[MethodKey] = []
        asked: dict[str, bool] = {}
        for info in told:
            key = info.key
            if key in found:
                self._leave_out(f"method {_shown(key)} is told twice")
            elif not self._is_well_formed(key.check):
                continue
            elif not self._may_serve(key.namespace, asked):
                self._leave_out(f"it may not serve the namespace {quoted(key.namespace)}")
                self._refuse(key.namespace, is_own=is_own)
                refused.append(key)
            elif len(info.kind) > MAX_KIND_BYTES:
                found[key] = attrs.evolve(info, kind=clipped(info.kind, MAX_KIND_BYTES))
            else:
                found[key] = info
        return Sifted(list(found.values()), refused)

    def reach(self, told: Reach, teller: str) -> Reach | None:
        """News of a collector without what is malformed of them; None where nothing of it can be used."""
        if not self._is_well_formed(check_name, "collector_id", told.collector_id):
            return None
        path = told.path
        if not told.is_gone:
            if not path or path[0] != teller or len(path) > MAX_PATH or len(set(path)) < len(path):
                self._leave_out(
                    f"a way to {quoted(told.collector_id)} that does not begin with {quoted(teller)}, is too long, or"
                    " names somebody twice"
                )
                return None
            if not all(self._is_well_formed(check_name, "path", passer) for passer in path):
                return None
        methods = self.methods(told.methods, is_own=False).methods
        return told if len(methods) == len(told.methods) else attrs.evolve(told, methods=tuple(methods))

    def _may_serve(self, namespace: str, asked: dict[str, bool]) -> bool:
        if self.may_serve is None:
            return True
        if namespace not in asked:
            asked[namespace] = self.may_serve(namespace)
        return asked[namespace]

    def _refuse(self, namespace: str, *, is_own: bool) -> None:
        if namespace in self._refused or len(self._refused) < _MOST_REFUSED:
            self._refused[namespace] = is_own or self._refused.get(namespace, False)

    def _is_well_formed(self, check: Callable[..., None], *arguments: str) -> bool:
        try:
            check(*arguments)
        except InvalidCallError as error:
            self._leave_out(str(error))
            return False
        return True

    def _leave_out(self, reason: str) -> None:
        self._count += 1
        self._reason = self._reason or reason


def _shown(key: MethodKey) -> str:
    return quoted(str(key))
