"""What a generated function adds to a server: taken down by a server that serves nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf import descriptor_pool

from collector_mesh.domain.model.errors import DuplicateMethodError, attribute_of, is_a, kind_of, quoted


class RecordingServer(grpc.aio.Server):
    """Takes down the handlers that are added to it, as a grpc server would take them.

    Code that was generated before grpcio-tools 1.64 adds generic handlers alone; newer code adds each handler twice.
    """

    def __init__(self) -> None:
        self._generic: list[grpc.GenericRpcHandler] = []
        self._registered: dict[tuple[str, str], Any] = {}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Take handlers down.

        Raises:
            TypeError: they are none.
        """
        handlers = tuple(generic_rpc_handlers)
        for handler in handlers:
            if not is_a(handler, grpc.GenericRpcHandler):
                raise TypeError(f"a generic handler must be a grpc.GenericRpcHandler, got {kind_of(handler)}")
        self._generic.extend(handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Take handlers down, by the names of their methods."""
        for method, handler in dict(method_handlers).items():
            self._registered[service_name, method] = handler

    def add_insecure_port(self, address: str) -> NoReturn:  # noqa: ARG002  # servers have it, here and below
        """Refuse: the collector listens, and where is its own business."""
        self._refuse("add_insecure_port")

    def add_secure_port(
        self,
        address: str,  # noqa: ARG002
        server_credentials: grpc.ServerCredentials,  # noqa: ARG002
    ) -> NoReturn:
        """Refuse, as above."""
        self._refuse("add_secure_port")

    async def start(self) -> NoReturn:
        """Refuse, as above."""
        self._refuse("start")

    async def stop(self, grace: float | None) -> NoReturn:  # noqa: ARG002
        """Refuse, as above."""
        self._refuse("stop")

    async def wait_for_termination(self, timeout: float | None = None) -> NoReturn:  # noqa: ARG002
        """Refuse, as above."""
        self._refuse("wait_for_termination")

    def _refuse(self, name: str) -> NoReturn:
        raise RuntimeError(
            f"the server of a mount takes handlers only, and has no {name}: the collector listens, starts and stops"
        )

    def handlers(self) -> dict[tuple[str, str], Any]:
        """The handlers, by service and method, in the order in which they were added.

        Raises:
            DuplicateMethodError: a method was added twice, with different handlers.
            ValueError: nobody can say which methods a generic handler has.
        """
        found: dict[tuple[str, str], Any] = {}
        for generic in self._generic:
            for names, handler in _of_generic(generic, known=[*self._registered]):
                if names in found and found[names] is not handler:
                    raise DuplicateMethodError(f"method {quoted('.'.join(names))} is added twice")
                found[names] = handler
        # As on a grpc server, they win.
        found.update(self._registered)
        return found


def _of_generic(
    generic: grpc.GenericRpcHandler, *, known: list[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], Any]]:
    service = _service_of(generic)
    for method in _methods_of(generic, service, known):
        handler = generic.service(_Asked(f"/{service}/{method}"))
        if handler is not None:
            yield (service, method), handler


def _service_of(generic: grpc.GenericRpcHandler) -> str:
    name: Callable[[], str] | None = getattr(generic, "service_name", None)
    if name is None:
        raise ValueError(
            f"{kind_of(generic)} is a generic handler that does not say for which methods: use"
            " grpc.method_handlers_generic_handler, or call collector.register for each method"
        )
    return name()


def _methods_of(generic: grpc.GenericRpcHandler, service: str, known: list[tuple[str, str]]) -> list[str]:
    """The names of the methods of a generic handler, which has no public way to tell them."""
    own = attribute_of(generic, "_method_handlers")
    if is_a(own, dict):
        return [str(path).rpartition("/")[2] for path in own]  # type: ignore[attr-defined]  # just looked
    registered = [method for its_service, method in known if its_service == service]
    if registered:
        return registered
    try:
        descriptor = descriptor_pool.Default().FindServiceByName(service)
    except KeyError:
        raise ValueError(
            f"{kind_of(generic)} does not say which methods {quoted(service)} has, and there is no descriptor of it"
        ) from None
    return [method.name for method in descriptor.methods]


class _Asked(grpc.HandlerCallDetails):
    """What a generic handler is asked for."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata: tuple[Any, ...] = ()
