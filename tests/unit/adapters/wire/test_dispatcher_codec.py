"""Calls and replies as they travel, under both implementations of protobuf."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.wire.dispatcher_codec import (
    UNREADABLE,
    Incoming,
    decode_connect,
    decode_connected,
    decode_dispatch,
    decode_dispatched,
    decode_serve,
    decode_served,
    encode_dispatch,
    encode_dispatched,
    encode_serve,
    encode_served,
)
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, InvalidCallError, OverloadedError
from collector_mesh.domain.model.limits import DETAILS_CUT
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status

KEY = MethodKey("users", "UserService", "GetUser")


def test_a_call_arrives_as_it_was_sent() -> None:
    call = Call(KEY, Payload("type", b"value"), target="a", hints={"zone": "west"}, idempotent=True)

    served, dispatched = decode_serve(encode_serve(call)), decode_dispatch(encode_dispatch(call))

    assert (served.key, served.payload) == (dispatched.key, dispatched.payload) == (KEY, call.payload)
    assert (dispatched.target, dict(dispatched.hints)) == ("a", {"zone": "west", "idempotent": "true"})


@pytest.mark.parametrize(
    "reply",
    [
        Reply(OK, Payload("type", b"value"), "a", Executed.YES),
        Reply(Status(404, "no such user"), handled_by="a", executed=Executed.YES),
        Reply(Status(404, "no such method")),
        Reply(Status(504, "deadline exceeded"), executed=Executed.MAYBE),
        Reply(Status(500, "handler error: x"), handled_by="a", executed=Executed.YES),
        Reply.refused(OverloadedError.after(0.1)),
    ],
)
def test_a_reply_arrives_as_it_was_sent(reply: Reply) -> None:
    assert decode_served(encode_served(reply)) == reply
    assert decode_dispatched(encode_dispatched(reply)) == reply


def test_a_message_of_a_peer_is_cut_like_our_own() -> None:
    data = encode_served(Reply(Status(503, "x" * 5000)))

    assert len(decode_served(data).status.message) == 1024


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x02\xff\xfe", b"\x0a\x05ab"])
def test_what_is_no_request_is_malformed(data: bytes) -> None:
    for decode in (decode_serve, decode_dispatch):
        with pytest.raises(InvalidCallError, match=r"^malformed request$"):
            decode(data)


def test_it_is_malformed_for_the_pure_python_implementation_too() -> None:
    script = (
        "from collector_mesh.adapters.wire.dispatcher_codec import decode_serve\n"
        "from collector_mesh import InvalidCallError\n"
        "for data in (b'\\xff', b'\\x0a\\x02\\xff\\xfe'):\n"
        "    try: decode_serve(data)\n"
        "    except InvalidCallError as error: print(error)\n"
    )
    environment = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_SECONDS,
    )

    assert done.stdout == "malformed request\nmalformed request\n"


@pytest.mark.parametrize("code", [400, 429, 499, 502, 503, 504])
def test_over_unary_a_call_that_may_have_run_is_never_told_as_one_that_did_not(code: int) -> None:
    reply = Reply(Status(code, "a later version says so"), executed=Executed.MAYBE)

    assert decode_dispatched(encode_dispatched(reply)).executed is Executed.MAYBE
    assert decode_served(encode_served(reply)).executed is Executed.MAYBE


@pytest.mark.parametrize("field", [b"\x20\x00", b"\x12\x00", b"\x2a\x00", b"\x32\x00", b"\x1a\x00"])
@pytest.mark.parametrize("decode", [decode_serve, decode_dispatch])
def test_a_request_of_very_many_fields_is_not_parsed(
    decode: Callable[[bytes], Incoming], field: bytes
) -> None:
    with pytest.raises(InvalidCallError, match=r"^a request of more than 4096 fields$"):
        decode(field * 50_000)


@pytest.mark.parametrize("decode", [decode_serve, decode_dispatch])
def test_so_many_fields_within_an_input_are_not_parsed_either(decode: Callable[[bytes], Incoming]) -> None:
    inner = b"\x0a\x00" * 50_000

    with pytest.raises(InvalidCallError, match="more than 4096 fields"):
        decode(b"\x22\xa0\x8d\x06" + inner)


@pytest.mark.parametrize("decode", [decode_connected, decode_served, decode_dispatched])
def test_a_response_of_very_many_fields_cannot_be_read(decode: Callable[[bytes], object]) -> None:
    with pytest.raises(UNREADABLE):
        decode(b"\x0a\x00" * 50_000)


def test_a_large_request_is_read() -> None:
    call = Call(KEY, Payload("t" * 1024, bytes(4 << 20)), hints={"k": "v" * 4095})

    assert decode_dispatch(encode_dispatch(call)).payload == call.payload


def test_hints_have_room_for_the_one_that_is_added() -> None:
    hints = {"k": "v" * 4090}

    with pytest.raises(InvalidCallError, match="hints has 4105 bytes") as refused:
        encode_dispatch(Call(KEY, hints=hints, idempotent=True))

    assert refused.value.code == 400
    assert encode_dispatch(Call(KEY, hints=hints))


@pytest.mark.parametrize("encode", [encode_serve, encode_dispatch])
def test_a_call_that_is_too_large_is_not_sent(encode: Callable[[Call], bytes]) -> None:
    with pytest.raises(InvalidCallError, match="type URL has 1025 bytes"):
        encode(Call(KEY, Payload("t" * 1025)))


def test_details_that_are_too_large_are_cut() -> None:
    details = {f"field-{number}": "x" * 2000 for number in range(2500)}

    data = encode_served(Reply(Status(422, "bad", details), handled_by="a", executed=Executed.YES))

    assert len(data) < 70_000
    assert DETAILS_CUT in decode_served(data).status.details


def test_a_connect_that_is_too_large_hears_so() -> None:
    with pytest.raises(InvalidCallError, match=r"^a Connect of 70000 bytes, at most 65536 are taken$"):
        decode_connect(bytes(70_000))
