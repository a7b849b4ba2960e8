"""What transports bring to a collector goes to the part that it is for."""

import attrs
import pytest
from tests.unit.domain.world import ECHO, MAX_PAYLOAD, THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.gateway import CollectorGateway
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import Executed, HandlerError
from collector_mesh.domain.model.events import LimitReached, ListenerLost
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.access_rules import AccessRules
from collector_mesh.domain.policies.access_tokens import Tokens

NOBODY_HAS = MethodKey("orders", "OrderService", "Vanish")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MADE = bytes(range(25))
EMPTY = Payload()
SECRET = "of-the-build-0123456789"


def forward(world: World, key: MethodKey, *, timeout: float | None = None, target: str = "") -> Reply:
    return run(
        world.gateway.forward(
            key,
            Payload("x", b"y"),
            timeout=timeout,
            target=target,
            metadata=[("a", "1")],
            identity=None,
            address="1.1.1.1:1",
        )
    )


def traced(world: World) -> CollectorGateway:
    """The gateway of a collector where somebody reads traces."""
    gateway = world.gateway
    gateway._root = lambda: MADE
    return gateway


@attrs.define
class Traces:
    """A handler that takes down the trace contexts of its calls."""

    seen: list[str] = attrs.field(factory=list)

    async def __call__(self, request: object, context: CallContext) -> object:
        self.seen.append(context.traceparent)
        return request


# ---- readiness, events -------------------------------------------------------------------------------


def test_who_asks_whether_it_is_ready_hears_so_once_and_at_once_where_it_is(world: World) -> None:
    told: list[str] = []
    world.gateway.is_ready = False
    world.gateway.on_ready(lambda: told.append("early"))
    assert told == []

    world.gateway.ready()
    world.gateway.on_ready(lambda: told.append("late"))
    world.gateway.ready()

    assert told == ["early", "late"]
    assert world.gateway.is_ready


def test_that_nobody_can_connect_anymore_is_told_to_the_log_and_to_whoever_runs_the_collector(
    world: World,
) -> None:
    reasons: list[str] = []
    world.gateway.on_unreachable = reasons.append

    world.gateway.unreachable("self:1", "the socket is closed")

    assert reasons == ["the socket is closed"]
    assert world.observer.events == [ListenerLost("self", "self:1", "the socket is closed")]


def test_events_of_transports_go_to_the_log(world: World) -> None:
    event = ListenerLost("self", "self:1", "gone")

    world.gateway.tell(event)

    assert world.observer.events == [event]


def test_each_part_of_the_collector_is_the_same_each_time(world: World) -> None:
    gateway = world.gateway

    assert gateway.inspector is world.inspection
    assert gateway.placing is gateway.placing is world.placing
    assert gateway.reflecting is gateway.reflecting is world.reflection
    assert gateway.served is gateway.served


def test_a_connect_without_a_link_is_answered_by_the_one_who_greets(world: World) -> None:
    welcome = run(world.gateway.connect(Offer("a", "a:1", ("orders",))))

    assert welcome.status.code == 200
    assert world.topology.get("a") is not None


# ---- who it is ---------------------------------------------------------------------------------------


def test_headers_are_looked_at_for_tokens_only_where_there_are_some() -> None:
    access = AccessPolicy()
    world = World(access=access)
    headers = (("authorization", f"Bearer {SECRET}"), ("a", "1"))
    certificate = Identity(dns_names=("a.example.org",))

    before = world.gateway.identify(certificate, headers)
    access.replace(AccessRules((), tokens=Tokens.of({"ci": SECRET}, b"k" * 16)))
    identity, left = world.gateway.identify(certificate, headers)

    assert before == (certificate, headers)
    assert identity is not None
    assert (identity.token, identity.dns_names) == ("ci", certificate.dns_names)
    assert left == (("a", "1"),)


# ---- calls over links --------------------------------------------------------------------------------


class Taken(TakenCall):
    """A call that has come over a link: to be run here by the peer `a`, else by a client; its replies are kept."""

    def __init__(self, key: MethodKey, mode: Mode, payload: Payload = EMPTY, trace: bytes = b"") -> None:
        is_of_peer = mode is Mode.SERVE
        self.call = Call(
            key,
            payload,
            1010.0,
            origin=Origin.PEER if is_of_peer else Origin.CLIENT,
            caller="a" if is_of_peer else "",
            trace=trace,
        )
        self.mode = mode
        self.work = None
        self.codes: list[int] = []

    def answer(self, reply: Reply) -> None:
        self.codes.append(reply.status.code)


def taken(gateway: CollectorGateway, call: Taken) -> list[int]:
    gateway.take(call)
    return call.codes


def test_a_call_over_a_link_is_dispatched_or_run_here_as_it_says(world: World) -> None:
    there = world.peer("a", "orders", "users")

    dispatched = taken(world.gateway, Taken(THERE, Mode.DISPATCH))
    world.tasks.step()
    served = taken(world.gateway, Taken(THERE, Mode.SERVE))
    here = [taken(world.gateway, Taken(ECHO, mode)) for mode in (Mode.SERVE, Mode.DISPATCH)]

    assert (dispatched, served, here) == ([200], [404], [[200], [200]])
    assert len(there.calls) == 1


def test_a_call_over_a_link_that_is_too_large_is_refused_and_not_run(world: World) -> None:
    handler = Traces()
    world.method(ECHO, handler)
    world.peer("a", "users")

    refused = taken(world.gateway, Taken(ECHO, Mode.SERVE, Payload("x", bytes(MAX_PAYLOAD + 1))))

    assert refused == [413]
    assert handler.seen == []


def test_a_call_over_a_link_has_a_trace_of_its_own_where_somebody_reads_it_and_it_came_without(
    world: World,
) -> None:
    with_one = Taken(ECHO, Mode.SERVE, trace=b"t" * 25)
    without, unread = Taken(ECHO, Mode.SERVE), Taken(ECHO, Mode.SERVE)

    world.gateway.take(unread)
    assert unread.call.trace == b""
    traced(world).take(with_one)
    traced(world).take(without)

    assert with_one.call.trace == b"t" * 25
    assert without.call.trace == MADE


# ---- calls without links -----------------------------------------------------------------------------


def test_requests_that_hold_too_much_are_refused_before_they_run_and_that_is_told(world: World) -> None:
    world.streams.holdings.budget = 10
    big = Payload("x", bytes(500))
    world.replica("a")

    replies = [
        run(ask(key, big, address="1.1.1.1:1"))
        for ask, key in ((world.gateway.serve, ECHO), (world.gateway.dispatch, THERE))
    ]

    assert [(reply.status.code, reply.executed) for reply in replies] == [(429, Executed.NO)] * 2
    told = [event for event in world.observer.events if isinstance(event, LimitReached)]
    assert [(event.limit, event.address) for event in told] == [("max_held_bytes", "1.1.1.1:1")] * 2


def test_what_a_request_holds_is_given_back_when_it_is_answered(world: World) -> None:
    world.replica("a")
    before = world.streams.holdings.held_bytes

    for _ in range(3):
        run(world.gateway.serve(ECHO, Payload("x", bytes(500)), address="1.1.1.1:1"))
        run(world.gateway.dispatch(THERE, Payload("x", bytes(500)), address="1.1.1.1:1"))

    assert world.streams.holdings.held_bytes == before


def test_a_key_comes_along_with_a_request(world: World) -> None:
    there = world.replica("a")

    run(world.gateway.dispatch(THERE, Payload(), idempotency_key="k"))
    run(world.gateway.dispatch(THERE, Payload()))

    assert [call.idempotency_key for call in there.calls] == ["k", ""]


def test_the_trace_of_a_request_is_what_its_headers_say_or_a_new_one_where_somebody_reads_it(
    world: World,
) -> None:
    handler = Traces()
    world.method(ECHO, handler)

    run(world.gateway.serve(ECHO, Payload(), metadata=[("traceparent", PARENT)]))
    run(world.gateway.serve(ECHO, Payload()))
    run(traced(world).serve(ECHO, Payload(), metadata=[("traceparent", PARENT)]))
    run(traced(world).serve(ECHO, Payload()))
    run(traced(world).dispatch(ECHO, Payload()))

    made = f"00-{MADE[:16].hex()}-{MADE[16:24].hex()}-{MADE[24] & 1:02x}"
    assert [one[:52] for one in handler.seen] == [one[:52] for one in (PARENT, "", PARENT, made, made)]


# ---- calls that name nothing but a method ------------------------------------------------------------


def test_what_is_forwarded_and_runs_is_answered_as_it_is(world: World) -> None:
    reply = forward(world, ECHO)

    assert (reply.status, reply.payload) == (OK, Payload("x", b"y"))


def test_an_error_of_a_handler_is_forwarded_as_it_is(world: World) -> None:
    async def fail(_request: object, _context: CallContext) -> object:
        raise HandlerError("no")

    world.method(ECHO, fail)

    reply = forward(world, ECHO)

    assert (reply.status.code, reply.status.message) == (500, "handler error: no")


def test_where_nobody_has_a_method_the_method_is_named(world: World) -> None:
    assert "'OrderService.Vanish'" in forward(world, NOBODY_HAS).status.message


@pytest.mark.parametrize("target", ["", "nobody"])
def test_a_message_that_names_a_method_or_a_target_already_gets_no_more_words(
    world: World, target: str
) -> None:
    message = forward(world, NOBODY_HAS, target=target).status.message

    assert message.count("OrderService.Vanish") == (0 if target else 1)


def test_where_a_call_has_no_deadline_of_its_own_it_is_told_which_one_it_has_missed(world: World) -> None:
    late = Status(504, "deadline exceeded")
    world.replica("a", answer=lambda _call: Reply(late))

    given, not_given = forward(world, THERE, timeout=2.0), forward(world, THERE)

    assert given.status.message == "deadline exceeded"
    assert not_given.status.message == (
        "deadline exceeded: the call has no deadline of its own, and 15 s is the default"
    )
