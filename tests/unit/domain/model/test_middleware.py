"""What middleware sees of a call, and what it may make of it."""

import math
from typing import Any

import pytest

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.limits import MAX_ENTRIES
from collector_mesh.domain.model.middleware import (
    IncomingCall,
    Middleware,
    OutgoingCall,
    SeenCall,
    check_middleware,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK

KEY = MethodKey("n", "S", "M")
WHO = Identity(uris=("spiffe://a",))


def outgoing(now: float = 10.0, **options: Any) -> OutgoingCall:
    return OutgoingCall(Call(KEY, Payload("t", b"secret"), **options), lambda: now)


def incoming(**options: Any) -> IncomingCall:
    call = Call(KEY, Payload("t", b"secret"), **options)
    return IncomingCall(call, CallContext(call, "here", lambda: 10.0))


@pytest.mark.parametrize("make", [outgoing, incoming])
def test_a_call_shows_its_names_what_it_carries_and_who_has_sent_it(make: Any) -> None:
    call = make(metadata=(("a", "1"),), source="id:web", identity=WHO, idempotency_key="k")

    assert (call.namespace, call.service, call.method) == call.method_key == KEY
    assert (call.payload, call.metadata) == (Payload("t", b"secret"), (("a", "1"),))
    assert (call.key, call.source, call.identity) == ("k", "id:web", WHO)


@pytest.mark.parametrize("make", [outgoing, incoming])
def test_its_text_has_the_names_and_nothing_that_it_carries(make: Any) -> None:
    call = make(metadata=(("a", "hidden"),), idempotency_key="hidden", source="hidden")

    assert repr(call) == f"<{type(call).__name__} 'n/S/M'>"


def test_of_a_call_that_leaves_the_target_the_hints_and_who_asks_are_shown() -> None:
    call = outgoing(target="b", hints={"zone": "x"}, idempotent=True)

    assert (call.target, call.hints, call.idempotent) == ("b", {"zone": "x"}, True)
    assert outgoing().idempotent is None
    assert outgoing(hints={"idempotent": "true"}).idempotent is True
    assert [each.is_from_client for each in (call, outgoing(source="10.0.0.1"), outgoing(identity=WHO))] == [
        False,
        True,
        True,
    ]


def test_the_hints_that_it_is_shown_are_a_copy() -> None:
    call = outgoing(hints={"zone": "x"})
    call.hints["zone"] = "y"

    assert call.hints == {"zone": "x"}


@pytest.mark.parametrize("make", [outgoing, incoming])
def test_the_time_that_is_left_is_never_negative_and_may_be_without_an_end(make: Any) -> None:
    assert make(deadline=12.5).time_remaining() == 2.5
    assert make(deadline=9.0).time_remaining() == 0.0
    assert make().time_remaining() == math.inf


def test_of_a_call_that_arrives_the_peer_and_what_its_handler_sees_are_shown() -> None:
    call = incoming(caller="a", metadata=(("a", "1"),))

    assert call.caller == "a"
    assert call.context.metadata == (("a", "1"),)


def test_what_is_replaced_is_other_and_all_the_rest_and_the_call_itself_stay() -> None:
    call = outgoing(
        deadline=20.0, metadata=(("a", "1"),), target="b", hints={"zone": "x"}, idempotency_key="k",
        visited=("hub",), hops=1, trace=b"t", source="id:web", identity=WHO,
    )  # fmt: skip

    same = call.replace()
    other = call.replace(
        payload=Payload("u", b"2"), metadata={"c": "3"}, target="", hints={}, idempotent=False, timeout=3
    )

    assert same._call == call._call
    assert same._call is not call._call
    assert (other.payload, other.metadata, other.target, other.hints) == (
        Payload("u", b"2"),
        (("c", "3"),),
        "",
        {},
    )
    assert (other.idempotent, other.time_remaining()) == (False, 3.0)
    kept = ("key", "visited", "hops", "trace", "source", "identity", "idempotency_key")
    assert all(getattr(other._call, name) == getattr(call._call, name) for name in kept)
    assert (call.metadata, call.target, call.time_remaining()) == ((("a", "1"),), "b", 10.0)


def test_a_call_that_arrives_goes_on_with_another_payload_and_the_same_context() -> None:
    call = incoming(caller="a", metadata=(("a", "1"),))

    other = call.replace(payload=None)
    third = other.replace(metadata=[("b", "2")])

    assert (other.payload.value, other.metadata, other.caller) == (b"", (("a", "1"),), "a")
    assert (third.payload, third.metadata) == (other.payload, (("b", "2"),))
    assert other.context is third.context is call.context
    assert call.payload == Payload("t", b"secret")


def test_a_call_never_has_more_time_than_it_had() -> None:
    call = outgoing(deadline=15.0)

    assert call.replace(timeout=60).time_remaining() == 5.0
    assert call.replace(timeout=0).time_remaining() == 0.0
    assert call.replace(timeout=math.inf).time_remaining() == 5.0
    assert outgoing().replace(timeout=2.5).time_remaining() == 2.5


def test_whether_it_may_run_twice_can_be_left_to_the_method_again() -> None:
    assert outgoing(idempotent=True).replace(idempotent=None).idempotent is None
    assert outgoing(idempotent=True).replace(target="b").idempotent is True


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"timeout": "3"}, TypeError, "timeout must be a number of seconds, got str"),
        ({"timeout": True}, TypeError, "timeout must be a number of seconds, got bool"),
        ({"timeout": -1}, InvalidCallError, "timeout must be a number of seconds from 0, got -1"),
        ({"timeout": math.nan}, InvalidCallError, "timeout must be a number of seconds from 0, got nan"),
        ({"idempotent": "yes"}, TypeError, "idempotent must be True, False or None, got str"),
        ({"target": 3}, TypeError, "target must be"),
        ({"metadata": {"Not Allowed": "1"}}, InvalidCallError, "metadata"),
        ({"metadata": [("a", "1")] * (MAX_ENTRIES + 1)}, InvalidCallError, "metadata"),
        ({"hints": 3}, TypeError, "hints"),
        ({"payload": object()}, TypeError, "expected a protobuf message, a Payload or None, got object"),
    ],
)
def test_what_a_call_may_not_be_is_refused_by_name(
    changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        outgoing(deadline=20.0).replace(**changes)


def test_a_reply_of_its_own_is_a_success_with_what_it_is_given() -> None:
    reply = incoming().reply(Payload("t", b"x"), metadata={"a": "1"})

    assert (reply.status, reply.payload, reply.metadata) == (OK, Payload("t", b"x"), (("a", "1"),))
    assert incoming().reply().payload.value == b""
    with pytest.raises(ValueError, match="metadata"):
        incoming().reply(metadata={"No Key": "1"})


class Around(Middleware):
    """Nothing of its own."""


def test_middleware_is_given_as_a_list_of_instances() -> None:
    one, two = Around(), Around()

    assert check_middleware([one, two]) == check_middleware((one, two)) == (one, two)
    assert check_middleware(()) == ()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Around(), r"middleware must be a list of collector_mesh.Middleware, as middleware=\[Audit\(\)\]"),
        ({Around()}, "middleware must be a list"),
        (None, "middleware must be a list"),
        ([Around], "each of middleware must be a collector_mesh.Middleware, .*; an instance of it is needed"),
        ([Around(), 3], "each of middleware must be a collector_mesh.Middleware, got int$"),
    ],
)
def test_anything_else_is_refused_and_named(given: object, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        check_middleware(given)


def test_both_kinds_of_calls_are_one_to_those_who_only_look() -> None:
    assert isinstance(outgoing(), SeenCall)
    assert isinstance(incoming(), SeenCall)
