"""Calls and replies as they travel, under both implementations of protobuf."""

import os
import subprocess
import sys

import pytest

from collector_mesh.adapters.wire.dispatcher_codec import (
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
        timeout=30,
    )

    assert done.stdout == "malformed request\nmalformed request\n"


@pytest.mark.parametrize("code", [400, 429, 499, 502, 503, 504])
def test_over_unary_a_call_that_may_have_run_is_never_told_as_one_that_did_not(code: int) -> None:
    reply = Reply(Status(code, "a later version says so"), executed=Executed.MAYBE)

    assert decode_dispatched(encode_dispatched(reply)).executed is Executed.MAYBE
    assert decode_served(encode_served(reply)).executed is Executed.MAYBE
