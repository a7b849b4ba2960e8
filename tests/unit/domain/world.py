"""A domain of which everything outside is a fake."""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from collector_mesh.app.testing.fake_links import FakeLink, FakePump, FakeTransport
from collector_mesh.app.testing.fakes import FakeClock, FakeDice, FakeObserver, FakeTasks, run
from collector_mesh.domain.calls.attempt_loop import AttemptLoop
from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.calls.finding import Finder
from collector_mesh.domain.calls.placing import Placer
from collector_mesh.domain.calls.reflecting import Reflection
from collector_mesh.domain.calls.sender import Sender
from collector_mesh.domain.calls.served import ServedServices
from collector_mesh.domain.calls.waiting import WaitingCalls, WaitingRules
from collector_mesh.domain.gateway import CollectorGateway
from collector_mesh.domain.inspection import Inspection
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.snapshot import NO_LABELS, MethodInfo
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.admission import Admission
from collector_mesh.domain.peers.greeter import Greeter
from collector_mesh.domain.peers.introducer import Introducer
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.peers.streams import Streams
from collector_mesh.domain.peers.times import KeepingTimes
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.authorizer import Authorizer
from collector_mesh.domain.ports.frame_stream import NoLinkError
from collector_mesh.domain.reporting import Reporting
from collector_mesh.domain.routing.explainer import Explainer
from collector_mesh.domain.routing.named_methods import NamedMethods
from collector_mesh.domain.routing.refusals import Refusals
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method
from collector_mesh.domain.serving.nested import NestedCalls
from collector_mesh.domain.serving.plain import PlainFunctions
from collector_mesh.domain.serving.question import ValidatorQuestion
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

ECHO = MethodKey("users", "UserService", "Echo")
THERE = MethodKey("orders", "OrderService", "CreateOrder")
MAX_PAYLOAD = 1000


class Linkless(Streams):
    """Links in a mesh where nobody else has any."""

    async def dial(self, address: str, *, timeout: float, is_patient: bool = False) -> Connection:
        """See `Streams`."""
        _ = timeout, is_patient
        raise NoLinkError(f"{address} has no links")


class World:
    """A collector called `self` in the namespaces users and orders, with an Echo method."""

    def __init__(
        self,
        policies: Policies | None = None,
        *,
        authorizer: Authorizer | None = None,
        access: AccessPolicy | None = None,
        transport: FakeTransport | None = None,
        wait_for_peer: float = 0.0,
        most_waiting: int = 4,
        gateway_namespace: str = "",
    ) -> None:
        access = access or AccessPolicy(None if authorizer is None else OfCallers(authorizer))
        self.policies = policies or Policies()
        self.counts = Counts()
        self.clock = FakeClock()
        self.dice = FakeDice()
        self.tasks = FakeTasks()
        self.observer = FakeObserver()
        self.transport = transport or FakeTransport()
        self.handlers = HandlerRegistry(["users", "orders"])
        self.topology = Topology(self.policies)
        self.running = self.limit(2)
        self.outgoing = self.limit(2)
        self.plain = PlainFunctions(2, self.limit(2), self.tasks)
        self.executor = Executor(
            "self",
            self.handlers,
            tasks=self.tasks,
            clock=self.clock,
            dice=self.dice,
            observer=self.observer,
            slots=self.running,
            plain=self.plain,
            nested=NestedCalls(self.tasks),
            max_payload_bytes=MAX_PAYLOAD,
        )
        self.reachability = Reachability("self", self.topology, self.policies)
        self.roster = Roster(
            "self",
            self.handlers,
            self.topology,
            self.reachability,
            access=access,
            tasks=self.tasks,
            clock=self.clock,
            observer=self.observer,
        )
        self.reporting = Reporting(
            "self", self.counts, observer=self.observer, tasks=self.tasks, clock=self.clock, interval=60.0
        )
        self.topology.on_turn = self.reporting.breaker_turned
        self.admission = Admission(
            "self",
            "this start",
            self.roster,
            transport=self.transport,
            access=access,
            clock=self.clock,
            probe=1.0,
        )
        self.streams = Linkless(
            "self",
            self.handlers,
            self.roster,
            self.admission,
            self.reachability,
            transport=self.transport,
            pump=FakePump(),
            tasks=self.tasks,
            clock=self.clock,
            dice=self.dice,
            rules=LinkRules(),
        )
        self.introducer = Introducer(
            "self",
            self.handlers,
            self.topology,
            self.roster,
            self.admission,
            transport=self.transport,
            clock=self.clock,
            ask_again=60.0,
        )
        self.keeping = Keeping(
            "self",
            self.topology,
            self.roster,
            self.admission,
            self.streams,
            self.introducer,
            transport=self.transport,
            tasks=self.tasks,
            clock=self.clock,
            dice=self.dice,
            backoff=Backoff(),
            times=KeepingTimes(),
        )
        self.admission.address = "self:1"
        self.router = Router(self.topology, may_serve=self.roster.may_serve)
        self.explainer = Explainer("self", self.handlers, self.topology, self.router)
        self.refusals = Refusals(self.explainer, now=self.clock.now, exposes=True)
        self.checks = CallChecks(
            "self",
            self.handlers,
            self.topology,
            self.policies,
            max_payload_bytes=MAX_PAYLOAD,
            access=access,
        )
        self.sender = Sender(
            "self",
            self.router,
            self.keeping,
            tasks=self.tasks,
            clock=self.clock,
            dice=self.dice,
            policies=self.policies,
            counts=self.counts,
        )
        self.waiting = WaitingCalls(
            self.handlers,
            self.router,
            self.topology,
            self.keeping,
            clock=self.clock,
            rules=WaitingRules(wait_for_peer, most=most_waiting),
        )
        self.finder = Finder(
            self.checks, self.router, self.topology, self.keeping, self.refusals, self.waiting, self.dice
        )
        self.loop = AttemptLoop(
            "self",
            self.checks,
            self.handlers,
            self.topology,
            self.finder,
            self.waiting,
            self.sender,
            self.executor,
            clock=self.clock,
            dice=self.dice,
            policies=self.policies,
            counts=self.counts,
            refusals=self.refusals,
            observer=self.observer,
        )
        self.dispatcher = Dispatcher(
            "self",
            self.checks,
            self.executor,
            self.router,
            self.sender,
            self.loop,
            tasks=self.tasks,
            clock=self.clock,
            dice=self.dice,
            slots=self.outgoing,
            counts=self.counts,
        )
        self.greeter = Greeter(
            "self",
            self.handlers,
            self.topology,
            self.roster,
            self.admission,
            transport=self.transport,
            clock=self.clock,
            dice=self.dice,
            retry_after=60.0,
        )
        self.inspection = Inspection(
            "self",
            self.handlers,
            self.topology,
            self.explainer,
            lambda: self.keeping,
            lambda: self.streams,
            clock=self.clock,
            running=self.running,
            outgoing=self.outgoing,
            plain=self.plain,
            access=access,
            question=ValidatorQuestion(
                "self",
                self.executor,
                tasks=self.tasks,
                clock=self.clock,
                slots=self.running,
                nested=NestedCalls(self.tasks),
            ),
            counts=self.counts,
            rules=LinkRules(),
        )
        self.names = NamedMethods(self.handlers, self.topology, self.reachability)
        self.placing = Placer(
            "self",
            self.handlers,
            self.names,
            self.topology,
            self.finder,
            self.waiting,
            self.checks,
            clock=self.clock,
            policies=self.policies,
            default=gateway_namespace,
        )
        self.reflection = Reflection(
            "self",
            self.handlers,
            self.names,
            self.topology,
            self.reachability,
            self.checks,
            self.dispatcher,
            clock=self.clock,
        )
        self.gateway = CollectorGateway(
            self.checks,
            self.dispatcher,
            self.executor,
            self.greeter,
            self.streams,
            self.inspection,
            lambda: self.placing,
            lambda: self.reflection,
            ServedServices(self.handlers, self.checks),
            collector_id="self",
            clock=self.clock,
            policies=self.policies,
            observer=self.observer,
        )
        self.method(ECHO, echo)

    def limit(self, limit: int) -> ConcurrencyLimit:
        """A limit that all namespaces share."""
        return ConcurrencyLimit(
            limit,
            lambda _: None,
            now=self.clock.now,
            is_known=self.handlers.has_namespace,
            on_shed=self.counts.count_shed,
        )

    def method(self, key: MethodKey, function: Any, **options: Any) -> None:
        """Register a handler."""
        self.handlers.register(Method(key, function, **options), replace=True)

    def peer(
        self,
        peer_id: str,
        *shared: str,
        dialed: bool = False,
        methods: tuple[MethodInfo, ...] | None = None,
        labels: Mapping[str, str] = NO_LABELS,
        weight: int = 1,
        has_answered: bool = True,
        key_store: str = "",
        **link: Any,
    ) -> FakeLink:
        """Add a connection to a peer that shares some namespaces, orders if none is named."""
        made = FakeLink(f"{peer_id}:1", **link)
        way = self.roster.way_over(made)
        way.peer_id = peer_id
        way.has_answered = has_answered
        if dialed:
            self.roster.want(peer_id, made.address)
        self.topology.put(
            Connection(
                peer_id,
                made.address,
                f"connection to {peer_id}",
                shared or ("orders",),
                way,
                dialed=dialed,
                last_news=self.clock.now(),
                since=self.clock.now(),
                methods=methods,
                labels=labels,
                weight=weight,
                key_store=key_store,
            )
        )
        return made

    def replica(self, peer_id: str, *, idempotent: bool = True, **options: Any) -> FakeLink:
        """Add a peer that says that it has the method THERE."""
        return self.peer(peer_id, methods=(MethodInfo(THERE, "unary", idempotent),), **options)

    def dispatch(self, key: MethodKey, payload: Payload = Payload(), **options: Any) -> Reply:  # noqa: B008
        """Dispatch a call."""
        return run(self.dispatcher.dispatch(Call(key, payload, **options)))

    def serve(self, key: MethodKey, payload: Payload = Payload(), **options: Any) -> Reply:  # noqa: B008
        """Serve a call from outside."""
        origin = Origin.PEER if options.get("caller") else Origin.CLIENT
        return run(self.serve_call(Call(key, payload, origin=origin, **options)))

    async def serve_call(self, call: Call) -> Reply:
        """Check a call and run it here."""
        try:
            self.checks.check(call, Mode.SERVE)
        except MeshError as error:
            return Reply.refused(error)
        return await self.executor.run(call)


async def echo(request: object, _context: CallContext) -> object:
    """Give the request back."""
    return request


@attrs.frozen
class OfCallers:
    """An authorizer that is about callers alone."""

    authorizer: Authorizer
    decides_serving: ClassVar[bool] = False

    def may_use(self, identity: Identity | None, namespace: str, /) -> bool:
        """See the port."""
        return self.authorizer.may_use(identity, namespace)

    def may_serve(self, _identity: Identity | None, _collector_id: str, _namespace: str, /) -> bool:
        """See the port."""
        return True


@attrs.define
class Denying:
    """An authorizer that lets one identity use everything and the others nothing."""

    allowed: str

    decides_serving: ClassVar[bool] = False

    def may_use(self, identity: Identity | None, _namespace: str, /) -> bool:
        """See the port."""
        return str(identity) == self.allowed

    def may_serve(self, _identity: Identity | None, _collector_id: str, _namespace: str, /) -> bool:
        """See the port."""
        return True
