"""How the parts of one collector fit together: the one file that knows every implementation."""

from threading import RLock

from dependency_injector import containers, providers

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.memory import resident_bytes
from collector_mesh.adapters.runtime.pulled import PulledStream
from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.adapters.runtime.tasks import LoopTasks
from collector_mesh.adapters.telemetry.logs import LoggingObserver
from collector_mesh.app.hooks.guards import HookFailures
from collector_mesh.app.hooks.transport import GuardedTransport
from collector_mesh.app.making import (
    make_authorizer,
    make_backoff,
    make_balancers,
    make_concurrency_limit,
    make_dial_seconds,
    make_guarded,
    make_incarnation,
    make_link_rules,
    make_observer,
    make_refusals,
    make_strangers,
    make_times,
    make_transport,
    make_trust,
    make_validator,
)
from collector_mesh.app.options import ClientOptions, Options
from collector_mesh.app.overrides import policies_of
from collector_mesh.app.settings import Settings
from collector_mesh.domain.calls.attempt_loop import AttemptLoop
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.gateway import CollectorGateway
from collector_mesh.domain.inspection import Inspection
from collector_mesh.domain.link.pump import LinkPump
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.peers.greeter import Greeter
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.policies.access import InspectionRule, ServingRule
from collector_mesh.domain.reporting import Reporting
from collector_mesh.domain.routing.explainer import Explainer
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology


class CollectorContainer(containers.DeclarativeContainer):
    """The parts of one collector. It builds them and opens nothing; a test overrides one of them."""

    options: providers.Dependency[Options] = providers.Dependency(instance_of=Options)
    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    # One provider for all who ask: each that stands here is copied for every collector that is made.
    collector_id = options.provided.collector_id

    clock = providers.Singleton(LoopClock)
    dice = providers.Singleton(SystemRandomness)
    observer = providers.Singleton(make_observer, options)
    # What is a user's is asked through a guard, wherever it comes from.
    guarded_observer = providers.Singleton(make_guarded, observer, collector_id, clock)
    failures = providers.Singleton(HookFailures, collector_id, guarded_observer)
    guarded_authorizer = providers.Singleton(make_authorizer, options, failures)
    tasks = providers.Singleton(LoopTasks, clock, max_threads=settings.provided.max_threads)
    transport = providers.Singleton(make_transport, options, settings, clock)
    guarded_transport = providers.Singleton(GuardedTransport, transport, failures, clock)

    pump = providers.Singleton(LinkPump, clock, tasks, pushing=PulledStream)

    handlers = providers.Singleton(HandlerRegistry, lock=providers.Singleton(RLock))
    balancers = providers.Singleton(make_balancers, options, guarded_observer.provider)
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
    link_rules = providers.Singleton(make_link_rules, options, settings)
    trust = providers.Singleton(make_trust, options, settings)
    admission = providers.Singleton(
        Admission,
        collector_id,
        providers.Callable(make_incarnation, dice),
        roster,
        transport=guarded_transport,
        strangers=providers.Factory(make_strangers, options, guarded_transport, trust),
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
        make_concurrency_limit, options, settings, "max_running", clock, counts, guarded_observer, handlers
    )
    outgoing = providers.Singleton(
        make_concurrency_limit, options, settings, "max_outgoing", clock, counts, guarded_observer, handlers
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
    refusals = providers.Singleton(make_refusals, options, settings, explainer, clock, guarded_transport)
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
        validator=providers.Factory(make_validator, options, tasks.provider),
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
        backoff=providers.Factory(make_backoff, settings),
        times=providers.Factory(make_times, settings),
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
    transport = providers.Singleton(make_transport, options, settings, clock)
    failures = providers.Singleton(
        HookFailures, "", providers.Singleton(make_guarded, providers.Singleton(LoggingObserver), "", clock)
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
        rules=providers.Factory(make_link_rules, options, settings),
        dial_timeout=providers.Factory(make_dial_seconds, settings),
    )
