import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.domain.world import ECHO, MAX_PAYLOAD, Denying, World, echo

from collector_mesh.adapters.wire.grpc_codes import chosen_error, grpc_status_of
from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    DuplicateMethodError,
    Executed,
    InvalidCallError,
    MeshError,
    NotFoundError,
    OutcomeUnknownError,
    OverloadedError,
    nested_error,
)
from collector_mesh.domain.model.events import HandlerFailed
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.serving.allow_list import AllowedMethods
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.domain.serving.failures import HandlerFailures
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method
from collector_mesh.domain.serving.nested import NestedCalls


def outcome(reply: Reply) -> tuple[int, str, Executed, str]:
    return reply.status.code, reply.status.message, reply.executed, reply.handled_by


def test_a_handler_is_run_and_named(world: World) -> None:
    reply = world.serve(ECHO, Payload("x", b"y"))

    assert outcome(reply) == (200, "OK", Executed.YES, "self")
    assert reply.payload == Payload("x", b"y")


def test_fields_are_checked_before_the_namespace(world: World) -> None:
    assert outcome(world.serve(MethodKey("", "", "")))[:2] == (400, "namespace is required")
    assert outcome(world.serve(MethodKey("stock", "", "x")))[:2] == (400, "service is required")


def test_a_foreign_namespace_and_a_missing_method_are_not_found(world: World) -> None:
    foreign = world.serve(MethodKey("stock", "StockService", "Count"))
    missing = world.serve(MethodKey("users", "UserService", "Missing"))

    assert outcome(foreign) == (404, "namespace 'stock' not found", Executed.NO, "")
    assert missing.status.message == "method 'UserService.Missing' not found in namespace 'users'"


def test_over_a_link_the_namespace_must_be_shared(world: World) -> None:
    world.peer("a", "users")
    world.peer("b", "orders")

    assert world.serve(ECHO, caller="a").status.code == 200
    assert outcome(world.serve(ECHO, caller="b")) == (
        403,
        "namespace 'users' is not shared with 'b'",
        Executed.NO,
        "",
    )
    assert outcome(world.serve(ECHO, caller="stranger"))[:2] == (503, "'stranger' is no longer connected")


def test_the_authorizer_decides_who_may_use_a_namespace() -> None:
    world = World(authorizer=Denying("spiffe://friend"))

    friend = world.serve(ECHO, identity=Identity(uris=("spiffe://friend",)))
    foe = world.serve(ECHO, identity=Identity(uris=("spiffe://foe",)))
    nobody = world.serve(ECHO)

    assert friend.status.code == 200
    assert outcome(foe)[:2] == (403, "'spiffe://foe' may not use namespace 'users'")
    assert outcome(nobody)[:2] == (403, "an unknown caller may not use namespace 'users'")


def test_a_payload_over_the_limit_is_refused(world: World) -> None:
    assert world.serve(ECHO, Payload("x", bytes(MAX_PAYLOAD))).status.code == 200
    assert world.serve(ECHO, Payload("x", bytes(MAX_PAYLOAD + 1))).status.code == 413


def test_a_result_over_the_limit_is_the_handlers_fault(world: World) -> None:
    async def big(_request: object, _context: CallContext) -> Payload:
        return Payload("x", bytes(MAX_PAYLOAD + 1))

    world.method(ECHO, big)

    reply = world.serve(ECHO)
    assert (reply.status.code, reply.executed) == (500, Executed.YES)
    assert "result of 1001 bytes is over the limit of 1000 bytes" in reply.status.message


def test_what_is_over_the_limit_of_running_calls_is_shed(world: World) -> None:
    world.running.taken = world.running.limit

    reply = world.serve(ECHO)

    assert outcome(reply) == (429, "overloaded", Executed.NO, "")
    assert reply.status.details["retry_after_ms"] == "100"


def test_a_slot_is_free_again_however_a_call_ends(world: World) -> None:
    world.tasks.error = DeadlineExceededError("deadline exceeded")
    world.serve(ECHO)
    world.tasks.error = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        world.serve(ECHO)

    assert world.running.taken == 0


def test_a_call_whose_time_is_up_is_not_run(world: World) -> None:
    reply = world.serve(ECHO, deadline=world.clock.now())

    assert outcome(reply) == (504, "deadline exceeded", Executed.NO, "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeadlineExceededError("deadline exceeded"), 504),
        (OutcomeUnknownError("outcome unknown: drained"), 503),
    ],
)
def test_a_call_that_ends_before_its_handler_began_was_not_run(
    world: World, error: MeshError, code: int
) -> None:
    world.tasks.error = error

    reply = world.serve(ECHO)

    assert (reply.status.code, reply.executed) == (code, Executed.NO)


def test_while_draining_only_calls_of_this_collector_are_taken(world: World) -> None:
    world.checks.is_draining = True

    assert outcome(world.serve(ECHO)) == (503, "collector 'self' is draining", Executed.NO, "")
    assert world.dispatch(ECHO).status.code == 200
    assert world.dispatch(ECHO, origin=Origin.CLIENT).status.code == 503


class OddError(Exception):
    """An exception that has no text."""

    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no stock"), "handler error: no stock"),
        (KeyError(), "handler error: KeyError"),
        (SystemExit(3), "handler error: SystemExit: 3"),
        (KeyboardInterrupt(), "handler error: KeyboardInterrupt"),
        (GeneratorExit(), "handler error: GeneratorExit"),
        (OddError(), "handler error: OddError"),
        (ValueError("\ud800"), "handler error: \\ud800"),
    ],
)
@pytest.mark.parametrize("blocking", [False, True])
def test_whatever_a_handler_raises_is_a_500(
    world: World, error: BaseException, text: str, blocking: bool
) -> None:
    def plain(_request: object, _context: CallContext) -> None:
        raise error

    async def fail(_request: object, _context: CallContext) -> None:
        raise error

    world.method(ECHO, plain if blocking else fail, blocking=blocking)

    assert outcome(world.serve(ECHO)) == (500, text, Executed.YES, "self")
    assert [event.error for event in world.observer.events if isinstance(event, HandlerFailed)] == [error]


def test_a_cancellation_from_outside_goes_through(world: World) -> None:
    class Cancelled(BaseException):
        pass

    async def fail(_request: object, _context: CallContext) -> None:
        raise Cancelled

    world.method(ECHO, fail)
    world.tasks.is_cancelling = True

    with pytest.raises(Cancelled):
        world.serve(ECHO)


def test_handler_errors_can_be_hidden_behind_an_id(world: World) -> None:
    async def fail(_request: object, _context: CallContext) -> None:
        raise ValueError("the password is 1234")

    world.method(ECHO, fail)
    hiding = Executor(
        "self",
        world.handlers,
        tasks=world.tasks,
        clock=world.clock,
        dice=world.dice,
        observer=world.observer,
        slots=world.running,
        plain=world.plain,
        nested=NestedCalls(world.tasks),
        max_payload_bytes=MAX_PAYLOAD,
        expose_handler_errors=False,
    )
    reply = run(hiding.run(Call(ECHO)))

    (event,) = world.observer.of(HandlerFailed)
    assert isinstance(event, HandlerFailed)
    assert reply.status.message == f"handler error: {event.correlation_id}"


def test_what_a_handler_chose_is_not_hidden_and_what_it_did_not_choose_is(world: World) -> None:
    async def choose(request: Payload, context: CallContext) -> None:
        context.set_trailing_metadata({"why": "because"})
        if request.value == b"nested":
            raise nested_error(chosen_error(5, "the password is 1234"), "a/B/C", "b")
        raise chosen_error(9, "too early")

    world.method(ECHO, choose)
    executor = world.executor
    executor._failures = HandlerFailures("self", world.dice, world.observer, expose=False)
    chosen = run(executor.run(Call(ECHO)))
    nested = run(executor.run(Call(ECHO, Payload("", b"nested"))))

    assert grpc_status_of(chosen) == (9, "too early", (("why", "because"),))
    (event,) = world.observer.of(HandlerFailed)
    assert isinstance(event, HandlerFailed)
    assert grpc_status_of(nested) == (2, f"handler error: {event.correlation_id}", (("why", "because"),))
    assert dict(nested.status.details) == {}


def test_a_mesh_error_of_a_handler_keeps_its_code_and_is_no_news(world: World) -> None:
    async def refuse(_request: object, _context: CallContext) -> None:
        raise NotFoundError("there is no such user", handled_by="elsewhere")

    world.method(ECHO, refuse)

    assert outcome(world.serve(ECHO)) == (404, "there is no such user", Executed.YES, "self")
    assert world.observer.events == []


def test_a_result_that_cannot_be_sent_is_a_500(world: World) -> None:
    async def several(_request: object, _context: CallContext) -> tuple[int, ...]:
        return 7, 8

    world.method(ECHO, several)

    assert "expected a protobuf message, a Payload or None, got tuple" in world.serve(ECHO).status.message


def test_a_payload_that_cannot_be_read_keeps_the_handler_from_running(world: World) -> None:
    ran: list[object] = []

    async def take(request: object, _context: CallContext) -> None:
        ran.append(request)

    def read(_payload: Payload) -> object:
        raise InvalidCallError("payload is wrong")

    world.method(ECHO, take, read=read)

    assert outcome(world.serve(ECHO)) == (400, "payload is wrong", Executed.NO, "")
    assert ran == []


def test_without_a_thread_a_plain_handler_is_not_run(world: World) -> None:
    world.tasks.thread_error = OverloadedError.after(0.1)
    world.method(ECHO, lambda _r, _c: None, blocking=True)

    assert outcome(world.serve(ECHO)) == (429, "overloaded", Executed.NO, "")


def test_the_validator_is_asked_before_the_look_up(world: World) -> None:
    world.executor.validator = AllowedMethods(["users/UserService.Missing"])

    assert world.serve(ECHO).status.message.startswith(
        "service not registered in registry: users/UserService.Echo"
    )
    assert world.serve(MethodKey("users", "UserService", "Missing")).status.message.startswith("method ")
    world.executor.validator = None
    assert world.serve(ECHO).status.code == 200


class Tardy:
    """A validator that takes its time, whatever it is told meanwhile."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock

    async def validate_service_method(self, _namespace: str, _service: str, _method: str, /) -> None:
        """Allow it, too late."""
        self._clock.time += 1.0


@pytest.mark.parametrize("blocking", [False, True])
def test_a_handler_is_not_begun_where_the_time_was_up_while_the_validator_was_asked(
    world: World, blocking: bool
) -> None:
    ran = []

    def handler(_request: object, _context: CallContext) -> Payload:
        ran.append(ECHO)
        return Payload()

    world.method(ECHO, handler, blocking=blocking)
    world.executor.validator = Tardy(world)

    reply = world.serve(ECHO, deadline=world.clock.now() + 0.5)

    assert outcome(reply) == (504, "deadline exceeded", Executed.NO, "")
    assert ran == []


class Interrupting:
    """A validator that raises what is no Exception."""

    async def validate_service_method(self, *_names: str) -> None:
        raise SystemExit(5)


def test_a_validator_that_goes_wild_refuses(world: World) -> None:
    world.executor.validator = Interrupting()

    refused = (404, "service not registered in registry: SystemExit: 5 (collector 'self')", Executed.NO)
    assert outcome(world.serve(ECHO))[:3] == refused
    world.tasks.is_cancelling = True
    assert outcome(world.serve(ECHO))[0] == 404


def test_a_handler_knows_the_call_that_it_runs_for(world: World) -> None:
    seen: list[CallContext | None] = []

    async def look(_request: object, context: CallContext) -> None:
        seen.append(CURRENT.get())
        seen.append(context)

    world.method(ECHO, look)
    world.serve(ECHO, metadata=(("a", "b"),))

    assert seen[0] is seen[1]
    assert seen[1] is not None
    assert (seen[1].collector_id, seen[1].metadata) == ("self", (("a", "b"),))


def test_a_method_is_registered_once_unless_it_is_to_be_replaced() -> None:
    handlers = HandlerRegistry(["users"])
    handlers.register(Method(ECHO, echo))

    with pytest.raises(
        DuplicateMethodError, match=r"users/UserService\.Echo is registered already"
    ) as raised:
        handlers.register(Method(ECHO, echo))

    assert isinstance(raised.value, ValueError)
    handlers.register(Method(ECHO, echo, idempotent=True), replace=True)
    assert [method.info.key for method in handlers.methods] == [ECHO]


def test_a_method_needs_a_namespace_of_the_collector() -> None:
    with pytest.raises(NotFoundError, match="'users' is not one of this collector: it has orders, stock"):
        HandlerRegistry(["orders", "stock"]).register(Method(ECHO, echo))
    with pytest.raises(InvalidCallError, match="namespace must match"):
        HandlerRegistry(["or ders"])


class Typed:
    """A validator that knows what each method takes, and has its answers at hand or not."""

    def __init__(self, takes: str, *, ready: bool) -> None:
        self.allowed = Allowed(takes)
        self.asked = 0
        if ready:
            self.at_hand = lambda key: self.allowed if key.method != "Missing" else None

    async def validate_service_method(self, *_names: str) -> Allowed:
        self.asked += 1
        return self.allowed


@pytest.mark.parametrize("ready", [True, False])
def test_a_payload_of_another_type_does_not_reach_the_handler(world: World, ready: bool) -> None:
    world.executor.validator = Typed("n.Wanted", ready=ready)

    reply = world.serve(ECHO, Payload("type.googleapis.com/n.Other"))

    said = "payload is a 'type.googleapis.com/n.Other', expected 'type.googleapis.com/n.Wanted'"
    assert outcome(reply) == (400, said, Executed.NO, "")


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize(
    "type_url", ["type.googleapis.com/n.Wanted", "x.org/n.Wanted", "type.googleapis.com/"]
)
def test_a_payload_that_the_method_takes_reaches_the_handler(
    world: World, type_url: str, ready: bool
) -> None:
    world.executor.validator = Typed("n.Wanted", ready=ready)

    assert outcome(world.serve(ECHO, Payload(type_url)))[0] == 200


@given(
    takes=st.sampled_from(["", "a.B", "a.C"]),
    type_url=st.sampled_from(["", "t/a.B", f"{TYPE_PREFIX}a.C", TYPE_PREFIX]),
)
def test_an_answer_at_hand_decides_as_one_that_was_asked_for(takes: str, type_url: str) -> None:
    worlds = World(), World()
    for world, ready in zip(worlds, (True, False), strict=True):
        world.executor.validator = Typed(takes, ready=ready)

    ready_one, asked_one = (outcome(world.serve(ECHO, Payload(type_url))) for world in worlds)

    assert ready_one == asked_one


def test_a_validator_with_its_answer_at_hand_is_not_asked(world: World) -> None:
    world.executor.validator = validator = Typed("n.Wanted", ready=True)

    assert outcome(world.serve(ECHO, Payload("type.googleapis.com/n.Wanted")))[0] == 200
    assert outcome(world.serve(MethodKey("users", "UserService", "Missing")))[0] == 404
    assert validator.asked == 1


def test_that_there_is_no_method_is_said_before_its_type_is_looked_at(world: World) -> None:
    world.executor.validator = Typed("n.Wanted", ready=False)

    reply = world.serve(MethodKey("users", "UserService", "Missing"), Payload("n.Other"))

    assert reply.status.message == "method 'UserService.Missing' not found in namespace 'users'"
