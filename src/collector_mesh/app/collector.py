"""The collector as a user sees it."""

import warnings
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Self
from weakref import ref

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.app.arguments import key_argument, names_argument, peers_argument, seconds_argument
from collector_mesh.app.blocking import BlockingCollector
from collector_mesh.app.calls import CallFactory, made_in_handler
from collector_mesh.app.home import Home
from collector_mesh.app.hooks.shape import check_transport
from collector_mesh.app.methods import method_from
from collector_mesh.app.offered import Offered, keys_of, service_of, services_of
from collector_mesh.app.options import Options
from collector_mesh.app.service import Service
from collector_mesh.app.settings import Settings
from collector_mesh.app.unclosed import Unclosed
from collector_mesh.domain.model.caller import Caller, Metadata
from collector_mesh.domain.model.errors import (
    MeshError,
    UnavailableError,
    clipped,
)
from collector_mesh.domain.model.names import text_argument
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.status import OK, Reply

if TYPE_CHECKING:
    # All of the mesh is behind these: whoever imports the class need not make one.
    from collector_mesh.adapters.grpc.tls import Tls
    from collector_mesh.app.container import CollectorContainer
    from collector_mesh.app.lifetime import Lifetime
    from collector_mesh.app.lives import Added, Lives
    from collector_mesh.domain.calls.dispatcher import Dispatcher
    from collector_mesh.domain.model.snapshot import ConnectionInfo, Explanation, Snapshot
    from collector_mesh.domain.peers.keeping import Keeping
    from collector_mesh.domain.ports.authorizer import Authorizer
    from collector_mesh.domain.ports.balancer import Balancer
    from collector_mesh.domain.ports.observer import Observer
    from collector_mesh.domain.ports.transport import Transport
    from collector_mesh.domain.ports.validator import Validator


class Collector(Caller):
    """Serves methods inside namespaces, and has others run what it does not have.

    Used as an async context manager: it takes calls inside; on leaving it refuses new calls, lets the
    running ones finish, and closes. `start` and `stop` do the same. One event loop, the one it is entered in. One that is
    never stopped warns with `ResourceWarning`.

    What it serves may be changed from any thread: `register`, `add_service`, `remove_service`, `add_namespace`,
    `remove_namespace` and `set_validator` take effect before they return, as a whole or not at all. Peers are told by the
    event loop, at once where they are called there, else as soon as it runs. No thread waits for the loop, so it makes no
    difference whether the loop waits for that thread.

    Args:
        collector_id: unique in the mesh; letters, digits and `._-`, at most 128.
        listen: HOST:PORT, port 0 for a free one; without it nobody can connect to this collector, but
            it can connect to others, and is called over the links that it has opened. With a transport
            of your own it is whatever that takes, by default the collector id where that is an address there;
            an empty text stands for nowhere.
        advertise: HOST:PORT that others dial instead; needed where `listen` is a wildcard.
        namespaces: namespaces to be a member of, beside those of the services.
        services: services to serve: each is a `Service`, a class that marks methods with `method`, an instance of one, or a
            callable without arguments that makes one of these.
        peers: addresses to keep connected, whenever somebody answers there.
        validator: asked before each call that runs here.
        authorizer: asked for each call that comes from outside; without one everybody may call.
        transport: how collectors reach each other; gRPC by default.
        tls: certificates for gRPC.
        insecure: whether plaintext may be used on addresses that are not of this machine.
        accept_peers: whether collectors may connect to this one without mutual TLS where it listens beyond its machine.
        inspect: whether everybody who can connect may look at what this collector is and knows, as `collector-mesh
            topology` does; else from elsewhere only whom the authorizer allows.
        accept_unary_peers: the same, by a name that will go.
        reflection: whether the gRPC server tells which services it has.
        wait_for_peers: how many peers have to be connected before its health is good, or `all` of `peers`; None for no
            wait. It takes calls meanwhile.
        labels: what it says of itself to its peers, as `{"zone": "eu-1"}`; at most 32.
        weight: its share of calls beside that of others, for the strategy `weighted`; 1 to 10,000.
        balancers: strategies of your own, by the names that settings use; see `collector_mesh.ports.Balancer`.
        observer: told what happens, in place of the log.
        settings: what can be tuned.

    Raises:
        SettingsError: a setting or an override is not what it may be, or names no strategy.
        InvalidCallError: a name is malformed.
        DuplicateMethodError: two services have a method of the same name.
    """

    def __init__(
        self,
        collector_id: str,
        *,
        listen: str | None = None,
        advertise: str | None = None,
        namespaces: Iterable[str] = (),
        services: Iterable[Offered] = (),
        peers: Iterable[str] = (),
        validator: "Validator | None" = None,
        authorizer: "Authorizer | None" = None,
        transport: "Transport | None" = None,
        tls: "Tls | None" = None,
        insecure: bool = False,
        accept_peers: bool = False,
        inspect: bool = False,
        accept_unary_peers: bool | None = None,
        reflection: bool = False,
        wait_for_peers: int | Literal["all"] | None = None,
        labels: Mapping[str, str] | None = None,
        weight: int = 1,
        balancers: "Mapping[str, Balancer] | None" = None,
        observer: "Observer | None" = None,
        settings: Settings | None = None,
    ) -> None:
        if listen is None:
            listen = _own_address(collector_id, transport)
        if accept_unary_peers is not None:
            text = "accept_unary_peers is called accept_peers now, and is about peers with links too"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            accept_peers = accept_peers or accept_unary_peers
        options = Options(
            collector_id=collector_id,
            listen=listen,
            advertise=advertise,
            validator=validator,
            authorizer=authorizer,
            transport=transport,
            tls=tls,
            insecure=insecure,
            accept_peers=accept_peers,
            inspect=inspect,
            reflection=reflection,
            wait_for_peers=wait_for_peers,
            labels=labels or {},
            weight=weight,
            balancers=balancers or {},
            observer=observer,
        )
        self.container = self._build(options, settings or Settings())
        """The parts; a part is replaced by an `override` of its provider before the collector is entered."""
        # What is wrong with the overrides is said now, not at the first call.
        self.container.policies()
        self._options = options
        self._peers = _texts("peers", peers)
        self._home = Home(
            f"collector '{collector_id}'",
            awaited="await collector.call(...)",
            blocking="collector.blocking.call(...)",
        )
        self._handlers = self.container.handlers()
        self._handlers.hand_over = self._home.hand_over
        self._handlers.add(namespaces=_texts("namespaces", namespaces))
        self._lives = self._made_lives()
        for service in services_of(services):
            self._lives.add(service)
        self._making = RLock()
        self._lifetime = self._made_lifetime()
        self._dispatcher: Dispatcher | None = None
        self._keeping: Keeping | None = None
        self._calls: CallFactory | None = None
        self._unclosed: Unclosed | None = None

    def _build(self, options: Options, settings: Settings) -> "CollectorContainer":
        """The container of the parts, of which none has been made yet."""
        from collector_mesh.app.container import CollectorContainer

        return CollectorContainer(options, settings)

    def _made_lives(self) -> "Lives":
        from collector_mesh.app.lives import Lives

        return Lives(self.container, self._home.hand_over)

    def _made_lifetime(self) -> "Lifetime":
        from collector_mesh.app.lifetime import Lifetime

        return Lifetime(self.container, self._lives)

    async def start(self) -> None:
        """Begin to take calls; `async with` does it too, and stops it.

        Raises:
            InvalidCallError: an address is malformed, or plaintext would leave this machine.
            ListenError: the address is taken or not of this machine.
            TlsError: the certificate files cannot be used.
            LifespanError: the lifespan of a service could not be opened; what was opened before it is closed.
            RuntimeError: it was started before; a collector is started once.
        """
        await self._begin()
        self._unclosed = Unclosed(self, self._home.what)

    async def stop(self) -> None:
        """Refuse new calls, let the running ones finish for at most `drain_timeout`, close.

        Where it has been stopped before, or never started, nothing happens; while that is still under way, this waits for it.

        Raises:
            RuntimeError: this is another event loop than the one that it was started in; it goes on there. Or it is being
                started: whoever does that is to be cancelled.
        """
        self._home.check_leaving()
        self._lifetime.check_is_no_start()
        if self._unclosed is not None:
            self._unclosed.settle()
        await self._end()

    async def __aenter__(self) -> Self:
        """As `start`."""
        await self.start()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        """As `stop`."""
        await self.stop()

    async def _begin(self) -> None:
        self._home.enter()
        parts = self.container
        # What a call needs is made before the first peer can send one, and by one thread.
        with self._making:
            self._calls = CallFactory(
                parts.clock(),
                parts.policies(),
                parts.settings().forward_metadata,
                max_payload_bytes=parts.settings().max_payload_bytes,
            )
            parts.nested().caller = ref(self)
            keeping, dispatcher = parts.keeping(), parts.dispatcher()

        def ready() -> None:
            self._keeping, self._dispatcher = keeping, dispatcher

        try:
            await self._lifetime.open(self._options.listen, self._peers, ready=ready)
        except BaseException:
            self._dispatcher = self._keeping = None
            raise

    async def _end(self) -> None:
        try:
            await self._lifetime.close()
        finally:
            self._dispatcher = self._keeping = None

    @property
    def collector_id(self) -> str:
        """Its id."""
        return self._options.collector_id

    @property
    def address(self) -> str:
        """Where others reach it, with the real port; empty while it does not listen."""
        return self._lifetime.listener.address if self._lifetime.listener else ""

    @property
    def bound_address(self) -> str:
        """What it is listening on, with the real port; not `address` where another is advertised."""
        return self._lifetime.listener.bound if self._lifetime.listener else ""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that it is a member of."""
        return self._handlers.namespaces

    @property
    def blocking(self) -> BlockingCollector:
        """The same for code in other threads, which waits: `collector.blocking.call(...)`, and whatever else is awaited."""
        return BlockingCollector(self, self._bridge)

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        target: str = "",
        timeout: float | None = None,
        hints: Mapping[str, str] | None = None,
        metadata: Metadata = (),
        idempotent: bool | None = None,
    ) -> Reply:
        """Have a method run: on the target, else here, else on a peer that shares the namespace.

        See `Caller.dispatch`.
        """
        dispatcher, calls = self._dispatcher, self._calls
        if dispatcher is None or calls is None:
            raise self._home.closed(self._lifetime.state)
        if _get_running_loop() is not self._home.loop:
            self._home.check()
        # Looked up rather than made: a key costs as much as three look-ups.
        names = (namespace, service, method)
        try:
            found = self._handlers.find(names)
            known = dispatcher.known_key(names) if found is None else found.key
        except Exception:  # noqa: BLE001  # they may be anything, and are looked at below
            known = None
        if known is None:
            known = key_argument(namespace, service, method)
        try:
            call = calls.make(
                known,
                request,
                target,
                timeout,
                hints,
                metadata,
                idempotent,
            )
        except MeshError as error:
            return made_in_handler(Reply.refused(error), known, self.collector_id)
        reply = await dispatcher.dispatch(call)
        return reply if reply.status is OK else made_in_handler(reply, known, self.collector_id)

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
            DuplicateMethodError: there is such a method, and it is not to be replaced.
            TypeError: the function is not of a form that can be called.
        """
        key = key_argument(namespace, service, method)
        key.check()
        self._handlers.register(method_from(key, handler, idempotent=idempotent), replace=replace)
        self._lives.look()

    def add_service(self, service: Offered, *, replace: bool = False) -> "Added":
        """Serve a service from now on; its namespace becomes one of this collector. See `services` for what it may be.

        Peers are told in the next turn of the loop, and route by it within a round trip; where there are very many
        links and changes follow each other, after 0.25 ms for each link.

        A service with a lifespan is served once that is open; what this gives can be awaited for that. One that fails to
        open is logged, raises there, and is not served. A service that is served already and is given again keeps its
        lifespan; with `replace` the methods that it has now take the place of those that it had.

        Raises:
            DuplicateMethodError: one of its methods is registered already, and is not to be replaced; then
                none is added.
            TypeError: it is no service.
        """
        return self._lives.add(service_of(service), replace=replace)

    def remove_service(self, service: Offered) -> None:
        """Serve the methods of a service no longer. Calls that are running go on; the namespace stays.

        Its lifespan is closed in the background when those calls have ended; at the latest with the collector.

        Raises:
            NotFoundError: one of its methods is not registered; then none is removed.
            TypeError: it is neither a service nor a class of one.
        """
        self._lives.remove(service if isinstance(service, Service) else None, keys_of(service))

    def add_namespace(self, namespace: str) -> None:
        """Become a member of a namespace. Idempotent.

        Raises:
            InvalidCallError: it is no name.
        """
        self._handlers.add_namespace(namespace)

    def remove_namespace(self, namespace: str) -> None:
        """Leave a namespace; what was served in it goes with it. Calls that are running go on.

        Raises:
            NotFoundError: it is not one of this collector.
        """
        self._handlers.remove_namespace(text_argument("namespace", namespace))
        self._lives.look()

    def set_validator(self, validator: "Validator | None") -> None:
        """Set, replace or (with None) remove the validator; calls that it has allowed go on.

        Raises:
            TypeError: it is no validator; see `collector_mesh.ports.Validator`.
        """
        from collector_mesh.app.hooks.validation import AnyValidator

        checked = None if validator is None else AnyValidator(validator, self.container.plain)
        with self._making:
            self.container.executor().validator = checked

    async def connect(
        self,
        address: str,
        *,
        namespaces: Iterable[str] | None = None,
        timeout: float = 5.0,
    ) -> "ConnectionInfo":
        """Connect to a collector, and stay connected until `disconnect`.

        Args:
            address: of that collector.
            namespaces: those of this collector's that the other one is offered: it hears of no others, and calls of both
                sides use no others, also after a reconnect. All without it. The last call for an address counts.
            timeout: seconds.

        Raises:
            InvalidCallError: it is no address, or it is this collector's own, or there are no namespaces.
            NotFoundError: one of the namespaces is none of this collector.
            UnavailableError: nobody has answered in time.
            MeshError: the other one has refused.
            TypeError: an argument is of a type that cannot be meant; the text names it.
            RuntimeError: as for `dispatch`.
        """
        offered = None
        if namespaces is not None:
            offered = self._handlers.some_of(names_argument("namespaces", namespaces))
        connection = await self._open_keeping().connect(
            text_argument("address", address), timeout=seconds_argument("timeout", timeout), offered=offered
        )
        return connection.info(self.container.clock().now())

    async def disconnect(self, peer_id: str) -> None:
        """Forget a peer and do not dial it anymore.

        Raises:
            NotFoundError: there is no connection to it.
            TypeError: it is no text.
            RuntimeError: as for `dispatch`.
        """
        await self._open_keeping().disconnect(text_argument("peer_id", peer_id))

    async def wait_for(
        self,
        *,
        peers: int | Literal["all"] | Iterable[str] | None = None,
        methods: Iterable[str | tuple[str, str, str]] = (),
        timeout: float = 30.0,
    ) -> None:
        """Wait until peers are connected, and methods can be called; without either, until all of `peers` are.

        Args:
            peers: how many, or the ids of those, or `all` configured ones.
            methods: as `NAMESPACE/SERVICE/METHOD`, or as tuples of the three. One counts that runs here, that a connected peer
                says it has, or that a peer without links in that namespace may have.
            timeout: seconds; `math.inf` for no limit.

        Raises:
            UnavailableError: the time is up; the text says what is missing, and where nobody answers.
            InvalidCallError: a name is malformed, or a number negative.
            TypeError: an argument is of a type that cannot be meant; the text names it.
            RuntimeError: as for `dispatch`; also where the collector ends meanwhile.
        """
        wanted_peers, wanted_methods = peers_argument(peers, methods)
        seconds = seconds_argument("timeout", timeout)
        self._open_keeping()
        readiness = self.container.readiness()
        missing = await readiness.wait(wanted_peers, wanted_methods, timeout=seconds)
        if missing and readiness.is_closed:
            raise self._home.closed(self._lifetime.state)
        if missing:
            raise UnavailableError(clipped(f"not ready within {seconds:g} s: {missing}"))

    async def wait_unreachable(self) -> str:
        """Wait until nobody can connect to this collector anymore, and give the reason.

        A listener that ends by itself is made anew; this returns only where that cannot be done, as when
        somebody else has taken the address. Links that are there live on.

        Raises:
            RuntimeError: this is another event loop than the one that it was entered in.
        """
        self._home.check_leaving()
        return await self._lifetime.wait_unreachable()

    def explain(self, namespace: str, service: str, method: str) -> "Explanation":
        """Tell where a call would go now, and why.

        Raises:
            InvalidCallError: a name is malformed.
            TypeError: one of them is no text.
        """
        return self.container.inspection().explain(key_argument(namespace, service, method))

    def snapshot(self) -> "Snapshot":
        """What this collector is and knows, now."""
        return self.container.inspection().snapshot()

    def __repr__(self) -> str:
        where = f" on {self.address}" if self.address else ""
        return f"<Collector {self.collector_id}{where}, {self._lifetime.state}>"

    def _bridge(self) -> Bridge:
        if self._dispatcher is None:
            raise self._home.closed(self._lifetime.state)
        return self._home.bridge()

    def _open_keeping(self) -> "Keeping":
        if self._keeping is None:
            raise self._home.closed(self._lifetime.state)
        self._home.check()
        return self._keeping


def _own_address(collector_id: str, transport: "Transport | None") -> str:
    """Where a collector listens that was not told where: at its id, if its transport has such addresses."""
    if transport is None:
        return ""
    check_transport(transport)
    try:
        transport.check_address(collector_id)
    except Exception:  # noqa: BLE001  # a user's may say no by any of them
        return ""
    return collector_id


def _texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    """Several texts; a single one, which is an iterable of texts too, is a mistake."""
    if isinstance(values, str):
        raise TypeError(f"{name} must be several texts, got one: {values!r}")
    return tuple(values)
