"""What mounted servicers need of the collector that they are mounted at."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from collector_mesh.domain.model.errors import InvalidCallError, NotFoundError, quoted
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.serving.handlers import HandlerRegistry

if TYPE_CHECKING:
    from collector_mesh.app.container import CollectorContainer

T = TypeVar("T")


class AroundServicers:
    """Leads from servicers to the parts of their collector, which are made when the first call needs them.

    Args:
        parts: of the collector.
    """

    def __init__(self, parts: "CollectorContainer") -> None:
        self._parts = parts

    def failed(self, key: MethodKey, error: BaseException) -> None:
        """See the protocol."""
        self._parts.executor().tell(key, error)

    def is_cancellation(self, error: BaseException) -> bool:
        """See the protocol."""
        return self._parts.tasks().is_cancellation(error)

    def call_back(self, function: Callable[[], None]) -> None:
        """See the protocol."""
        self._parts.tasks().call_back(function)

    def in_thread(self, function: Callable[[], T]) -> Awaitable[T]:
        """See the protocol."""
        return self._parts.plain().in_thread(function, comes_first=False)


def keys_named(handlers: HandlerRegistry, name: str) -> tuple[MethodKey, ...]:
    """The methods of a service that is served, by its name or `NAMESPACE/SERVICE`.

    Raises:
        NotFoundError: no service of that name is served.
        InvalidCallError: it is served in several namespaces.
    """
    namespace, slash, service = name.rpartition("/")
    served = [info.key for info in handlers.infos]
    keys = [key for key in served if key.service == service and (not slash or key.namespace == namespace)]
    if not keys:
        known = ", ".join(sorted({f"{key.namespace}/{key.service}" for key in served})) or "none"
        raise NotFoundError(f"service {quoted(name)} is not served here: there are {known}")
    namespaces = sorted({key.namespace for key in keys})
    if len(namespaces) > 1:
        raise InvalidCallError(
            f"service {quoted(name)} is served in several namespaces: say which one is meant, as in"
            f" {quoted(f'{namespaces[0]}/{service}')}; there are {', '.join(namespaces)}"
        )
    return tuple(keys)
