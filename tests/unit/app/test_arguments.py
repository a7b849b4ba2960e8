"""What is given for the arguments of a call: it is sent, refused with 400, or a `TypeError` that names it."""

import asyncio
import datetime as dt
import decimal
import enum
import fractions
import itertools
import math
from collections import ChainMap, OrderedDict, UserDict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.unreadable import Unreadable

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    MeshError,
    Payload,
    Reply,
    Service,
    method,
)
from collector_mesh.domain.model.caller import Caller

NAMES = ("n", "S", "Tell")
WAYS = ["here", "over a link", "as a client"]


def telling_service() -> Service:
    """A method that tells what has come with its call."""
    service = Service("n", "S")

    @service.method("Tell")
    async def tell(request: Payload, context: CallContext) -> StringValue:
        return StringValue(value=repr((request, dict(context.metadata))))

    return service


@asynccontextmanager
async def callers() -> AsyncIterator[dict[str, Caller]]:
    """Where the method can be called, with everything encoded on its way."""
    network = LoopbackNetwork(through_codec=True)
    async with (
        Collector("a", transport=network, services=[telling_service()]) as a,
        Collector("b", transport=network, namespaces=["n"]) as b,
        MeshClient("a", transport=network) as client,
    ):
        await b.connect("a")
        yield {"here": a, "over a link": b, "as a client": client}


class Name(enum.StrEnum):
    """Texts of another class."""

    NAMESPACE = "n"
    SERVICE = "S"
    METHOD = "Tell"
    TARGET = "a"


class SlyText(str):
    """A text that is never what it seems."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        raise RuntimeError("not to be hashed")

    def __str__(self) -> str:
        return "another"

    def __len__(self) -> int:
        return 0

    def encode(self, *_options: Any) -> bytes:
        raise RuntimeError("not to be encoded")


class SlySeconds(float):
    """Seconds that compare as they like."""

    def __ge__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    def __float__(self) -> float:
        return math.nan

    def __add__(self, other: object) -> float:
        return math.nan

    __radd__ = __add__


class OwnPayload(Payload):
    """A payload of a class of the user's."""


class RaisingPayload(Payload):
    """A payload that cannot be looked at."""

    @property
    def value(self) -> bytes:
        raise LookupError("no value")


class RaisingPairs:
    """Has a first pair and no other."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield "first", "1"
        raise LookupError("no more")


class SlyPair(tuple[str, ...]):
    """A pair of a class of its own, which cannot be read as one."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        raise LookupError("not to be read")

    def __len__(self) -> int:
        return 2


class SlyPairs(dict[str, str]):
    """A mapping whose items are such pairs, of one text."""

    def items(self) -> Any:
        return [SlyPair(("a",))]


class TextPairs:
    """Looks like pairs, and gives texts of two characters."""

    def __iter__(self) -> Iterator[str]:
        return iter(["ab"])


def cases(found: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Cases with ids that do not depend on what the values say of themselves."""
    return [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(found)]


def message_like(**attributes: object) -> SimpleNamespace:
    """What looks like a protobuf message and is none."""
    return SimpleNamespace(**attributes)


TYPE_ERRORS: list[tuple[str, object, str]] = [
    *(
        (argument, value, f"{argument} must be a str, got ")
        for argument in ("namespace", "service", "method", "target")
        for value in (
            None,
            5,
            5.0,
            b"n",
            True,
            ["n"],
            ("n",),
            {"n"},
            str,
            object(),
            Mock(spec=str),
            bytearray(b"n"),
        )
    ),
    *(
        (
            "request",
            value,
            "request: expected a protobuf message, a Payload or None, got ",
        )
        for value in (
            ("text",),
            b"bytes",
            {7},
            7j,
            StringValue,
            Payload,
            object(),
            StringValue.DESCRIPTOR,
            Mock(),
            MagicMock(),
            message_like(DESCRIPTOR=None, SerializeToString=bytes),
            message_like(DESCRIPTOR=SimpleNamespace(full_name=7), SerializeToString=bytes),
            message_like(DESCRIPTOR=SimpleNamespace(full_name="x"), SerializeToString=b""),
        )
    ),
    *(
        ("request", Payload("x", value), "request: the value of a Payload must be bytes, got ")  # type: ignore[arg-type]  # which is the point
        for value in (None, "text", bytearray(b"x"), memoryview(b"x"), 7, [1])
    ),
    (
        "request",
        message_like(DESCRIPTOR=SimpleNamespace(full_name="x"), SerializeToString=lambda: "text"),
        "request: the value of a Payload must be bytes, got str",
    ),
    ("request", RaisingPayload.__new__(RaisingPayload), "request: "),
    *(
        ("request", Payload(url, b""), "request: the type URL of a Payload must be ")  # type: ignore[arg-type]  # which is the point
        for url in (None, b"x", 7, "\ud800", Name.NAMESPACE, SlyText("x"))
    ),
    *(
        ("timeout", value, "timeout must be a number of seconds, got ")
        for value in (
            "5",
            b"5",
            True,
            False,
            5j,
            decimal.Decimal(5),
            fractions.Fraction(5),
            dt.timedelta(seconds=5),
            [5],
            object(),
            float,
            Mock(spec=float),
        )
    ),
    *(
        ("hints", value, "hints")
        for value in (
            [("a", "b")],
            "ab",
            b"ab",
            "",
            0,
            False,
            (),
            [],
            {"a": 1},
            {1: "a"},
            {"a": None},
            {b"a": "b"},
            {("a", "b"): "c"},
            {"a": "b", "c": b"d"},
            dict,
            object(),
            Mock(spec=dict),
            Unreadable(KeyError("x")),
            Unreadable(MeshError("x", code=503)),
        )
    ),
    *(
        ("metadata", value, "metadata")
        for value in (
            None,
            "",
            "ab",
            b"ab",
            bytearray(b"ab"),
            0,
            7,
            ("id", "7"),
            ["ab", "cd"],
            [("a",)],
            [("a", "b", "c")],
            [()],
            [{"a", "b"}],
            [iter(("a", "b"))],
            [None],
            [("n", 7)],
            [("n", None)],
            [("n", ["1"])],
            [("n-bin", bytearray(b"x"))],
            [(7, "n")],
            [(b"n", "n")],
            {"n": 7},
            {"n": ["1", "2"]},
            {7: "n"},
            [("ok", "1"), ("n", 7)],
            RaisingPairs(),
            TextPairs(),
            [SlyPair(("a",))],
            SlyPairs(),
            dict,
            object(),
            Mock(spec=dict),
            Unreadable(KeyError("x")),
            Unreadable(OSError()),
        )
    ),
    *(
        ("idempotent", value, "idempotent must be True, False or None, got ")
        for value in (1, 0, "no", "", b"", [], object(), bool, 1.0)
    ),
]


async def dispatched(caller: Caller, **given: Any) -> Reply:
    names = (given.pop("namespace", "n"), given.pop("service", "S"), given.pop("method", "Tell"))
    return await caller.dispatch(*names, given.pop("request", None), **given)


@pytest.mark.asyncio
@pytest.mark.parametrize(("argument", "value", "said"), cases(TYPE_ERRORS))
async def test_what_is_of_a_type_that_cannot_be_meant_is_a_type_error_that_names_the_argument(
    argument: str, value: object, said: str
) -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[telling_service()]) as collector:
        with pytest.raises(TypeError) as raised:
            await dispatched(collector, **{argument: value})

    assert str(raised.value).startswith(said)


@pytest.mark.asyncio
@pytest.mark.parametrize(("argument", "value", "said"), cases(TYPE_ERRORS))
async def test_a_client_raises_the_same_type_errors(argument: str, value: object, said: str) -> None:
    async with MeshClient("nowhere", transport=LoopbackNetwork()) as client:
        with pytest.raises(TypeError) as raised:
            await dispatched(client, **{argument: value})

    assert str(raised.value).startswith(said)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("argument", "value", "said"),
    cases(case for case in TYPE_ERRORS if case[0] in {"timeout", "request", "metadata"}),
)
async def test_serve_of_a_client_raises_the_same_type_errors(argument: str, value: object, said: str) -> None:
    async with MeshClient("nowhere", transport=LoopbackNetwork()) as client:
        with pytest.raises(TypeError) as raised:
            await client.serve("n", "S", "Tell", **{argument: value})  # type: ignore[arg-type]  # which is the point

    assert str(raised.value).startswith(said)


REFUSED: list[tuple[str, object, str]] = [
    ("namespace", "", "namespace is required"),
    ("service", "", "service is required"),
    ("method", "", "method_name is required"),
    *(
        (argument, value, said)
        for argument, said in (("namespace", "namespace must match"), ("service", "service must match"))
        for value in ("\ud800", "a/b", "é", "x" * 257, "n\n", " ", "\x00")
    ),
    ("method", "\udfff", "method_name must match"),
    ("target", "\ud800", "target_collector_id must match"),
    ("target", "a b", "target_collector_id must match"),
    ("target", "x" * 129, "target_collector_id must match"),
    ("timeout", math.nan, "timeout must be at least 0 seconds, got nan"),
    ("timeout", -1, "timeout must be at least 0 seconds, got -1.0"),
    ("timeout", -0.001, "timeout must be at least 0 seconds, got -0.001"),
    ("timeout", -math.inf, "timeout must be at least 0 seconds, got -inf"),
    ("timeout", -(10**400), "timeout must be at least 0 seconds, got -inf"),
    ("hints", {"a": "\ud800"}, "hints must be valid Unicode"),
    ("hints", {"a": "x" * 5000}, "hints have 5001 bytes, at most 4096 are allowed"),
    ("metadata", [("Trace-Id", "7")], "metadata key must match"),
    ("metadata", {"": "7"}, "metadata key must match"),
    ("metadata", {"\ud800": "7"}, "metadata key must match"),
    ("metadata", {"grpc-timeout": "7"}, "metadata key must match"),
    ("metadata", {"a": "é"}, "metadata 'a' must be printable ASCII"),
    ("metadata", {"a": "b\n"}, "metadata 'a' must be printable ASCII"),
    ("metadata", {"a": b"x"}, "metadata 'a' must be printable ASCII"),
    ("metadata", {"a-bin": "x"}, "metadata 'a-bin' must be bytes"),
    ("metadata", [("a", "x" * 9000)], "metadata has 9001 bytes, at most 8192 are allowed"),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("argument", "value", "said"), cases(REFUSED))
async def test_what_is_malformed_is_refused_with_400(
    way: str, argument: str, value: object, said: str
) -> None:
    async with callers() as found:
        reply = await dispatched(found[way], **{argument: value})

    assert (reply.status.code, reply.executed, reply.handled_by) == (400, Executed.NO, "")
    assert reply.status.message.startswith(said)


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
async def test_metadata_that_never_ends_is_refused_with_400(way: str) -> None:
    async with callers() as found:
        assert (await dispatched(found[way], metadata=itertools.repeat(("k", "v")))).status.code == 400


TAKEN: list[tuple[str, object]] = [
    ("namespace", Name.NAMESPACE),
    ("namespace", SlyText("n")),
    ("service", Name.SERVICE),
    ("service", SlyText("S")),
    ("method", Name.METHOD),
    ("target", Name.TARGET),
    ("target", SlyText("a")),
    ("request", StringValue(value="x")),
    ("request", Payload("x", b"y")),
    ("request", OwnPayload("x", b"y")),
    ("timeout", 5),
    ("timeout", SlySeconds(5.0)),
    ("timeout", type("OwnInt", (int,), {})(5)),
    ("timeout", math.inf),
    ("timeout", 1e308),
    ("timeout", 10**400),
    ("hints", None),
    ("hints", {}),
    ("hints", {"": ""}),
    ("hints", MappingProxyType({"a": "b"})),
    ("hints", OrderedDict(a="b")),
    ("hints", UserDict(a="b")),
    ("hints", ChainMap({"a": "b"}, {"c": "d"})),
    ("hints", {Name.NAMESPACE: SlyText("x")}),
    ("hints", {"a": "x" * 4095}),
    ("metadata", {}),
    ("metadata", []),
    ("metadata", ()),
    ("metadata", {"trace-id": "7", "trace-bin": b"\x00"}),
    ("metadata", MappingProxyType({"trace-id": "7"})),
    ("metadata", UserDict({"trace-id": "7"})),
    ("metadata", {"trace-id": "7"}.items()),
    ("metadata", [["trace-id", "7"], ("trace-id", "8")]),
    ("metadata", [SlyPair(("trace-id", "7"))]),
    ("metadata", {Name.NAMESPACE: SlyText("x")}),
    ("metadata", {"a": "x" * 8191}),
    ("idempotent", True),
    ("idempotent", False),
    ("idempotent", None),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("argument", "value"), cases(TAKEN))
async def test_what_can_be_meant_is_sent(way: str, argument: str, value: object) -> None:
    async with callers() as found:
        assert (await dispatched(found[way], **{argument: value})).status.code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
async def test_metadata_may_be_generated(way: str) -> None:
    async with callers() as found:
        pairs = (pair for pair in [("trace-id", "7"), ("trace-bin", b"\x00")])
        told = (await dispatched(found[way], metadata=pairs)).unpack(StringValue).value

    assert "{'trace-id': '7', 'trace-bin': b'\\x00'}" in told


@pytest.mark.asyncio
async def test_an_interrupt_of_the_user_gets_through() -> None:
    async with callers() as found:
        with pytest.raises(KeyboardInterrupt):
            await dispatched(found["here"], hints=Unreadable(KeyboardInterrupt()))


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["here", "as a client"])
@pytest.mark.parametrize("returns", [StringValue(), "StringValue", Payload, bytes, 7, Mock()])
async def test_a_result_can_only_be_of_a_class_of_messages_or_plain_data(way: str, returns: Any) -> None:
    async with callers() as found:
        with pytest.raises(
            TypeError, match="returns must be a class of protobuf messages, a type of plain data"
        ):
            await found[way].call(*NAMES, returns=returns)
        assert isinstance(await found[way].call(*NAMES, returns=StringValue), StringValue)
        assert isinstance(await found[way].call(*NAMES), Payload)
        with pytest.raises(TypeError, match="timeout must be a number of seconds, got str"):
            await found[way].call(*NAMES, timeout="5")  # type: ignore[call-overload]  # which is the point
        with pytest.raises(InvalidCallError, match="timeout must be at least 0 seconds"):
            await found[way].call(*NAMES, timeout=-1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        ("connect", [None], "address must be a str, got NoneType"),
        ("connect", [b"b"], "address must be a str, got bytes"),
        ("disconnect", [7], "peer_id must be a str, got int"),
        ("explain", ["n", b"S", "Tell"], "service must be a str, got bytes"),
        ("register", [7, "S", "Other", print], "namespace must be a str, got int"),
        ("add_namespace", [None], "namespace must be a str, got NoneType"),
        ("remove_namespace", [None], "namespace must be a str, got NoneType"),
    ],
)
async def test_the_other_methods_of_a_collector_name_what_is_wrong_too(
    method: str, given: list[object], said: str
) -> None:
    async with Collector("a", transport=LoopbackNetwork(), namespaces=["n"]) as collector:
        with pytest.raises(TypeError, match=said):
            await getattr(collector, method)(*given)


@pytest.mark.asyncio
@pytest.mark.parametrize("timeout", ["5", True, None])
async def test_connect_takes_a_number_of_seconds(timeout: Any) -> None:
    async with Collector("a", transport=LoopbackNetwork()) as collector:
        with pytest.raises(TypeError, match="timeout must be a number of seconds, got "):
            await collector.connect("b", timeout=timeout)
        with pytest.raises(InvalidCallError, match="timeout must be at least 0 seconds, got nan"):
            await collector.connect("b", timeout=math.nan)


@pytest.mark.asyncio
async def test_what_is_registered_under_a_text_of_another_class_is_found_by_its_text() -> None:
    async with Collector("a", transport=LoopbackNetwork(), namespaces=[Name.NAMESPACE]) as a:
        a.register(SlyText("n"), Name.SERVICE, SlyText("Tell"), lambda: None)
        service = Service(SlyText("n"), SlyText("Other"))
        service.add(SlyText("Tell"), lambda: None)
        a.add_service(service)
        a.add_namespace(SlyText("n"))

        assert (await a.dispatch(*NAMES)).status.code == 200
        assert (await a.dispatch("n", "Other", "Tell")).status.code == 200
        assert a.namespaces == ("n",)


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.lists(st.tuples(st.text(), st.text() | st.binary())),
    st.dictionaries(st.text(st.characters()), st.text(st.characters()) | st.integers()),
    st.builds(object),
    st.just(StringValue()),
    st.builds(Payload, st.text(st.characters()) | st.none(), st.binary() | st.text()),
    st.sampled_from([Name.TARGET, StringValue]),
    st.builds(Unreadable, st.builds(ValueError)),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(
    given=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            [
                "namespace",
                "service",
                "method",
                "request",
                "target",
                "timeout",
                "hints",
                "metadata",
                "idempotent",
            ],
            odd,
        ),
    )
)
def test_whatever_is_given_is_a_reply_or_a_type_error_and_harms_nobody_else(given: dict[str, Any]) -> None:
    async def body() -> None:
        async with callers() as found:
            for way in WAYS:
                try:
                    reply = await dispatched(found[way], **given)
                except TypeError as error:
                    assert any(str(error).startswith(argument) for argument in given)  # noqa: PT017  # or a reply
                else:
                    assert reply.status.code in (200, 400, 404, 504)
                assert (await dispatched(found[way])).status.code == 200
            assert not found["over a link"].snapshot().ended  # type: ignore[attr-defined]  # a Collector

    asyncio.run(body())


@pytest.mark.parametrize("wrong", ["false", 1, None])
def test_whether_a_method_may_run_twice_is_said_by_true_or_false(wrong: Any) -> None:
    said = r"^idempotent must be True or False, got "

    with pytest.raises(TypeError, match=said):
        Service("n", "S").add("M", lambda: None, idempotent=wrong)
    with pytest.raises(TypeError, match=said):
        method(idempotent=wrong)(lambda _self: None)
