"""Services: callables made into methods of the mesh."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import attrs

from collector_mesh.app.arguments import key_argument
from collector_mesh.app.services.lifespan import MakeLifespan, check_lifespan
from collector_mesh.app.services.methods import method_from
from collector_mesh.domain.model.errors import DuplicateMethodError, attribute_of, is_a, kind_of
from collector_mesh.domain.serving.handlers import Method

if TYPE_CHECKING:
    from google.protobuf.descriptor import ServiceDescriptor

    from collector_mesh.domain.model.middleware import Middleware
    from collector_mesh.domain.serving.around import Around

F = TypeVar("F", bound=Callable[..., Any])


class Service:
    """Methods under one name in one namespace; any number of collectors may serve it.

    Args:
        namespace: the namespace; a collector that serves the service becomes a member of it.
        name: the name of the service, identifiers joined by dots.
        lifespan: a callable without arguments that makes an async context manager, as a function under
            `contextlib.asynccontextmanager` does. Each collector opens one before the first call and closes it after the
            drain. The value that it yields is `context.state` in each call there.
        descriptor: the protobuf descriptor of the service, where it has one.
        middleware: around the handlers of all its methods, in the order in which calls meet it; that of the collector comes
            first.

    Raises:
        InvalidCallError: a name is malformed.
        TypeError: the lifespan is no such callable, or the middleware is none.
    """

    def __init__(
        self,
        namespace: str,
        name: str,
        *,
        lifespan: MakeLifespan | None = None,
        descriptor: "ServiceDescriptor | None" = None,
        middleware: "Sequence[Middleware]" = (),
    ) -> None:
        key = key_argument(namespace, name, "method")
        key.check()
        if lifespan is not None:
            check_lifespan(f"{key.namespace}/{key.service}", lifespan)
        self.lifespan = lifespan
        self.descriptor = descriptor
        self.namespace = key.namespace
        self.name = key.service
        self._methods: dict[str, Method] = {}
        self._around = None if middleware == () else _around(middleware)

    @property
    def methods(self) -> tuple[Method, ...]:
        """The registered methods, in that order."""
        return tuple(self._methods.values())

    @overload
    def method(self, name: F, /) -> F: ...

    @overload
    def method(
        self, name: str | None = None, *, idempotent: bool = False, replace: bool = False
    ) -> Callable[[F], F]: ...

    def method(
        self, name: F | str | None = None, *, idempotent: bool = False, replace: bool = False
    ) -> F | Callable[[F], F]:
        """Register a callable as a method; a decorator, with or without arguments.

        An async callable runs in the event loop, a plain one in a thread; if it returns an awaitable, the event loop
        awaits that. It takes the request, the request and a `CallContext` in any order, the context alone, or nothing. The
        context is the parameter annotated with `CallContext`, else the one called `context`, else the second one.

        A request annotated with a protobuf message class is unpacked into it; one annotated with plain data (`dict`,
        `list[int]`, `str` and the like) is read as that; one annotated with `Payload`, or with nothing, is the raw
        payload. The result is a message, plain data, a `Payload` or None; where it is annotated, it has to be
        of that type, else the call is answered with 500. Annotations may name several types, and None.

        Args:
            name: identifiers joined by dots; by default the name of the function.
            idempotent: whether it may run twice for one call.
            replace: whether it may take the place of a method of that name, as where a cell of a notebook runs again.
                A collector that has been given the service before serves it once it is given it again.

        Raises:
            InvalidCallError: the name is malformed.
            DuplicateMethodError: there is such a method, and it is not to be replaced.
            TypeError: the function is not of that form, or it is one of a class.
        """
        if name is not None and not is_a(name, str):
            if not callable(name):
                raise TypeError(f"the name of a method must be a str, got {kind_of(name)}")
            function: F = name
            self.add(name_of(function), function)
            return function

        def register(function: F) -> F:
            self.add(
                name_of(function) if name is None else name,  # type: ignore[arg-type]  # a str, see above
                function,
                idempotent=idempotent,
                replace=replace,
            )
            return function

        return register

    def add(
        self, name: str, function: Callable[..., Any], *, idempotent: bool = False, replace: bool = False
    ) -> None:
        """Register a callable as a method; see `method`."""
        key = key_argument(self.namespace, self.name, name)
        key.check()
        if key.method in self._methods and not replace:
            raise DuplicateMethodError(f"method {key} is registered already; replace=True replaces it")
        self.put(method_from(key, function, idempotent=idempotent))

    def put(self, method: Method) -> None:
        """Take a method that was made already."""
        if self._around is not None:
            method = attrs.evolve(method, around=self._around)
        self._methods[method.key.method] = method

    def __repr__(self) -> str:
        return f"Service({self.namespace!r}, {self.name!r}, methods={list(self._methods)})"


def _around(middleware: object) -> "Around | None":
    # Services without it do not need what this imports.
    from collector_mesh.domain.model.middleware import check_middleware
    from collector_mesh.domain.serving.around import Around

    return Around.of(check_middleware(middleware))


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, for a method that is given none.

    Raises:
        TypeError: it has none.
    """
    if not callable(function):
        raise TypeError(f"a method must be callable, got {kind_of(function)}")
    name = attribute_of(function, "__name__")
    if not is_a(name, str):
        raise TypeError(
            f"{kind_of(function)} has no name: say which one the method has, as in method('Name')"
        )
    return str(name)
