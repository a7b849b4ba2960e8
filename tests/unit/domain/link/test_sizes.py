"""What a frame costs: whatever waits, no frame is larger than the other end takes, and one call ends no other."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.domain.link.wires import ECHO, End, Outcome, Wire, answer, opened

from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.link.sizes import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Catalog, Frame, Mode
from collector_mesh.domain.model.limits import DETAILS_CUT
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import OK, Reply, Status

_CHARACTER = st.sampled_from(["a", "é", "\U0001f600"])


@st.composite
def _texts(draw: st.DrawFn, most_bytes: int) -> str:
    """Short ones and long ones, up to too long."""
    character = draw(_CHARACTER)
    size = draw(st.sampled_from([0, 1, 7, most_bytes // 2, most_bytes, most_bytes + 1]))
    return character * (size // len(character.encode()))


@st.composite
def _pairs(draw: st.DrawFn, most_bytes: int) -> dict[str, str]:
    count = draw(st.sampled_from([0, 1, 20, 1024, 1025]))
    value = draw(_texts(most_bytes // max(1, count)))
    return {f"{number:x}": value for number in range(count)}


_PAYLOADS = st.builds(
    Payload, _texts(1024), st.sampled_from([0, 10, 3_000, 60_000, 64 << 10, 70_000, 300_000]).map(bytes)
)
_NAMES = st.sampled_from(["a", "a" * 128])
_KEYS = st.builds(MethodKey, _NAMES, st.sampled_from(["S", "S" * 256]), st.sampled_from(["M", "M" * 256]))
_CALLS = st.builds(
    Call,
    _KEYS,
    _PAYLOADS,
    target=st.sampled_from(["", "right", "t" * 128, "t" * 129]),
    hints=_pairs(4096),
    metadata=_pairs(8192).map(lambda pairs: tuple(pairs.items())),
    idempotent=st.sampled_from([None, True, False]),
    hops=st.integers(0, 5),
    visited=st.lists(st.just("v" * 128), max_size=17).map(tuple),
)
_STATUSES = st.just(OK) | st.builds(Status, st.integers(400, 599), _texts(5_000), _pairs(70_000))
_REPLIES = st.builds(
    Reply,
    _STATUSES,
    _PAYLOADS,
    _texts(2_000),
    st.sampled_from(Executed),
    _pairs(9_000).map(lambda pairs: tuple(pairs.items())),
    st.lists(st.sampled_from(["v", "v" * 200]), max_size=40).map(tuple),
)


class _Codec:
    """Looks at every frame as it travels."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.largest = 0

    def move(self) -> None:
        """Move all frames, through their encoding."""
        for _ in range(10_000):
            moved = [self._carry(end, with_credit=False) for end in (self.wire.left, self.wire.right)]
            if not any(moved):
                moved = [self._carry(end, with_credit=True) for end in (self.wire.left, self.wire.right)]
            if not any(moved):
                return
        raise AssertionError("it never becomes quiet")

    def _carry(self, end: End, *, with_credit: bool) -> bool:
        frames = end.write(with_credit=with_credit)
        end.other.arriving.clear()
        for frame in frames:
            self._carry_one(end, frame)
        return bool(frames)

    def _carry_one(self, end: End, frame: Frame) -> None:
        data = encode_frame(frame)
        chunk_bytes = sum(len(chunk.value) for chunk in frame.chunks)
        self.largest = max(self.largest, len(data))
        assert len(data) <= MAX_MESSAGE_BYTES
        assert len(data) - chunk_bytes <= MAX_FRAME_BYTES
        end.other.receive(decode_frame(data))


def _mixed(wire: Wire, calls: list[Call], replies: list[Reply]) -> list[Outcome]:
    waiting = list(replies)

    def handle(taken: TakenCall) -> None:
        taken.answer(waiting.pop() if waiting else Reply(OK, taken.call.payload, "right", Executed.YES))

    wire.right.handler = handle
    return [wire.left.send(call, Mode(number % 2)) for number, call in enumerate(calls)]


_INFOS = st.builds(MethodInfo, _KEYS, st.sampled_from(["unary", "k" * 40]), st.booleans())
_CATALOGS = st.builds(
    lambda infos, count: Catalog(
        tuple(f"{number}".ljust(128, "n") for number in range(count)),
        tuple(
            MethodInfo(
                info.key._replace(method=f"{info.key.method}_{number}"[-256:]), info.kind, info.idempotent
            )
            for number in range(count)
            for info in infos
        ),
    ),
    st.lists(_INFOS, max_size=4),
    st.sampled_from([1, 10, 600]),
)
_NEWS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 16), _CATALOGS), max_size=2).map(
    lambda parts: [
        Reach(f"{number}".ljust(128, "c"), ("p" * 128,) * hops, catalog.methods[:40])
        for count, hops, catalog in parts
        for number in range(count)
    ]
)


@given(st.lists(_CALLS, min_size=1, max_size=12), st.lists(_REPLIES, max_size=12), _CATALOGS, _NEWS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_frame_is_larger_than_the_other_end_takes(
    calls: list[Call], replies: list[Reply], catalog: Catalog, news: list[Reach]
) -> None:
    wire = opened(catalog=catalog)
    outcomes = _mixed(wire, calls, replies)
    for end in (wire.left, wire.right):
        end.names = Catalog(("users",), catalog.methods[1:])
        end.engine.tell_catalog()
        end.engine.tell_reach(news)
        end.engine.tell_draining()
        end.engine.ask()

    _Codec(wire).move()

    assert [len(outcome.replies) for outcome in outcomes] == [1] * len(calls)
    assert wire.left.engine.is_usable
    assert wire.right.engine.is_usable
    assert (wire.left.engine.queued_bytes, wire.right.engine.queued_bytes) == (0, 0)


_LARGE = "x" * 5_000_000


@pytest.mark.parametrize(
    "more",
    [
        {"payload": Payload(_LARGE)},
        {"hints": {"k": _LARGE}},
        {"hints": {f"{number}": "" for number in range(100_000)}},
        {"metadata": (("k", _LARGE),)},
        {"metadata": (("k-bin", _LARGE.encode()),)},
        {"metadata": (("k", ""),) * 100_000},
        {"target": _LARGE},
        {"visited": (_LARGE,)},
        {"visited": ("v",) * 100_000},
        {"key": MethodKey("users", _LARGE, "M")},
        {"key": MethodKey(_LARGE, "S", "M")},
    ],
    ids=",".join,
)
def test_a_call_that_is_too_large_is_refused_alone_and_not_sent(more: dict[str, Any]) -> None:
    wire = opened()
    wire.right.handler = answer
    others = [wire.left.send() for _ in range(3)]

    outcome = wire.left.send(Call(**{"key": ECHO, **more}), Mode.DISPATCH)
    others += [wire.left.send() for _ in range(3)]
    _Codec(wire).move()

    assert (outcome.code, outcome.reply.executed) == (400, Executed.NO)
    assert [other.code for other in others] == [200] * 6
    assert len(wire.right.taken) == 6


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(OK, Payload(_LARGE), "right", Executed.YES), 500),
        (Reply(OK, Payload("t" * 1025, bytes(100_000)), "right", Executed.YES), 500),
        (Reply(Status(422, "bad", {"k": _LARGE}), handled_by="right", executed=Executed.YES), 422),
        (Reply(Status(422, _LARGE), handled_by="right", executed=Executed.YES), 422),
        (Reply(OK, Payload("t"), "right", Executed.YES, (("k", _LARGE),)), 200),
        (Reply(OK, Payload("t"), "right", Executed.YES, (), (_LARGE,)), 200),
        (Reply(OK, Payload("t"), _LARGE, Executed.YES), 500),
    ],
    ids=["type URL", "type URL, large", "details", "message", "metadata", "tried", "executor"],
)
def test_a_reply_that_is_too_large_goes_all_the_same_and_ends_no_other(reply: Reply, code: int) -> None:
    wire = opened()
    replies = [reply, Reply(OK, Payload("t"), "right", Executed.YES)]
    wire.right.handler = lambda taken: taken.answer(replies.pop(0))

    outcome, other = wire.left.send(), wire.left.send()
    _Codec(wire).move()

    assert (outcome.code, outcome.reply.executed) == (code, Executed.YES)
    assert other.code == 200
    assert wire.right.engine.running == 0


def test_of_details_that_are_too_large_a_remark_is_left() -> None:
    wire = opened()
    details = {"short": "x", "long": _LARGE}
    wire.right.handler = lambda taken: taken.answer(
        Reply(Status(422, "bad", details), executed=Executed.YES, metadata=(("k", _LARGE),))
    )

    outcome = wire.left.send()
    _Codec(wire).move()

    told = outcome.reply.status.details
    assert set(told) == {"short", DETAILS_CUT}
    assert outcome.reply.metadata == ()


def test_128_calls_with_8_kib_of_metadata_each_pass() -> None:
    wire = opened()
    wire.right.handler = answer
    metadata = (("trace", "t" * 8187),)

    outcomes = [wire.left.send(Call(ECHO, metadata=metadata)) for _ in range(128)]
    codec = _Codec(wire)
    codec.move()

    assert [outcome.code for outcome in outcomes] == [200] * 128
    assert {taken.call.metadata for taken in wire.right.taken} == {metadata}
    assert codec.largest < 80_000


@pytest.mark.large
def test_names_that_are_never_the_same_are_forgotten_before_they_are_too_many() -> None:
    wire = opened()
    wire.right.handler = answer
    codec = _Codec(wire)

    for number in range(12_000):
        wire.left.send(Call(ECHO, Payload(f"{number}".ljust(1000, "u"))))
        if not number % 100:
            codec.move()
    codec.move()

    assert wire.left.engine.is_usable
    assert wire.right.engine.is_usable
    assert any(frame.forgets_names for frame in wire.left.written)


def test_cancels_of_very_many_calls_go_in_several_frames() -> None:
    wire = opened()
    outcomes = [wire.left.send() for _ in range(10_000)]
    codec = _Codec(wire)
    codec.move()

    for outcome in outcomes:
        wire.left.engine.cancel(outcome.sent)
    codec.move()

    assert max(len(frame.cancels) for frame in wire.left.written) == 4096
    assert wire.right.engine.running == 0
