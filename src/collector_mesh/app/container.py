"""How the parts of one collector fit together: the one file that knows every implementation.

The containers are plain objects with a provider for each part. Those of the library load whatever they could be used
with that happens to be installed (FastAPI: 0.2 s and 14 MiB), and take more time to make than all that is in them.
"""

from threading import RLock

from dependency_injector import providers

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.memory import resident_bytes
from collector_mesh.adapters.runtime.pulled import PulledStream
from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.adapters.runtime.tasks import LoopTasks
from collector_mesh.app.access.making import make_access
from collector_mesh.app.hooks.guards import HookFailures
from collector_mesh.app.hooks.transport import GuardedTransport
from collector_mesh.app.keys.making import make_key_store, make_keyed_calls, make_own_store
from collector_mesh.app.making import (
    make_authorizer,
    make_backoff,
    make_balancers,
    make_concurrency_limit,
    make_descriptors,
    make_dial_seconds,
    make_guarded,
    make_incarnation,
    make_link_rules,
    make_log,
    make_named_methods,
    make_names,
    make_observer,
    make_placing,
    make_reflecting,
    make_refusals,
    make_times,
    make_transport,
    make_trust,
    make_validator,
    make_waiting_rules,
)
from collector_mesh.app.metrics.making import make_counting, make_metrics, make_numbers, side_of
from collector_mesh.app.options import ClientOptions, Options
from collector_mesh.app.overrides import policies_of
from collector_mesh.app.registry.making import make_registering, make_registry, make_registry_door, make_types
from collector_mesh.app.settings import Settings
from collector_mesh.app.surrounding import make_surrounded
from collector_mesh.app.tracing.making import (
    enter_of,
    make_access_log,
    make_calling,
    make_roots,
    make_span_watch,
    make_tracer,
    root_of,
)
from collector_mesh.app.watching import make_attempts, make_dispatching, make_executor, make_watch
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.calls.finding import Finder
from collector_mesh.domain.calls.keyed_loop import KeyedLoop
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.calls.served import ServedServices
from collector_mesh.domain.calls.waiting import WaitingCalls
from collector_mesh.domain.gateway import CollectorGateway
from collector_mesh.domain.inspection import Inspection
from collector_mesh.domain.link.pump import LinkPump
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.peers.greeter import Greeter
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.peers.named_addresses import addresses_in
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.policies.balancing import BALANCERS
from collector_mesh.domain.policies.key_places import KeyPlaces
from collector_mesh.domain.ports.transport import Transport
from collector_mesh.domain.readiness import Readiness
from collector_mesh.domain.reporting import Reporting
from collector_mesh.domain.routing.explainer import Explainer
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.serving.nested import NestedCalls
from collector_mesh.domain.serving.plain import PlainFunctions
from collector_mesh.domain.serving.question import ValidatorQuestion
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology


class CollectorContainer:
    """The parts of one collector. It builds them when asked and opens nothing; a test overrides one of them."""

    def __init__(self, options: Options, settings: Settings) -> None:  # noqa: PLR0915  # each part is one
        self.options, self.settings = providers.Object(options), providers.Object(settings)
        collector_id = options.collector_id

        self.clock = clock = providers.Singleton(LoopClock)
        self.dice = dice = providers.Singleton(SystemRandomness)
        self.observer = observer = providers.Singleton(make_observer, options, clock)
        # What is a user's is asked through a guard, wherever it comes from.
        self.numbers = numbers = providers.Singleton(make_numbers, options, self)
        self.guarded_observer = guarded_observer = providers.Singleton(
            make_counting, providers.Factory(make_guarded, observer, collector_id, clock), numbers
        )
        self.failures = failures = providers.Singleton(HookFailures, collector_id, guarded_observer)
        self.guarded_authorizer = guarded_authorizer = providers.Singleton(make_authorizer, options, failures)
        self.tasks = tasks = providers.Singleton(LoopTasks, clock, max_threads=settings.max_threads)
        self.names = names = providers.Singleton(make_names, settings)
        self.trust = trust = providers.Singleton(make_trust, options, settings)
        self.registry = registry = providers.Singleton(make_registry, options)
        self.access = access = providers.Singleton(
            make_access,
            options,
            guarded_authorizer,
            trust,
            self._its_transport,
        )
        registry_door = providers.Singleton(make_registry_door, registry, access.provider)
        self.transport = transport = providers.Singleton(
            make_transport, options, settings, clock, names, registry_door
        )
        self.guarded_transport = guarded_transport = providers.Singleton(
            GuardedTransport, transport, failures, clock
        )

        self.resident_bytes = providers.Callable(resident_bytes)
        self.pump = pump = providers.Singleton(LinkPump, clock, tasks, pushing=PulledStream)

        self.handlers = handlers = providers.Singleton(HandlerRegistry, lock=providers.Singleton(RLock))
        self.descriptors = providers.Singleton(make_descriptors, handlers)
        self.types = providers.Singleton(make_types, options, registry)
        self.registering = providers.Singleton(
            make_registering,
            options,
            handlers,
            self.descriptors.provider,
            tasks,
            clock,
            dice,
            guarded_observer,
        )
        self.balancers = balancers = providers.Singleton(make_balancers, options, guarded_observer.provider)
        self.policies = policies = providers.Singleton(policies_of, settings, balancers=balancers)
        self.counts = counts = providers.Singleton(Counts)
        self.topology = topology = providers.Singleton(Topology, policies, later=tasks.provided.when_idle)
        self.reachability = reachability = providers.Singleton(
            Reachability, collector_id, topology, policies, later=tasks.provided.when_idle
        )
        self.roster = roster = providers.Singleton(
            Roster,
            collector_id,
            handlers,
            topology,
            reachability,
            access=access,
            tasks=tasks,
            clock=clock,
            observer=guarded_observer,
        )
        self.reporting = providers.Singleton(
            Reporting,
            collector_id,
            counts,
            observer=guarded_observer,
            tasks=tasks,
            clock=clock,
            interval=settings.report_interval,
        )
        self.link_rules = link_rules = providers.Singleton(make_link_rules, options, settings)
        self.admission = admission = providers.Singleton(
            Admission,
            collector_id,
            providers.Callable(make_incarnation, dice),
            roster,
            transport=guarded_transport,
            access=access,
            clock=clock,
            probe=link_rules.provided.probe,
        )
        self.streams = streams = providers.Singleton(
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
            counts=counts,
        )
        self.running = running = providers.Singleton(
            make_concurrency_limit,
            options,
            settings,
            "max_running",
            clock,
            counts,
            guarded_observer,
            handlers,
        )
        self.outgoing = outgoing = providers.Singleton(
            make_concurrency_limit,
            options,
            settings,
            "max_outgoing",
            clock,
            counts,
            guarded_observer,
            handlers,
        )
        self.seats = seats = providers.Singleton(
            make_concurrency_limit,
            options,
            settings,
            "max_waiting",
            clock,
            counts,
            guarded_observer,
            handlers,
        )
        self.plain = plain = providers.Singleton(PlainFunctions, settings.max_threads, seats, tasks)
        self.nested = nested = providers.Singleton(NestedCalls, tasks)
        self.router = router = providers.Singleton(
            Router,
            topology,
            balancers=balancers,
            labels=options.labels,
            may_serve=roster.provided.may_serve,
        )
        self.explainer = explainer = providers.Singleton(Explainer, collector_id, handlers, topology, router)
        self.refusals = refusals = providers.Singleton(
            make_refusals, options, settings, explainer, clock, guarded_transport
        )
        self.checks = checks = providers.Singleton(
            CallChecks,
            collector_id,
            handlers,
            topology,
            policies,
            max_payload_bytes=settings.max_payload_bytes,
            access=access,
        )
        self.roots = roots = providers.Singleton(make_roots, options, settings, dice)
        self.tracer = tracer = providers.Singleton(make_tracer, options, collector_id, guarded_observer)
        # Apart from those who watch all calls: few are recorded, and the others are not to notice.
        self.spans = spans = providers.Singleton(make_span_watch, collector_id, tracer, roots)
        access_log = providers.Singleton(make_access_log, collector_id, settings, guarded_observer, dice)
        self.watch = watch = providers.Singleton(make_watch, access_log)
        self.key_store = key_store = providers.Singleton(make_key_store, options)
        keyed_calls = providers.Singleton(
            make_keyed_calls, options, settings, key_store, admission, tasks, clock, guarded_observer
        )
        self.executor = executor = providers.Singleton(
            make_executor,
            watch,
            spans,
            numbers,
            collector_id,
            handlers,
            enter=providers.Factory(enter_of, tracer),
            tasks=tasks,
            clock=clock,
            dice=dice,
            observer=guarded_observer,
            slots=running,
            plain=plain,
            nested=nested,
            max_payload_bytes=settings.max_payload_bytes,
            validator=providers.Factory(make_validator, options, plain.provider),
            expose_handler_errors=settings.expose_handler_errors,
            keys=keyed_calls.provider,
        )
        self.introducer = introducer = providers.Singleton(
            Introducer,
            collector_id,
            handlers,
            topology,
            roster,
            admission,
            transport=guarded_transport,
            clock=clock,
            ask_again=settings.peer_expiry,
        )
        self.keeping = keeping = providers.Singleton(
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
            names=names,
        )
        self.sender = sender = providers.Singleton(
            Sender,
            collector_id,
            router,
            keeping,
            tasks=tasks,
            clock=clock,
            dice=dice,
            policies=policies,
            counts=counts,
            attempts=providers.Factory(make_attempts, watch, spans, clock),
        )
        self.waiting = waiting = providers.Singleton(
            WaitingCalls,
            handlers,
            router,
            topology,
            keeping,
            clock=clock,
            rules=providers.Factory(make_waiting_rules, settings),
        )
        finder = providers.Singleton(Finder, checks, router, topology, keeping, refusals, waiting, dice)
        self.attempt_loop = attempt_loop = providers.Singleton(
            KeyedLoop,
            collector_id,
            checks,
            handlers,
            topology,
            finder,
            waiting,
            sender,
            executor,
            clock=clock,
            dice=dice,
            policies=policies,
            counts=counts,
            refusals=refusals,
            observer=guarded_observer,
            watch=providers.Factory(make_watch, watch, spans),
            router=router,
            places=providers.Factory(KeyPlaces, settings.key_seconds, settings.max_keys),
            own_store=providers.Factory(make_own_store, admission),
        )
        self.dispatcher = dispatcher = providers.Singleton(
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
            side=providers.Factory(side_of, numbers),
        )
        self.surrounded = surrounded = providers.Singleton(
            make_surrounded, options, settings, dispatcher, checks, tasks, clock, guarded_observer
        )
        self.dispatching = dispatching = providers.Singleton(
            make_dispatching, surrounded, watch, spans, clock
        )
        self.greeter = greeter = providers.Singleton(
            Greeter,
            collector_id,
            handlers,
            topology,
            roster,
            admission,
            transport=guarded_transport,
            clock=clock,
            dice=dice,
            retry_after=settings.peer_expiry,
        )
        self.question = question = providers.Singleton(
            ValidatorQuestion,
            collector_id,
            executor,
            tasks=tasks,
            clock=clock,
            slots=running,
            nested=nested,
        )
        self.inspection = inspection = providers.Singleton(
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
            plain=plain,
            access=access,
            question=question,
            counts=counts,
            rules=link_rules,
            resident_bytes=self.resident_bytes.provider,
        )
        self.metrics = providers.Singleton(
            make_metrics,
            options,
            numbers,
            tasks,
            clock,
            guarded_observer,
            counts,
            inspection,
            topology,
            keeping.provider,
            streams.provider,
            running=running,
            outgoing=outgoing,
            plain=plain,
        )
        self.readiness = providers.Singleton(Readiness, handlers, topology, router, keeping, clock=clock)
        named_methods = providers.Singleton(make_named_methods, handlers, topology, reachability)
        self.placing = placing = providers.Singleton(
            make_placing,
            options,
            settings,
            handlers,
            named_methods,
            topology,
            finder,
            waiting,
            checks,
            clock,
            policies,
        )
        reflecting = providers.Singleton(
            make_reflecting,
            options,
            handlers,
            named_methods,
            topology,
            reachability,
            checks,
            # The mesh's own questions are nobody's calls: no middleware sees them.
            providers.Factory(make_dispatching, dispatcher, watch, spans, clock),
            clock,
            self.types,
        )
        self.gateway = providers.Singleton(
            CollectorGateway,
            checks,
            dispatching,
            executor,
            greeter,
            streams,
            inspection,
            placing.provider,
            reflecting.provider,
            providers.Singleton(ServedServices, handlers, checks),
            collector_id=collector_id,
            clock=clock,
            policies=policies,
            observer=guarded_observer,
            root=providers.Factory(root_of, roots),
        )

    def _its_transport(self) -> Transport:
        """The way to other collectors, which may be replaced until it is asked for."""
        return self.guarded_transport()


class ClientContainer:
    """The parts of one client."""

    def __init__(self, options: ClientOptions, settings: Settings) -> None:
        self.options, self.settings = providers.Object(options), providers.Object(settings)
        self.clock = clock = providers.Singleton(LoopClock)
        self.names = names = providers.Singleton(make_names, settings)
        self.transport = transport = providers.Singleton(make_transport, options, settings, clock, names)
        observer = providers.Singleton(make_guarded, providers.Singleton(make_log, clock), "", clock)
        self.failures = failures = providers.Singleton(HookFailures, "", observer)
        self.guarded_transport = guarded_transport = providers.Singleton(
            GuardedTransport, transport, failures, clock
        )
        self.dice = dice = providers.Singleton(SystemRandomness)
        self.tasks = tasks = providers.Singleton(LoopTasks, clock, max_threads=settings.max_threads)
        self.pump = pump = providers.Singleton(LinkPump, clock, tasks, pushing=PulledStream)
        self.policies = policies = providers.Singleton(policies_of, settings, balancers=BALANCERS)
        self.addresses = addresses = providers.Singleton(
            addresses_in, options.address, names, now=clock.provided.now
        )
        self.roots = roots = providers.Singleton(make_roots, options, settings, dice)
        self.tracer = tracer = providers.Singleton(make_tracer, options, "", observer)
        watch = providers.Singleton(make_span_watch, "", tracer, roots)
        self.link = link = providers.Singleton(
            ClientLink,
            addresses,
            transport=guarded_transport,
            pump=pump,
            tasks=tasks,
            clock=clock,
            dice=dice,
            rules=providers.Factory(make_link_rules, options, settings),
            policies=policies,
            dial_timeout=providers.Factory(make_dial_seconds, settings),
            places=providers.Factory(KeyPlaces, settings.key_seconds, settings.max_keys),
        )
        self.calling = providers.Singleton(make_calling, link, watch, clock)
