"""What can run here."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import attrs

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import DuplicateMethodError, NotFoundError, quoted
from collector_mesh.domain.model.names import MethodKey, check_name, text_argument
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.snapshot import MethodInfo

Kind = Literal["unary"]


@attrs.frozen
class Method:
    """A method that can run here.

    Attributes:
        key: its names.
        function: takes the request and the context and gives the result, or an awaitable of it.
        blocking: whether the function is a plain one, which runs in a thread.
        read: turns the payload into the request, or raises InvalidCallError; None gives the payload.
        kind: unary for now.
        idempotent: whether it may run twice for one call.
    """

    key: MethodKey
    function: Callable[[Any, CallContext], Any]
    blocking: bool = False
    read: Callable[[Payload], Any] | None = None
    kind: Kind = "unary"
    idempotent: bool = False

    @property
    def info(self) -> MethodInfo:
        """The method as a snapshot shows it."""
        return MethodInfo(self.key, self.kind, self.idempotent)


class HandlerRegistry:
    """The namespaces of a collector, and the methods that it runs in them."""

    def __init__(self, namespaces: Iterable[str] = ()) -> None:
        self._namespaces: dict[str, None] = {}
        self._methods: dict[MethodKey, Method] = {}
        self.on_change: Callable[[], None] = _nobody
        """Called after each change."""
        for namespace in namespaces:
            self.add_namespace(namespace)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces, in the order in which they were added."""
        return tuple(self._namespaces)

    @property
    def methods(self) -> tuple[Method, ...]:
        """What can run here, in order of the names."""
        return tuple(self._methods[key] for key in sorted(self._methods))

    def add_namespace(self, namespace: str) -> None:
        """Become a member of a namespace. Idempotent.

        Raises:
            InvalidCallError: it is no name.
        """
        check_name("namespace", namespace)
        namespace = text_argument("namespace", namespace)
        if namespace not in self._namespaces:
            self._namespaces[namespace] = None
            self.on_change()

    def remove_namespace(self, namespace: str) -> None:
        """Leave a namespace; what was served in it goes with it. Calls that are running go on.

        Raises:
            NotFoundError: it is not one of this collector.
        """
        if namespace not in self._namespaces:
            raise self._no_namespace(namespace)
        del self._namespaces[namespace]
        for key in [key for key in self._methods if key.namespace == namespace]:
            del self._methods[key]
        self.on_change()

    def has_namespace(self, namespace: str) -> bool:
        """Whether this collector is a member of a namespace."""
        return namespace in self._namespaces

    def register(self, method: Method, *, replace: bool = False) -> None:
        """Make a method available.

        Raises:
            InvalidCallError: one of its names is malformed.
            NotFoundError: its namespace is not one of this collector.
            DuplicateMethodError: it is registered already, and is not to be replaced.
        """
        key = method.key
        key.check()
        if key.namespace not in self._namespaces:
            raise self._no_namespace(key.namespace)
        if key in self._methods and not replace:
            raise DuplicateMethodError(f"method {key} is registered already")
        self._methods[key] = method
        self.on_change()

    def unregister(self, key: MethodKey) -> None:
        """Make a method unavailable. Calls that are running go on.

        Raises:
            NotFoundError: there is no such method.
        """
        if self._methods.pop(key, None) is None:
            raise NotFoundError(f"method {key} is not registered")
        self.on_change()

    def _no_namespace(self, namespace: str) -> NotFoundError:
        known = ", ".join(self._namespaces) or "none"
        return NotFoundError(f"namespace {quoted(namespace)} is not one of this collector: it has {known}")

    def find(self, key: tuple[str, str, str]) -> Method | None:
        """The method of that name, or None; the names need not be well-formed."""
        return self._methods.get(key)  # type: ignore[call-overload,no-any-return]  # a MethodKey is such a tuple


def _nobody() -> None:
    """Tell nobody of a change."""
