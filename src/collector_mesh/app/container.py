"""How the parts of one collector fit together: the one file that knows every implementation."""

from collections.abc import Callable, Mapping
from threading import RLock

from dependency_injector import containers, providers

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.memory import resident_bytes
from collector_mesh.adapters.runtime.pulled import PulledStream
from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.adapters.runtime.tasks import LoopTasks
from collector_mesh.adapters.telemetry.logs import LoggingObserver
from collector_mesh.app.hooks.guards import GuardedAuthorizer, GuardedObserver, HookFailures
from collector_mesh.app.hooks.transport import GuardedTransport
from collector_mesh.app.hooks.validation import AnyValidator
from collector_mesh.app.options import ClientOptions, Options
from collector_mesh.app.overrides import namespace_limits, policies_of
from collector_mesh.app.settings import Settings
from collector_mesh.domain.calls.attempt_loop import AttemptLoop
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.gateway import CollectorGateway
from collector_mesh.domain.inspection import Inspection
from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.health import Heartbeats
from collector_mesh.domain.link.pump import LinkPump
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.events import BalancerFailed, Shedding
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.peers.greeter import Greeter
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.keeping import Keeping, KeepingTimes
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.policies.access import InspectionRule, ServingRule
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.policies.balancing import BALANCERS, Guarded
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.policies.strangers import EVERYBODY, StrangerRule
from collector_mesh.domain.policies.trust import TrustDomain, domain_of
from collector_mesh.domain.ports.balancer import Balancer
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.reporting import Rationed, Reporting
from collector_mesh.domain.routing.explainer import Explainer
from collector_mesh.domain.routing.refusals import Refusals
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology


def _transport(options: Options | ClientOptions, settings: Settings, clock: Clock) -> Transport:
    if options.transport is not None:
        return options.transport
    # Whoever chooses grpc pays for its import.
    from collector_mesh.adapters.grpc.transport import GrpcTransport

    listening = options if isinstance(options, Options) else None
    return GrpcTransport(
        clock=clock,
        tls=options.tls,
        insecure=options.insecure,
        advertise=listening.advertise if listening else None,
        reflection=listening is not None and listening.reflection,
        max_payload_bytes=settings.max_payload_bytes,
        keepalive_interval=settings.keepalive_interval,
        dial_timeout=settings.dial_timeout,
    )


def _trust(options: Options, settings: Settings) -> TrustDomain | None:
    """Which names of certificates stand for collectors: with mutual TLS one's own has to be one."""
    tls = options.tls if options.transport is None else None
    told = TrustDomain(settings.trust_domain) if settings.trust_domain else None
    if tls is None or not tls.is_mutual or tls.cert is None:
        return told
    tls.check()
    own = tls.identity()
    trust = told or domain_of(own, options.collector_id)
    trust.check(own, options.collector_id)
    return trust


def _strangers(options: Options, transport: Transport, trust: TrustDomain | None) -> StrangerRule:
    if not options.listen:
        return EVERYBODY
    is_mutual = options.tls is not None and options.tls.is_mutual
    return StrangerRule(
        only_local=_is_local(options, transport),
        # With a trust domain everybody has to prove who they are, over a transport of the user's too.
        allowed=is_mutual or trust is not None or options.accept_peers,
        is_local=transport.is_local,
    )


def _times(settings: Settings) -> KeepingTimes:
    return KeepingTimes(
        refresh=settings.refresh_interval, dial=_dial_seconds(settings), expiry=settings.peer_expiry
    )


def _dial_seconds(settings: Settings) -> float:
    """How long a dial may take: once for an attempt to connect, and as long for the answer."""
    return 2 * settings.dial_timeout


def _incarnation(dice: Randomness) -> str:
    return dice.token()


def _link_rules(options: Options | ClientOptions, settings: Settings) -> LinkRules:
    return LinkRules(
        max_links=settings.max_links,
        max_held_bytes=settings.max_held_bytes,
        max_payload_bytes=settings.max_payload_bytes,
        batching=Batching(queue_bytes=settings.link_queue_bytes),
        heartbeats=Heartbeats(interval=settings.heartbeat_interval),
        labels=dict(options.labels) if isinstance(options, Options) else {},
        weight=options.weight if isinstance(options, Options) else 1,
    )


def _observer(options: Options) -> Observer:
    return options.observer or LoggingObserver()


def _guarded(observer: Observer, collector_id: str, clock: Clock) -> Observer:
    return Rationed(GuardedObserver(observer, collector_id, Rationed(LoggingObserver(), clock)), clock)


def _authorizer(options: Options, failures: HookFailures) -> GuardedAuthorizer | None:
    return None if options.authorizer is None else GuardedAuthorizer(options.authorizer, failures)


def _validator(options: Options, tasks: Callable[[], Tasks]) -> AnyValidator | None:
    return None if options.validator is None else AnyValidator(options.validator, tasks)


def _balancers(options: Options, observer: Callable[[], Observer]) -> Mapping[str, Balancer]:
    def failed(name: str, error: BaseException) -> None:
        observer().tell(BalancerFailed(options.collector_id, name, error))

    own = {name: Guarded(name, balancer, failed) for name, balancer in options.balancers.items()}
    return {**BALANCERS, **own}


def _concurrency_limit(
    options: Options,
    settings: Settings,
    key: str,
    clock: Clock,
    counts: Counts,
    observer: Observer,
    handlers: HandlerRegistry,
) -> ConcurrencyLimit:
    most: int = getattr(settings, key)

    def is_full(namespace: str) -> None:
        observer.tell(Shedding(options.collector_id, key, most, namespace))

    return ConcurrencyLimit(
        most,
        namespace_limits(settings, key),
        now=clock.now,
        is_known=handlers.has_namespace,
        on_shed=counts.count_shed,
        on_full=is_full,
    )


def _refusals(
    options: Options, settings: Settings, explainer: Explainer, clock: Clock, transport: Transport
) -> Refusals:
    exposes = settings.expose_routes
    if exposes is None:
        exposes = not options.listen or _is_local(options, transport)
    return Refusals(explainer, now=clock.now, exposes=exposes)


def _is_local(options: Options, transport: Transport) -> bool:
    try:
        return transport.is_local(options.listen)
    except InvalidCallError:  # whoever listens there says what is wrong with it
        return False


def _backoff(settings: Settings) -> Backoff:
    return Backoff(first=settings.reconnect_first, cap=settings.reconnect_cap)


class CollectorContainer(containers.DeclarativeContainer):
    """The parts of one collector. It builds them and opens nothing; a test overrides one of them."""

    options: providers.Dependency[Options] = providers.Dependency(instance_of=Options)
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    # One provider for all who ask: each that stands here is copied for every collector that is made.
    collector_id = options.provided.collector_id

    clock = providers.Singleton(LoopClock)
    dice = providers.Singleton(SystemRandomness)
    observer = providers.Singleton(_observer, options)
    # What is a user's is asked through a guard, wherever it comes from.
    guarded_observer = providers.Singleton(_guarded, observer, collector_id, clock)
    failures = providers.Singleton(HookFailures, collector_id, guarded_observer)
    guarded_authorizer = providers.Singleton(_authorizer, options, failures)
    tasks = providers.Singleton(LoopTasks, clock, max_threads=settings.provided.max_threads)
    transport = providers.Singleton(_transport, options, settings, clock)
    guarded_transport = providers.Singleton(GuardedTransport, transport, failures, clock)

    pump = providers.Singleton(LinkPump, clock, tasks, pushing=PulledStream)

    handlers = providers.Singleton(HandlerRegistry, lock=providers.Singleton(RLock))
    balancers = providers.Singleton(_balancers, options, guarded_observer.provider)
    policies = providers.Singleton(policies_of, settings, balancers=balancers)
    counts = providers.Singleton(Counts)
    topology = providers.Singleton(Topology, policies, later=tasks.provided.when_idle)
    reachability = providers.Singleton(
        Reachability, collector_id, topology, policies, later=tasks.provided.when_idle
    )
    serving = providers.Singleton(ServingRule, guarded_authorizer)
    roster = providers.Singleton(
        Roster,
        collector_id,
        handlers,
        topology,
        reachability,
        serving=serving,
        tasks=tasks,
        clock=clock,
        observer=guarded_observer,
    )
    reporting = providers.Singleton(
        Reporting,
        collector_id,
        counts,
        observer=guarded_observer,
        tasks=tasks,
        clock=clock,
        interval=settings.provided.report_interval,
    )
    link_rules = providers.Singleton(_link_rules, options, settings)
    trust = providers.Singleton(_trust, options, settings)
    admission = providers.Singleton(
        Admission,
        collector_id,
        providers.Callable(_incarnation, dice),
        roster,
        transport=guarded_transport,
        strangers=providers.Factory(_strangers, options, guarded_transport, trust),
        serving=serving,
        trust=trust,
        clock=clock,
        probe=link_rules.provided.probe,
    )
    streams = providers.Singleton(
        Streams,
        collector_id,
        handlers,
        roster,
        admission,
        reachability,
        transport=guarded_transport,
        pump=pump,
        tasks=tasks,
        clock=clock,
        dice=dice,
        rules=link_rules,
    )
    running = providers.Singleton(
        _concurrency_limit, options, settings, "max_running", clock, counts, guarded_observer, handlers
    )
    outgoing = providers.Singleton(
        _concurrency_limit, options, settings, "max_outgoing", clock, counts, guarded_observer, handlers
    )
    router = providers.Singleton(
        Router,
        collector_id,
        handlers,
        topology,
        balancers=balancers,
        labels=options.provided.labels,
        may_serve=roster.provided.may_serve,
    )
    explainer = providers.Singleton(Explainer, collector_id, handlers, topology, router)
    refusals = providers.Singleton(_refusals, options, settings, explainer, clock, guarded_transport)
    checks = providers.Singleton(
        CallChecks,
        collector_id,
        handlers,
        topology,
        policies,
        max_payload_bytes=settings.provided.max_payload_bytes,
        authorizer=guarded_authorizer,
    )
    executor = providers.Singleton(
        Executor,
        collector_id,
        handlers,
        tasks=tasks,
        clock=clock,
        dice=dice,
        observer=guarded_observer,
        slots=running,
        max_payload_bytes=settings.provided.max_payload_bytes,
        validator=providers.Factory(_validator, options, tasks.provider),
        expose_handler_errors=settings.provided.expose_handler_errors,
    )
    introducer = providers.Singleton(
        Introducer,
        collector_id,
        handlers,
        topology,
        roster,
        admission,
        transport=guarded_transport,
        clock=clock,
        ask_again=settings.provided.peer_expiry,
    )
    keeping = providers.Singleton(
        Keeping,
        collector_id,
        topology,
        roster,
        admission,
        streams,
        introducer,
        transport=guarded_transport,
        tasks=tasks,
        clock=clock,
        dice=dice,
        backoff=providers.Factory(_backoff, settings),
        times=providers.Factory(_times, settings),
    )
    sender = providers.Singleton(
        Sender,
        collector_id,
        router,
        keeping,
        tasks=tasks,
        clock=clock,
        dice=dice,
        policies=policies,
        counts=counts,
    )
    attempt_loop = providers.Singleton(
        AttemptLoop,
        collector_id,
        checks,
        handlers,
        router,
        topology,
        keeping,
        sender,
        clock=clock,
        dice=dice,
        policies=policies,
        counts=counts,
        refusals=refusals,
        observer=guarded_observer,
    )
    dispatcher = providers.Singleton(
        Dispatcher,
        collector_id,
        checks,
        executor,
        router,
        sender,
        attempt_loop,
        tasks=tasks,
        clock=clock,
        dice=dice,
        slots=outgoing,
        counts=counts,
    )
    greeter = providers.Singleton(
        Greeter,
        collector_id,
        handlers,
        topology,
        roster,
        admission,
        transport=guarded_transport,
        clock=clock,
        dice=dice,
        retry_after=settings.provided.peer_expiry,
    )
    inspection = providers.Singleton(
        Inspection,
        collector_id,
        handlers,
        topology,
        explainer,
        keeping.provider,
        streams.provider,
        clock=clock,
        running=running,
        outgoing=outgoing,
        rule=providers.Factory(InspectionRule, guarded_authorizer),
        counts=counts,
        rules=link_rules,
        resident_bytes=resident_bytes,
    )
    gateway = providers.Singleton(
        CollectorGateway,
        checks,
        dispatcher,
        executor,
        greeter,
        streams,
        inspection,
        collector_id=collector_id,
        clock=clock,
        policies=policies,
        observer=guarded_observer,
    )


class ClientContainer(containers.DeclarativeContainer):
    """The parts of one client."""

    options: providers.Dependency[ClientOptions] = providers.Dependency(instance_of=ClientOptions)
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)

    clock = providers.Singleton(LoopClock)
    transport = providers.Singleton(_transport, options, settings, clock)
    failures = providers.Singleton(
        HookFailures, "", providers.Singleton(_guarded, providers.Singleton(LoggingObserver), "", clock)
    )
    guarded_transport = providers.Singleton(GuardedTransport, transport, failures, clock)
    dice = providers.Singleton(SystemRandomness)
    tasks = providers.Singleton(LoopTasks, clock, max_threads=settings.provided.max_threads)
    pump = providers.Singleton(LinkPump, clock, tasks, pushing=PulledStream)
    link = providers.Singleton(
        ClientLink,
        options.provided.address,
        transport=guarded_transport,
        pump=pump,
        tasks=tasks,
        clock=clock,
        dice=dice,
        rules=providers.Factory(_link_rules, options, settings),
        dial_timeout=providers.Factory(_dial_seconds, settings),
    )
