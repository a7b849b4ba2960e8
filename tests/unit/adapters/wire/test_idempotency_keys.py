"""Idempotency keys on the wire."""

import pytest

from collector_mesh.adapters.wire.dispatcher_codec import (
    decode_dispatch,
    decode_serve,
    encode_dispatch,
    encode_serve,
)
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.adapters.wire.link_codec import copied
from collector_mesh.domain.model.call import Call, Origin, scope_key
from collector_mesh.domain.model.frames import CallExtra, Calls, Control, Frame, Hello, Introduction
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey

KEY = MethodKey("payments", "PaymentService", "Pay")


def test_a_key_and_the_store_of_a_collector_travel_over_a_link() -> None:
    calls = Calls(1, (0,), (0,), (b"",), (1000,), (), (CallExtra(0, idempotency_key="k"),))
    hello = Hello(Introduction(collector_id="a", incarnation="i", key_store="s"))

    came = copied(Frame(methods=(KEY,), calls=calls, control=Control(hello=hello)))

    assert came.calls == calls
    assert came.control is not None
    assert came.control.hello == hello


def test_over_unary_it_is_among_the_hints_and_in_the_context_and_not_left_among_the_hints() -> None:
    call = Call(KEY, hints={"hash-key": "x"}, idempotency_key="k")

    sent = pb.DispatchRequest.FromString(encode_dispatch(call))
    dispatched, served = decode_dispatch(sent.SerializeToString()), decode_serve(encode_serve(call))

    assert sent.routing_hints["idempotency-key"] == "k"
    assert (dispatched.idempotency_key, dict(dispatched.hints)) == ("k", {"hash-key": "x"})
    assert served.idempotency_key == "k"


def test_a_key_is_in_no_repr() -> None:
    call = Call(KEY, idempotency_key="secret-key")

    assert "secret-key" not in repr(call) + repr(CallExtra(0, idempotency_key="secret-key"))


@pytest.mark.parametrize(
    ("one", "other", "are_alike"),
    [
        (Identity(uris=("spiffe://example.org/a",)), Identity(uris=("spiffe://example.org/a",)), True),
        (Identity(uris=("spiffe://example.org/a",)), Identity(uris=("spiffe://example.org/b",)), False),
        (Identity(uris=("spiffe://example.org/a",)), None, False),
        (None, None, True),
    ],
)
def test_a_key_is_of_the_identity_of_its_caller(
    one: Identity | None, other: Identity | None, *, are_alike: bool
) -> None:
    calls = [Call(KEY, origin=Origin.CLIENT, identity=who, idempotency_key="k") for who in (one, other)]
    for call in calls:
        scope_key(call)

    assert (calls[0].idempotency_key == calls[1].idempotency_key) is are_alike


def test_nobody_can_make_up_the_key_of_an_identity() -> None:
    theirs = Call(KEY, identity=Identity(uris=("spiffe://example.org/a",)), idempotency_key="k")
    scope_key(theirs)
    made_up = Call(KEY, idempotency_key=theirs.idempotency_key)
    scope_key(made_up)

    assert made_up.idempotency_key != theirs.idempotency_key
