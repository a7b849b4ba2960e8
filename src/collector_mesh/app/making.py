"""What the parts of a collector are made of, where that has to be decided: by options, settings, and what is a user's."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from collector_mesh.adapters.dns.names import DnsNames
from collector_mesh.adapters.telemetry.logs import LoggingObserver
from collector_mesh.app.hooks.guards import GuardedAuthorizer, GuardedObserver, HookFailures
from collector_mesh.app.hooks.validation import AnyValidator
from collector_mesh.app.options import ClientOptions, Options
from collector_mesh.app.overrides import namespace_limits
from collector_mesh.app.settings import Settings
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.finding import Finder
from collector_mesh.domain.calls.waiting import WaitingCalls, WaitingRules
from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.health import Heartbeats
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.events import BalancerFailed, Shedding
from collector_mesh.domain.peers.times import KeepingTimes
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.policies.balancing import BALANCERS, Guarded
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.strangers import EVERYBODY, StrangerRule
from collector_mesh.domain.policies.trust import TrustDomain, domain_of
from collector_mesh.domain.ports.balancer import Balancer
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.placing import Placing
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.reflecting import Reflecting
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.reporting import Rationed, for_people
from collector_mesh.domain.routing.explainer import Explainer
from collector_mesh.domain.routing.refusals import Refusals
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.serving.plain import PlainFunctions
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

if TYPE_CHECKING:
    from collector_mesh.adapters.runtime.registry_types import RegistryTypes
    from collector_mesh.adapters.wire.descriptors import Descriptors
    from collector_mesh.domain.registry_door import RegistryDoor
    from collector_mesh.domain.routing.named_methods import NamedMethods


def make_names(settings: Settings) -> DnsNames:
    """Where names lead, as the DNS says."""
    return DnsNames(settings.dns_servers)


def make_transport(
    options: Options | ClientOptions,
    settings: Settings,
    clock: Clock,
    names: object,
    registry: "RegistryDoor | None" = None,
) -> Transport:
    """The way to other collectors: the one that was given, else gRPC."""
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
        gateway=listening is not None and listening.gateway,
        registry=registry,
        max_payload_bytes=settings.max_payload_bytes,
        keepalive_interval=settings.keepalive_interval,
        dial_timeout=settings.dial_timeout,
        # Another one may take its place, which knows of no names of hosts.
        host_name=names.origin if isinstance(names, DnsNames) else None,
        token=options.token,
    )


def make_trust(options: Options, settings: Settings) -> TrustDomain | None:
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


def make_strangers(options: Options, transport: Transport, trust: TrustDomain | None) -> StrangerRule:
    """Which peers are taken whom nobody here has dialed."""
    if not options.listen:
        return EVERYBODY
    is_mutual = options.tls is not None and options.tls.is_mutual
    return StrangerRule(
        only_local=_is_local(options, transport),
        # With a trust domain everybody has to prove who they are, over a transport of the user's too.
        allowed=is_mutual or trust is not None or options.accept_peers,
        is_local=transport.is_local,
    )


def make_times(settings: Settings) -> KeepingTimes:
    """How long things may take between peers."""
    return KeepingTimes(
        refresh=settings.refresh_interval, dial=make_dial_seconds(settings), expiry=settings.peer_expiry
    )


def make_descriptors(handlers: HandlerRegistry) -> "Descriptors":
    """The descriptors of what is mounted."""
    # Who mounts nothing, and shows nothing, does not need it.
    from collector_mesh.adapters.wire.descriptors import Descriptors

    return Descriptors(handlers)


def make_dial_seconds(settings: Settings) -> float:
    """How long a dial may take: once for an attempt to connect, and as long for the answer."""
    return 2 * settings.dial_timeout


def make_incarnation(dice: Randomness) -> str:
    """Another one for each start."""
    return dice.token()


def make_link_rules(options: Options | ClientOptions, settings: Settings) -> LinkRules:
    """How links are kept, and how many."""
    return LinkRules(
        max_links=settings.max_links,
        max_held_bytes=settings.max_held_bytes,
        max_payload_bytes=settings.max_payload_bytes,
        recover=settings.recover_seconds,
        batching=Batching(queue_bytes=settings.link_queue_bytes),
        heartbeats=Heartbeats(interval=settings.heartbeat_interval),
        labels=dict(options.labels) if isinstance(options, Options) else {},
        weight=options.weight if isinstance(options, Options) else 1,
    )


def make_log(clock: Clock) -> Observer:
    """The log, which nobody can flood."""
    return for_people(LoggingObserver(), clock)


def make_observer(options: Options, clock: Clock) -> Observer:
    """Who is told what happens: the one that was given, else the log."""
    return options.observer or make_log(clock)


def make_guarded(observer: Observer, collector_id: str, clock: Clock) -> Observer:
    """The observer, behind a guard, and told of what repeats now and then."""
    return Rationed(GuardedObserver(observer, collector_id, Rationed(make_log(clock), clock)), clock)


def make_authorizer(options: Options, failures: HookFailures) -> GuardedAuthorizer | None:
    """Who may call, behind a guard."""
    return None if options.authorizer is None else GuardedAuthorizer(options.authorizer, failures)


def make_validator(options: Options, plain: Callable[[], PlainFunctions]) -> AnyValidator | None:
    """Who is asked before each call that runs here, behind a guard."""
    return None if options.validator is None else AnyValidator(options.validator, plain)


def make_balancers(options: Options, observer: Callable[[], Observer]) -> Mapping[str, Balancer]:
    """The strategies, those that were given among them, behind guards."""

    def failed(name: str, error: BaseException) -> None:
        observer().tell(BalancerFailed(options.collector_id, name, error))

    own = {name: Guarded(name, balancer, failed) for name, balancer in options.balancers.items()}
    return {**BALANCERS, **own}


def make_concurrency_limit(
    options: Options,
    settings: Settings,
    key: str,
    clock: Clock,
    counts: Counts,
    observer: Observer,
    handlers: HandlerRegistry,
) -> ConcurrencyLimit:
    """How many calls there may be at once, of the kind that a setting counts."""

    def is_full(namespace: str) -> None:
        observer.tell(Shedding(options.collector_id, key, made.limit, namespace))

    made = ConcurrencyLimit(
        getattr(settings, key),
        namespace_limits(settings, key),
        now=clock.now,
        is_known=handlers.has_namespace,
        on_shed=counts.count_shed,
        on_full=is_full,
    )
    return made


def make_refusals(
    options: Options, settings: Settings, explainer: Explainer, clock: Clock, transport: Transport
) -> Refusals:
    """Why nobody could take a call, for those who may know."""
    exposes = settings.expose_routes
    if exposes is None:
        exposes = not options.listen or _is_local(options, transport)
    return Refusals(explainer, now=clock.now, exposes=exposes)


def _is_local(options: Options, transport: Transport) -> bool:
    try:
        return transport.is_local(options.listen)
    except InvalidCallError:  # whoever listens there says what is wrong with it
        return False


def make_named_methods(
    handlers: HandlerRegistry, topology: Topology, reachability: Reachability
) -> "NamedMethods":
    """Where somebody has a method, by the names of service and method."""
    # Not needed before a program calls that knows of no namespaces, here and below.
    from collector_mesh.domain.routing.named_methods import NamedMethods

    return NamedMethods(handlers, topology, reachability)


def make_reflecting(
    options: Options,
    handlers: HandlerRegistry,
    names: "NamedMethods",
    topology: Topology,
    reachability: Reachability,
    checks: CallChecks,
    dispatcher: Dispatching,
    clock: Clock,
    types: "RegistryTypes | None",
) -> Reflecting:
    """What shows which services can be called."""
    from collector_mesh.domain.calls.reflecting import Reflection

    collector_id = options.collector_id
    return Reflection(
        collector_id, handlers, names, topology, reachability, checks, dispatcher, clock=clock, types=types
    )


def make_placing(
    options: Options,
    settings: Settings,
    handlers: HandlerRegistry,
    names: "NamedMethods",
    topology: Topology,
    finder: Finder,
    waiting: WaitingCalls,
    checks: CallChecks,
    clock: Clock,
    policies: Policies,
) -> Placing:
    """Where calls are meant to go that name a service and a method only."""
    from collector_mesh.domain.calls.placing import Placer

    return Placer(
        options.collector_id,
        handlers,
        names,
        topology,
        finder,
        waiting,
        checks,
        clock=clock,
        policies=policies,
        default=settings.gateway_namespace,
    )


def make_waiting_rules(settings: Settings) -> WaitingRules:
    """How long calls wait for a peer that is dialed; half of those that may be under way may wait."""
    return WaitingRules(settings.wait_for_peer, max(1, settings.max_outgoing // 2))


def make_backoff(settings: Settings) -> Backoff:
    """How long to wait between two dials."""
    return Backoff(first=settings.reconnect_first, cap=settings.reconnect_cap)
