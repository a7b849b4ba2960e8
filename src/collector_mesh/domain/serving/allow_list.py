"""A validator with a list of what may be called."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import MeshError, NotFoundError, quoted
from collector_mesh.domain.model.names import MethodKey, check_identifiers, check_name
from collector_mesh.domain.ports.validator import Validator

ANY = "*"

ENTRY_FORM = "NAMESPACE/SERVICE.METHOD, NAMESPACE/SERVICE.* or NAMESPACE/*"
"""What an entry of the list looks like."""


class AllowedMethods:
    """Allows what is on its list and refuses everything else.

    Args:
        entries: each `namespace/Service.Method`, `namespace/Service.*` or `namespace/*`.

    Raises:
        ValueError: an entry is of no such form; the text names it.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = frozenset(_parsed(entry) for entry in entries)

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        """Allow a method by returning.

        Raises:
            NotFoundError: it is not on the list.
        """
        key = MethodKey(namespace, service_name, method_name)
        entries = self._entries
        if not (
            key in entries or (namespace, service_name, ANY) in entries or (namespace, ANY, ANY) in entries
        ):
            raise NotFoundError(f"{key} is not on the list of what may be called")


def _parsed(entry: str) -> tuple[str, str, str]:
    namespace, slash, rest = entry.partition("/")
    service, dot, method = rest.rpartition(".")
    try:
        if not slash:
            raise ValueError
        check_name("namespace", namespace)
        if rest == ANY:
            return namespace, ANY, ANY
        if not dot:
            raise ValueError
        check_identifiers("service", service)
        if method != ANY:
            check_identifiers("method_name", method)
    except (MeshError, ValueError) as error:
        why = f" ({error})" if str(error) else ""
        raise ValueError(f"{quoted(entry)} is not {ENTRY_FORM}{why}") from None
    return namespace, service, method


if TYPE_CHECKING:
    _fits: type[Validator] = AllowedMethods
