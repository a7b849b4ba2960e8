from typing import Any

import pytest
from tests.unit.domain.world import ECHO, MAX_PAYLOAD, THERE, World, echo

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    InvalidCallError,
    MeshError,
    OutcomeUnknownError,
    OverloadedError,
    UnavailableError,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status


def says(code: int, message: str = "", executed: Executed = Executed.NO, handled_by: str = "") -> object:
    return lambda _call: Reply(Status(code, message), executed=executed, handled_by=handled_by)


def raises(error: MeshError) -> object:
    def answer(_call: Call) -> Reply:
        raise error

    return answer


def ran_at(peer_id: str) -> object:
    return lambda _call: Reply(OK, handled_by=peer_id, executed=Executed.YES)


LACKING = says(404, "method 'OrderService.CreateOrder' not found in namespace 'orders'")


def test_a_local_handler_comes_first(world: World) -> None:
    peer = world.peer("a", "users")

    assert world.dispatch(ECHO).handled_by == "self"
    assert peer.calls == []


def test_what_is_not_here_goes_to_a_peer_that_shares_the_namespace(world: World) -> None:
    world.peer("a", "users")
    orders = world.peer("b", "orders", answer=ran_at("b"))

    assert world.dispatch(THERE, Payload("x", b"y")).handled_by == "b"
    assert [call.payload for call in orders.calls] == [Payload("x", b"y")]


def test_a_target_gets_the_call_although_it_could_run_here(world: World) -> None:
    world.peer("a", "users", answer=ran_at("a"))

    assert world.dispatch(ECHO, target="a").handled_by == "a"
    assert world.dispatch(ECHO, target="self").handled_by == "self"


@pytest.mark.parametrize(
    ("key", "target", "message"),
    [
        (ECHO, "b", "no connection to collector 'b'"),
        (ECHO, "a", "no connection to collector 'a' in namespace 'users'"),
        (THERE, "self", "method 'OrderService.CreateOrder' not found in namespace 'orders'"),
        (MethodKey("stock", "S", "m"), "self", "namespace 'stock' not found"),
        (MethodKey("stock", "S", "m"), "", "no collector found for namespace 'stock'"),
        (THERE, "", "no collector found for namespace 'orders': nobody there has 'OrderService.CreateOrder'"),
        (
            MethodKey("users", "UserService", "Other"),
            "",
            "no collector found for namespace 'users': nobody there has 'UserService.Other'",
        ),
    ],
)
def test_what_cannot_be_found_is_named(world: World, key: MethodKey, target: str, message: str) -> None:
    world.peer("a", "orders", answer=LACKING)

    reply = world.dispatch(key, target=target)

    assert (reply.status.code, reply.status.message, reply.executed) == (404, message, Executed.NO)


def test_a_collector_alone_in_its_namespace_names_the_method_that_it_lacks(world: World) -> None:
    alone = world.dispatch(THERE)
    world.method(THERE, echo)
    world.handlers.unregister(THERE)
    left = world.dispatch(THERE)

    lacking = "no collector found for namespace 'orders': nobody there has 'OrderService.CreateOrder'"
    assert alone.status.message == left.status.message == lacking


def test_a_peer_of_which_there_is_only_hearsay_is_no_member(world: World) -> None:
    world.peer("a", "stock", answer=raises(UnavailableError("nobody listens")), has_answered=False)

    reply = world.dispatch(MethodKey("stock", "S", "m"))

    assert reply.status.message == "no collector found for namespace 'stock'"


def test_a_malformed_target_is_refused(world: World) -> None:
    assert world.dispatch(ECHO, target="a b").status.code == 400


def test_peers_that_lack_the_method_are_all_asked_and_then_left_alone_for_a_second(world: World) -> None:
    links = [world.peer(name, "orders", answer=LACKING) for name in "abcdefgh"]

    for _ in range(3):
        reply = world.dispatch(THERE)
        assert reply.status.message == (
            "no collector found for namespace 'orders': nobody there has 'OrderService.CreateOrder'"
        )
    assert [len(link.calls) for link in links] == [1] * 8

    world.clock.time += 1.0
    world.dispatch(THERE)
    assert [len(link.calls) for link in links] == [2] * 8


def test_finding_out_who_has_a_method_is_no_attempt(world: World) -> None:
    for name in "abcdef":
        world.peer(name, "orders", answer=LACKING)
    world.peer("g", "orders", answer=ran_at("g"))

    assert world.dispatch(THERE).handled_by == "g"


@pytest.mark.parametrize(
    "refusal",
    [
        raises(UnavailableError("down")),
        raises(OverloadedError.after(0.1)),
        says(503, "draining"),
        says(429, "overloaded"),
    ],
)
def test_what_did_not_run_goes_to_the_next_peer(world: World, refusal: object) -> None:
    world.peer("a", "orders", answer=refusal)
    world.peer("b", "orders", answer=ran_at("b"))

    assert world.dispatch(THERE).handled_by == "b"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (says(400), 400),
        (says(403), 403),
        (says(413), 413),
        (says(404, "service not registered in registry: x"), 404),
        (says(500, "handler error: x", Executed.YES, "a"), 500),
        (says(503, "the handler's own", Executed.YES, "a"), 503),
        (says(404, "method not found, says the handler", Executed.YES, "a"), 404),
        (raises(OutcomeUnknownError("outcome unknown: gone")), 502),
        (raises(DeadlineExceededError("deadline exceeded")), 504),
    ],
)
def test_what_is_final_is_passed_on_and_goes_nowhere_else(world: World, answer: object, code: int) -> None:
    world.peer("a", "orders", answer=answer)
    other = world.peer("b", "orders")

    assert world.dispatch(THERE).status.code == code
    assert other.calls == []


@pytest.mark.parametrize("options", [{"idempotent": True}, {"hints": {"idempotent": "true"}}])
def test_an_idempotent_call_whose_outcome_is_unknown_goes_on(world: World, options: Any) -> None:
    world.peer("a", "orders", answer=raises(OutcomeUnknownError("outcome unknown: gone")))
    world.peer("b", "orders", answer=ran_at("b"))

    assert world.dispatch(THERE, **options).handled_by == "b"


def test_no_more_than_three_peers_are_tried(world: World) -> None:
    links = [world.peer(name, "orders", answer=says(503, f"{name} is draining")) for name in "abcd"]

    reply = world.dispatch(THERE)

    assert (reply.status.code, reply.status.message) == (503, "c is draining")
    assert sum(len(link.calls) for link in links) == 3


def test_an_overloaded_collector_has_others_run_the_call(world: World) -> None:
    world.peer("a", "users", answer=ran_at("a"))
    world.running.taken = world.running.limit

    assert world.dispatch(ECHO).handled_by == "a"
    world.topology.remove("a")
    assert world.dispatch(ECHO).status.code == 429


def test_a_lost_peer_gets_no_calls(world: World) -> None:
    link = world.peer("a", "orders", dialed=True, answer=raises(UnavailableError("down")))

    first = world.dispatch(THERE)
    second = world.dispatch(THERE)
    target = world.dispatch(THERE, target="a")

    assert [reply.status.code for reply in (first, second, target)] == [503, 503, 503]
    assert (
        second.status.message == "no collector for namespace 'orders' answers: 'a' at 'a:1' is reconnecting"
    )
    assert target.status.message == "collector 'a' does not answer: down"
    assert len(link.calls) == 1


def test_what_is_over_the_limit_of_calls_under_way_is_shed(world: World) -> None:
    world.outgoing.taken = world.outgoing.limit

    assert world.dispatch(ECHO).status.code == 429


def test_slots_are_free_again_when_calls_have_ended(world: World) -> None:
    connection = world.peer("a", "orders", answer=raises(OutcomeUnknownError("gone")))
    for key in (ECHO, THERE, MethodKey("", "", "")):
        world.dispatch(key)

    assert (world.outgoing.taken, world.running.taken) == (0, 0)
    (found,) = world.topology
    assert (found.way.in_flight, len(connection.calls)) == (0, 1)


def test_a_call_whose_time_is_up_goes_nowhere(world: World) -> None:
    link = world.peer("a", "orders")

    reply = world.dispatch(THERE, deadline=world.clock.now())

    assert (reply.status.code, reply.executed) == (504, Executed.NO)
    assert link.calls == []


@pytest.mark.parametrize("origin", [Origin.LOCAL, Origin.CLIENT])
def test_a_payload_over_the_limit_is_not_sent(world: World, origin: Origin) -> None:
    link = world.peer("a", "orders")

    assert world.dispatch(THERE, Payload("x", bytes(MAX_PAYLOAD + 1)), origin=origin).status.code == 413
    assert world.dispatch(THERE, Payload("x", bytes(MAX_PAYLOAD)), origin=origin).status.code == 200
    assert len(link.calls) == 1


def test_the_gateway_gives_a_call_the_time_that_its_caller_gave(world: World) -> None:
    link = world.peer("a", "orders")

    for timeout in (None, 2.0, float("inf")):
        run(world.gateway.dispatch(THERE, Payload(), timeout=timeout, target="a", hints={"k": "v"}))

    assert [call.deadline - world.clock.now() for call in link.calls] == [15.0, 2.0, float("inf")]
    assert {call.origin for call in link.calls} == {Origin.CLIENT}


def test_the_gateway_refuses_metadata_that_cannot_travel(world: World) -> None:
    served = run(world.gateway.serve(ECHO, Payload(), metadata=[("UP", "x")]))
    dispatched = run(world.gateway.dispatch(ECHO, Payload(), metadata=[("UP", "x")]))

    assert (served.status.code, dispatched.status.code) == (400, 400)


def test_the_gateway_serves_what_is_here(world: World) -> None:
    assert run(world.gateway.serve(ECHO, Payload("x", b"y"))).payload == Payload("x", b"y")
    assert run(world.gateway.serve(ECHO, Payload("x", b"y"), timeout=0)).status.code == 504


def test_explain_says_the_same_as_the_router(world: World) -> None:
    world.peer("a", "orders", answer=LACKING)
    world.peer("b", "orders", dialed=True, answer=raises(UnavailableError("down")))
    world.peer("c", "orders", answer=ran_at("c"))
    world.peer("d", "users")
    assert world.dispatch(THERE).handled_by == "c"

    explanation = world.explainer.explain(THERE, now=world.clock.now())

    assert [(c.collector_id, c.fit, c.reason) for c in explanation.candidates] == [
        ("self", False, "lacks the method"),
        ("a", False, "lacks the method"),
        ("b", False, "does not answer"),
        ("c", True, "shares the namespace"),
        ("d", False, "does not share the namespace"),
    ]
    assert explanation.fit == ("c",)
    with pytest.raises(InvalidCallError, match="namespace is required"):
        world.explainer.explain(MethodKey("", "", ""), now=0.0)
    foreign = world.explainer.explain(MethodKey("stock", "S", "m"), now=0.0)
    assert foreign.candidates[0].reason == "is not in the namespace"
    assert world.explainer.explain(ECHO, now=0.0).candidates[0].reason == "has the method"
