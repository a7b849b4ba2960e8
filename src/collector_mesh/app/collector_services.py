"""The part of a collector that changes what it serves."""

from collections.abc import Callable, Iterable
from threading import RLock
from typing import TYPE_CHECKING, Any

from collector_mesh.app.arguments import flag_argument, key_argument
from collector_mesh.app.services.methods import method_from
from collector_mesh.app.services.offered import Offered, keys_of, service_of
from collector_mesh.app.services.service import Service
from collector_mesh.domain.model.errors import is_a
from collector_mesh.domain.model.names import text_argument

if TYPE_CHECKING:
    from collector_mesh.app.container import CollectorContainer
    from collector_mesh.app.home import Home
    from collector_mesh.app.lifetime import Lifetime
    from collector_mesh.app.services.added import Added
    from collector_mesh.app.services.lives import Lives
    from collector_mesh.domain.ports.validator import Validator
    from collector_mesh.domain.serving.handlers import HandlerRegistry


class CollectorServices:
    """What a collector serves. Any thread may change it, also before the collector is entered."""

    container: "CollectorContainer"
    _handlers: "HandlerRegistry"
    _home: "Home"
    _lifetime: "Lifetime"
    _lives: "Lives"
    _making: RLock
    """Held while parts are made or replaced."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that it is a member of."""
        return self._handlers.namespaces

    def register(
        self,
        namespace: str,
        service: str,
        method: str,
        handler: Callable[..., Any],
        *,
        idempotent: bool = False,
        replace: bool = False,
    ) -> None:
        """Make a function a method of this collector; see `Service.method` for its form.

        Raises:
            InvalidCallError: a name is malformed.
            NotFoundError: the namespace is not one of this collector.
            DuplicateMethodError: there is such a method, and `replace` is false.
            TypeError: the function cannot be a handler.
        """
        key = key_argument(namespace, service, method)
        key.check()
        self._handlers.register(method_from(key, handler, idempotent=idempotent), replace=replace)
        self._look()

    def add_service(self, service: Offered, *, replace: bool = False) -> "Added":
        """Serve a service from now on; the collector becomes a member of its namespace. It may be all that `services` takes.

        Peers hear of it in the next turn of the loop, and route by it within a round trip; where there are very many
        links and changes follow each other, after 0.25 ms for each link.

        A service with a lifespan is served once that is open; await the returned object to wait for it. If the lifespan
        fails to open, the error is logged and raised there, and the service is not served. A service that is served already
        and is added again keeps its lifespan; with `replace` its present methods replace the earlier ones.

        Raises:
            DuplicateMethodError: one of its methods is registered already, and `replace` is false; then
                none is added.
            TypeError: it is no service.
        """
        return self._lives.add(service_of(service), replace=replace)

    def mount(
        self,
        namespace: str,
        adder: Callable[[Any, Any], object] | Any,
        servicer: object = None,
        *,
        interceptors: Iterable[Any] = (),
        replace: bool = False,
    ) -> tuple[str, ...]:
        """Serve a servicer of gRPC, as it is, from now on; the collector becomes a member of the namespace.

        Async methods run in the event loop, others in threads; of one servicer some may be async, and others not.
        Methods that the servicer does not override are not served. Those whose `idempotency_level` is `NO_SIDE_EFFECTS` or
        `IDEMPOTENT` may run twice. Peers hear of it as for `add_service`.

        Args:
            namespace: the namespace.
            adder: the generated function, as `add_UserServiceServicer_to_server`; or a generic handler, as
                `grpc.method_handlers_generic_handler` makes one, without a servicer.
            servicer: an instance of the servicer.
            interceptors: each call meets them in this order; all are `grpc.aio.ServerInterceptor`, or all
                `grpc.ServerInterceptor`.
            replace: whether its methods may take the place of those of the same names.

        Returns:
            The full names of the services; `remove_service` takes them.

        Raises:
            DuplicateMethodError: one of its methods is registered already, and `replace` is false; then none is added.
            InvalidCallError: a name is malformed.
            TypeError: an argument is not what it has to be, or they do not fit each other; the text says which.
            ValueError: the adder adds nothing, or nothing that the servicer overrides, or it has raised.
        """
        # grpc and protobuf are needed here, and not before.
        from collector_mesh.adapters.servicers.mount import mount_of
        from collector_mesh.app.mounting import AroundServicers

        flag_argument("replace", replace)
        mount = mount_of(namespace, adder, servicer, interceptors, AroundServicers(self.container))
        with self._making:
            descriptors = self.container.descriptors()
            self._handlers.add(mount.methods, namespaces=(mount.namespace,), replace=replace)
            descriptors.add(mount.namespace, mount.descriptors, of=mount.services)
        self._look()
        return mount.services

    def remove_service(self, service: Offered | str) -> None:
        """Stop serving a service. Running calls go on; the namespace stays.

        Its lifespan is closed in the background when those calls have ended; at the latest with the collector.

        Args:
            service: what was added, or its class; or the name of a service, mounted or not, with its namespace before it
                where several have it: `users.v1.UserService`, or `users/users.v1.UserService`.

        Raises:
            NotFoundError: one of its methods is not registered; then none is removed.
            InvalidCallError: it is a name that several namespaces have.
            TypeError: it is neither a service nor a class of one, nor a name.
        """
        if is_a(service, str):
            from collector_mesh.app.mounting import keys_named

            keys = keys_named(self._handlers, str.__str__(service))
        else:
            keys = keys_of(service)
        self._lives.remove(service if isinstance(service, Service) else None, keys)
        self._look()

    def add_namespace(self, namespace: str) -> None:
        """Become a member of a namespace. Idempotent.

        Raises:
            InvalidCallError: it is no name.
        """
        self._handlers.add_namespace(namespace)

    def remove_namespace(self, namespace: str) -> None:
        """Leave a namespace, and stop serving the methods in it. Running calls go on.

        Raises:
            NotFoundError: it is not one of this collector.
        """
        self._handlers.remove_namespace(text_argument("namespace", namespace))
        self._look()

    def set_validator(self, validator: "Validator | None") -> None:
        """Set, replace or (with None) remove the validator; calls that the old one has allowed go on.

        Raises:
            TypeError: it is no validator; see `collector_mesh.ports.Validator`.
        """
        from collector_mesh.app.hooks.validation import AnyValidator

        checked = None if validator is None else AnyValidator(validator, self.container.plain)
        with self._making:
            self.container.executor().validator = checked
        self._home.hand_over(self._lifetime.holding.look)

    def _look(self) -> None:
        """See what nobody needs anymore of what is no longer served."""
        self._lives.look()
        with self._making:
            self.container.descriptors().look()
