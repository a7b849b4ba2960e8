"""The collector as a user sees it."""

import warnings
from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from threading import RLock
from typing import TYPE_CHECKING, Literal, Self
from weakref import ref

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.app.arguments import (
    key_argument,
    texts_argument,
)
from collector_mesh.app.blocking import BlockingCollector
from collector_mesh.app.calls import CallFactory, made_in_handler
from collector_mesh.app.collector_peers import CollectorPeers
from collector_mesh.app.collector_services import CollectorServices
from collector_mesh.app.collector_stubs import CollectorStubs
from collector_mesh.app.describing import Describing
from collector_mesh.app.home import Home
from collector_mesh.app.options import Options, own_address, settings_argument, token_argument
from collector_mesh.app.services.offered import Offered, services_of
from collector_mesh.app.settings import Settings
from collector_mesh.app.surrounding import around_handlers
from collector_mesh.app.tracing.making import current_of, root_of
from collector_mesh.app.unclosed import Unclosed
from collector_mesh.domain.model.caller import Caller, Metadata
from collector_mesh.domain.model.errors import (
    MeshError,
)
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.status import OK, Reply

if TYPE_CHECKING:
    # All of the mesh is behind these: whoever imports the class need not make one.
    from collector_mesh.adapters.grpc.tls import Tls
    from collector_mesh.app.access.access import Access
    from collector_mesh.app.container import CollectorContainer
    from collector_mesh.app.lifetime import Lifetime
    from collector_mesh.app.registry.registry import Registry
    from collector_mesh.app.services.lives import Lives
    from collector_mesh.domain.model.middleware import Middleware
    from collector_mesh.domain.peers.keeping import Keeping
    from collector_mesh.domain.policies.access_rules import AccessRules
    from collector_mesh.domain.ports.authorizer import Authorizer
    from collector_mesh.domain.ports.balancer import Balancer
    from collector_mesh.domain.ports.dispatching import Dispatching
    from collector_mesh.domain.ports.key_store import KeyStore
    from collector_mesh.domain.ports.observer import Observer
    from collector_mesh.domain.ports.tracer import Tracer
    from collector_mesh.domain.ports.transport import Transport
    from collector_mesh.domain.ports.validator import Validator


class Collector(CollectorServices, CollectorPeers, CollectorStubs, Caller):
    """Serves methods inside namespaces, and calls those of other collectors.

    Used as an async context manager: it takes calls inside; on leaving it refuses new calls, lets the
    running ones finish, and closes. `start` and `stop` do the same. It belongs to the event loop that it is entered in. A
    collector that is never stopped warns with `ResourceWarning`.

    Any thread may change what it serves: `register`, `add_service`, `mount`, `remove_service`,
    `add_namespace`, `remove_namespace` and `set_validator` take effect before they return, as a whole or not at all. Peers hear of the change
    from the event loop: at once if the call is made there, otherwise as soon as the loop runs. No thread waits for the loop,
    so the loop may even be waiting for that thread.

    Args:
        collector_id: unique in the mesh; letters, digits and `._-`, at most 128.
        listen: HOST:PORT, port 0 for a free one. Without it no collector can connect to this one, but
            it can connect to others, and is called over the links that it has opened. With a transport
            of your own it is an address of that transport, by default the collector id where that is one;
            an empty text means that it listens nowhere.
        advertise: HOST:PORT for others to dial, if it differs; needed where `listen` is a wildcard.
        namespaces: namespaces to be a member of, beside those of the services.
        services: services to serve: each is a `Service`, a class that marks methods with `method`, an instance of one, or a
            callable without arguments that makes one of these.
        peers: addresses of collectors to stay connected with; they are dialed until they answer.
        validator: asked before each call that runs here.
        register_at: HOST:PORT of a registry at which it registers, in the background, what it serves with descriptors. It
            shows the same certificates as everywhere.
        authorizer: asked for each call from outside; without one every caller may call.
        access: rules that say who may call what, be a peer, serve and look inside; where there is an authorizer too, both have
            to allow it. See `Access`, and `Access.from_file`.
        token_file: a file with the bearer token that it shows to those whom it dials, and nothing else; sent over TLS, or
            to this machine.
        registry: a registry that it offers, or the path of the file in which one is kept; it is opened before the first
            call can come, and closed after the last one, unless it was open before.
        transport: how collectors reach each other; gRPC by default.
        tls: certificates for gRPC.
        insecure: whether plaintext may be used on addresses that are not of this machine.
        accept_peers: whether collectors may connect to this one without mutual TLS where it listens beyond its machine.
        inspect: whether every program that can connect may look at what this collector is and knows, as `collector-mesh
            topology` does; otherwise, from elsewhere, only programs that the authorizer allows.
        accept_unary_peers: the old name of `accept_peers`, deprecated.
        reflection: whether the gRPC server offers server reflection.
        gateway: whether the gRPC server takes calls for `/package.Service/Method` of any method that the mesh has.
        wait_for_peers: the number of peers that have to be connected before its health is good, or `all` of `peers`; None
            for no wait. It takes calls meanwhile.
        labels: labels that peers see, as `{"zone": "eu-1"}`; at most 32.
        weight: its share of calls beside others, for the strategy `weighted`; 1 to 10,000.
        balancers: strategies of your own, by the names that settings use; see `collector_mesh.ports.Balancer`.
        keys: where the replies to calls with an idempotency key are kept: a store, or the path of a file, which the collectors
            of one machine may share and which outlives this process. By default they are in memory. See docs/idempotency.md.
        observer: receives events in place of the log.
        metrics: HOST:PORT at which Prometheus is answered, or True where a program of yours does that, with
            `collector_mesh.metrics`; needs the extra `metrics`. Beyond this machine it needs `insecure`: it is plaintext.
        middleware: around every call that it dispatches and every handler that it runs, in the order in which calls meet it.
        settings: values to tune.
        tracer: takes spans of the calls that are recorded, as `collector_mesh.OtelTracer` does; the setting `trace_sample`
            says how many are.
        trace_ids: whether each call has a trace id where nothing is recorded either, for log lines.

    Raises:
        SettingsError: a setting or an override has a wrong value, or names no strategy.
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
        access: "Access | AccessRules | None" = None,
        token_file: "str | PathLike[str] | None" = None,
        register_at: str | None = None,
        registry: "Registry | str | PathLike[str] | None" = None,
        transport: "Transport | None" = None,
        tls: "Tls | None" = None,
        insecure: bool = False,
        accept_peers: bool = False,
        inspect: bool = False,
        accept_unary_peers: bool | None = None,
        reflection: bool = False,
        gateway: bool = True,
        wait_for_peers: int | Literal["all"] | None = None,
        labels: Mapping[str, str] | None = None,
        weight: int = 1,
        balancers: "Mapping[str, Balancer] | None" = None,
        keys: "KeyStore | str | PathLike[str] | None" = None,
        observer: "Observer | None" = None,
        metrics: bool | str = False,
        middleware: "Sequence[Middleware]" = (),
        settings: Settings | None = None,
        tracer: "Tracer | None" = None,
        trace_ids: bool = False,
    ) -> None:
        if listen is None:
            listen = own_address(collector_id, transport)
        if accept_unary_peers is not None:
            text = "accept_unary_peers is called accept_peers now, and is about peers with links too"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            accept_peers = accept_peers or accept_unary_peers
        options = Options(
            collector_id=collector_id,
            listen=listen,
            advertise=advertise,
            validator=validator,
            register_at=register_at,
            authorizer=authorizer,
            access=access,
            token=token_argument(None, token_file),
            registry=registry,
            transport=transport,
            tls=tls,
            insecure=insecure,
            accept_peers=accept_peers,
            inspect=inspect,
            reflection=reflection,
            gateway=gateway,
            wait_for_peers=wait_for_peers,
            labels=labels or {},
            weight=weight,
            balancers=balancers or {},
            keys=keys,
            observer=observer,
            tracer=tracer,
            trace_ids=trace_ids,
            metrics=metrics,
            middleware=middleware,
        )
        self.container = self._build(options, settings_argument(settings))
        """The parts; to replace one, `override` its provider before the collector is entered."""
        # What is wrong with the overrides is said now, not at the first call.
        self.container.policies()
        self._options = options
        self._peers = texts_argument("peers", peers)
        self._home = Home(
            f"collector '{collector_id}'",
            awaited="await collector.call(...)",
            blocking="collector.blocking.call(...)",
        )
        self._handlers = self.container.handlers()
        self._handlers.hand_over = self._home.hand_over
        self._handlers.own = Describing(self.container).methods
        self._handlers.around = around_handlers(options)
        self._handlers.add(namespaces=texts_argument("namespaces", namespaces))
        self._lives = self._made_lives()
        for service in services_of(services):
            self._lives.add(service)
        self._making = RLock()
        self._lifetime = self._made_lifetime()
        self._dispatcher: Dispatching | None = None
        self._keeping: Keeping | None = None
        self._calls: CallFactory | None = None
        self._unclosed: Unclosed | None = None

    def _build(self, options: Options, settings: Settings) -> "CollectorContainer":
        """The container of the parts, of which none has been made yet."""
        from collector_mesh.app.container import CollectorContainer

        return CollectorContainer(options, settings)

    def _made_lives(self) -> "Lives":
        from collector_mesh.app.services.lives import Lives

        return Lives(self.container, self._home.hand_over)

    def _made_lifetime(self) -> "Lifetime":
        from collector_mesh.app.lifetime import Lifetime

        return Lifetime(self.container, self._lives)

    async def start(self) -> None:
        """Begin to take calls. `async with` does this too, and stops the collector in the end.

        Raises:
            InvalidCallError: an address is malformed, or plaintext would leave this machine.
            ListenError: the address is taken or not of this machine.
            TlsError: the certificate files cannot be used.
            LifespanError: the lifespan of a service could not be opened; those opened before it are closed again.
            MeshError: the store of the registry cannot be used.
            RuntimeError: the collector was started before; it can be started once.
        """
        await self._begin()
        self._unclosed = Unclosed(self, self._home.what)

    async def stop(self) -> None:
        """Refuse new calls, let the running ones finish for at most `drain_timeout`, close.

        Has no effect if the collector is stopped already, or was never started. If another stop is under way, waits for it.

        Raises:
            RuntimeError: this is another event loop than the one that it was started in, where it goes on. Or it is being
                started: cancel the task that does that.
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
            self._reloading = None
            if self._options.tls is not None:
                # It has to know with which certificates the collector began.
                _ = self.reloading
            self._calls = CallFactory(
                parts.clock(),
                parts.policies(),
                parts.settings().forward_metadata,
                max_payload_bytes=parts.settings().max_payload_bytes,
                root=root_of(parts.roots()),
                current=current_of(parts.tracer()),
            )
            parts.nested().caller = ref(self)
            keeping, dispatcher = parts.keeping(), parts.dispatching()

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
        """The address that others dial, with the real port; empty while it does not listen."""
        return self._lifetime.listener.address if self._lifetime.listener else ""

    @property
    def bound_address(self) -> str:
        """The address that it is bound to, with the real port; differs from `address` where another one is advertised."""
        return self._lifetime.listener.bound if self._lifetime.listener else ""

    @property
    def metrics_address(self) -> str:
        """Where Prometheus is answered, with the real port; empty while it is not."""
        metrics = self.container.metrics() if self._options.metrics else None
        return "" if metrics is None else metrics.address

    @property
    def blocking(self) -> BlockingCollector:
        """The same methods for other threads, without `await`: `collector.blocking.call(...)` waits for the result."""
        return BlockingCollector(self, self._bridge)

    @property
    def max_payload_bytes(self) -> int:
        """See the base class."""
        return self.container.settings().max_payload_bytes

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
        key: str | None = None,
    ) -> Reply:
        """Run a method: on the target, else here, else on a peer that shares the namespace.

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
                key,
            )
        except MeshError as error:
            return made_in_handler(Reply.refused(error), known, self.collector_id)
        reply = await dispatcher.dispatch(call)
        return reply if reply.status is OK else made_in_handler(reply, known, self.collector_id)

    def __repr__(self) -> str:
        where = f" on {self.address}" if self.address else ""
        return f"<Collector {self.collector_id}{where}, {self._lifetime.state}>"

    def _bridge(self) -> Bridge:
        if self._dispatcher is None:
            raise self._home.closed(self._lifetime.state)
        return self._home.bridge()
