import itertools
import math
import pickle
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.model.address import HostPort, host_of
from collector_mesh.domain.model.call import Call, checked_hints, checked_metadata
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import (
    ConflictError,
    DeadlineExceededError,
    Executed,
    HandlerError,
    InvalidCallError,
    MeshError,
    OverloadedError,
    UnavailableError,
    clipped,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import EMPTY, Payload, payload_of
from collector_mesh.domain.model.status import OK, Reply, Status, status_of


class Greeting:
    """What the mesh needs of a protobuf message, and no more."""

    DESCRIPTOR: Any = SimpleNamespace(full_name="test.Greeting")

    def __init__(self, text: str = "") -> None:
        self.text = text

    def SerializeToString(self) -> bytes:  # protobuf's own name
        if self.text == "unsendable":
            raise ValueError("lacks a field")
        return self.text.encode()

    @classmethod
    def FromString(cls, data: bytes) -> "Greeting":  # protobuf's own name
        return cls(data.decode())


def test_a_payload_carries_a_message_and_gives_it_back() -> None:
    payload = Payload.pack(Greeting("hello"))

    assert payload == Payload("type.googleapis.com/test.Greeting", b"hello")
    assert payload.unpack(Greeting).text == "hello"


def test_the_host_in_a_type_url_does_not_matter() -> None:
    assert Payload("example.org/test.Greeting", b"hello").unpack(Greeting).text == "hello"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (Payload("type.googleapis.com/test.Other", b""), "is a 'type.googleapis.com/test.Other'"),
        (Payload("", b""), "is missing"),
        (Payload("type.googleapis.com/test.Greeting", b"\xff"), "cannot be read as test.Greeting"),
    ],
)
def test_a_payload_of_another_kind_is_refused(payload: Payload, said: str) -> None:
    with pytest.raises(InvalidCallError, match=said):
        payload.unpack(Greeting)


def test_nothing_is_an_empty_message_and_foreign_things_are_a_type_error() -> None:
    assert payload_of(None) == EMPTY
    assert payload_of(Payload("x", b"y")) == Payload("x", b"y")
    with pytest.raises(TypeError, match="expected a protobuf message, a Payload or None, got set"):
        payload_of({1})
    with pytest.raises(TypeError, match="got the class Greeting"):
        payload_of(Greeting)
    with pytest.raises(InvalidCallError, match=r"test\.Greeting cannot be serialized: lacks a field"):
        payload_of(Greeting("unsendable"))


def test_a_payload_cannot_be_changed() -> None:
    payload: Any = Payload("x", b"y")

    with pytest.raises(AttributeError):
        payload.value = b"z"


@given(st.text())
def test_any_text_is_clipped_to_valid_utf8_of_at_most_a_kibibyte(text: str) -> None:
    assert len(clipped(text + "\ud800" + text * 100).encode("utf-8")) <= 1024


def test_an_error_has_the_code_of_its_class_or_one_of_its_own() -> None:
    assert (ConflictError("x").code, MeshError("x").code, MeshError("x", code=418).code) == (409, 500, 418)
    with pytest.raises(ValueError, match="code must be between 400 and 599, got 200"):
        MeshError("x", code=200)


def test_an_error_says_whether_a_handler_ran() -> None:
    assert UnavailableError("x").executed is Executed.NO
    assert HandlerError("x").executed is Executed.YES
    assert DeadlineExceededError("x").executed is Executed.MAYBE


def test_a_shed_call_says_when_to_come_back() -> None:
    assert dict(OverloadedError.after(0.25).details) == {"retry_after_ms": "250"}


def test_a_reply_of_an_error_raises_it_again() -> None:
    reply = Reply.refused(MeshError("sold out", code=409, handled_by="a", executed=Executed.YES))

    with pytest.raises(ConflictError, match="sold out") as raised:
        reply.raise_for_status()

    assert (raised.value.handled_by, raised.value.executed) == ("a", Executed.YES)
    assert Reply(OK).raise_for_status().status == OK


@pytest.mark.parametrize(("code", "raised"), [(418, 418), (499, 499), (302, 500), (0, 500)])
def test_a_code_that_is_no_class_is_a_plain_mesh_error(code: int, raised: int) -> None:
    with pytest.raises(MeshError) as caught:
        Reply(Status(code, "odd")).raise_for_status()

    assert (type(caught.value), caught.value.code) == (MeshError, raised)


def test_replies_and_errors_survive_pickling() -> None:
    error = OverloadedError.after(0.1)
    reply = Reply.refused(error)

    assert pickle.loads(pickle.dumps(reply)) == reply
    assert dict(pickle.loads(pickle.dumps(error)).details) == dict(error.details)
    assert status_of(pickle.loads(pickle.dumps(error))) == status_of(error)


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        ("127.0.0.1:50051", "127.0.0.1", 50051, "127.0.0.1:50051"),
        ("collector-b:1", "collector-b", 1, "collector-b:1"),
        ("[::1]:0", "::1", 0, "[::1]:0"),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, host: str, port: int, shown: str) -> None:
    address = HostPort.parse(text)

    assert (address.host, address.port, str(address)) == (host, port, shown)


@pytest.mark.parametrize(
    "text",
    ["here", ":1", "a:", "a:b", "a:65536", "a:-1", "::1:5", "[::1]", "[x]:1", "a b:1", "http://a:1", "é:1"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidCallError, match="address must be HOST:PORT"):
        HostPort.parse(text)


WILDCARDS = [
    "0.0.0.0",
    "0",
    "0.0",
    "0x0",
    "00.0.0.0",
    "0.0.0.0x0",
    "::",
    "::0",
    "0:0:0:0:0:0:0:0",
    "::ffff:0.0.0.0",
    "::%lo",
]
LOOPBACKS = [
    "127.0.0.1",
    "127.9.9.9",
    "127.1",
    "0177.0.0.1",
    "0x7f000001",
    "2130706433",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::1%lo",
    "::ffff:127.0.0.1",
    "localhost",
    "LocalHost",
    "localhost.",
]
OTHERS = [
    "10.0.0.1",
    "10.1",
    "0.1",
    "1",
    "::2",
    "::ffff:10.0.0.1",
    "example.org",
    "0.org",
    "08",
    "0.0.0.0.0",
    "256.1",
    "0x",
    "localhost.org",
]


@pytest.mark.parametrize("host", WILDCARDS)
def test_every_spelling_of_the_wildcard_is_one(host: str) -> None:
    address = HostPort.parse(f"[{host}]:1" if ":" in host else f"{host}:1")

    assert (address.is_wildcard, address.is_loopback, address.is_numeric) == (True, False, True)
    assert address.is_ipv6 == (":" in host and "." not in host)


@pytest.mark.parametrize("host", LOOPBACKS)
def test_every_spelling_of_this_machine_is_one(host: str) -> None:
    address = HostPort.parse(f"[{host}]:1" if ":" in host else f"{host}:1")

    assert (address.is_wildcard, address.is_loopback) == (False, True)


@pytest.mark.parametrize("host", OTHERS)
def test_other_hosts_are_neither_the_wildcard_nor_this_machine(host: str) -> None:
    address = HostPort.parse(f"[{host}]:1" if ":" in host else f"{host}:1")

    assert (address.is_wildcard, address.is_loopback) == (False, False)


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("127.1:5", "127.0.0.1:5"),
        ("0:5", "0.0.0.0:5"),
        ("LocalHost.:5", "localhost:5"),
        ("10.0.0.1:5", "10.0.0.1:5"),
        ("a.example:5", "a.example:5"),
        ("[::0]:5", "[::0]:5"),
    ],
)
def test_a_short_ipv4_address_has_a_spelling_that_everybody_understands(address: str, plain: str) -> None:
    assert str(HostPort.parse(address).plain) == plain


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("127.0.0.1:5000", "127.0.0.1"),
        ("[::1]:5000", "[::1]"),
        ("[::ffff:10.0.0.1]:5000", "10.0.0.1"),
        ("[::FFFF:a00:1]:5000", "10.0.0.1"),
        ("[fe80::1%eth0]:5000", "[fe80::1%eth0]"),
        ("unix:", "unix:"),
        ("unix:/run/a.sock", "unix:"),
        ("unix-abstract:a:5000", "unix:"),
        ("unix-1:5000", "unix-1"),
        ("a", "a"),
        ("a:b:1", "a:b"),
        ("", ""),
    ],
)
def test_the_host_of_an_address_is_the_same_for_all_its_connections(address: str, host: str) -> None:
    assert host_of(address) == host


def test_metadata_of_exactly_eight_kibibytes_passes() -> None:
    assert checked_metadata([("k", "v" * 8191)]) == (("k", "v" * 8191),)
    with pytest.raises(InvalidCallError, match="metadata has 8193 bytes, at most 8192 are allowed"):
        checked_metadata([("k", "v" * 8192)])


def test_hints_of_exactly_four_kibibytes_pass() -> None:
    assert dict(checked_hints({"k": "v" * 4095})) == {"k": "v" * 4095}
    with pytest.raises(InvalidCallError, match="hints have 4097 bytes, at most 4096 are allowed"):
        checked_hints({"k": "é" * 2048})


def test_metadata_and_hints_that_never_end_are_refused() -> None:
    class Endless(Mapping[str, str]):
        def __getitem__(self, key: str) -> str:
            return ""

        def __iter__(self) -> Iterator[str]:
            return map(str, itertools.count())

        def __len__(self) -> int:
            return 1

    with pytest.raises(InvalidCallError, match="metadata has more than 1024 entries"):
        checked_metadata(itertools.repeat(("k", "")))
    with pytest.raises(InvalidCallError, match="hints has more than 1024 entries"):
        checked_hints(Endless())


def test_a_context_tells_of_its_call() -> None:
    time = [10.0]
    call = Call(
        MethodKey("n", "s", "m"),
        deadline=12.0,
        metadata=(("a", "b"),),
        caller="peer",
        identity=Identity(uris=("spiffe://x",)),
    )
    context = CallContext(call, "self", lambda: time[0])

    assert (context.namespace, context.service, context.method) == ("n", "s", "m")
    assert (context.metadata, context.caller, context.identity) == (
        (("a", "b"),),
        "peer",
        Identity(uris=("spiffe://x",)),
    )
    assert (context.deadline, context.time_remaining(), context.is_cancelled) == (12.0, 2.0, False)
    time[0] = 13.0
    assert (context.time_remaining(), context.is_cancelled) == (0.0, True)


def test_a_call_without_a_deadline_has_all_the_time() -> None:
    context = CallContext(Call(MethodKey("n", "s", "m")), "self", lambda: 10.0)

    assert context.time_remaining() == math.inf
    context.cancel()
    assert context.is_cancelled
