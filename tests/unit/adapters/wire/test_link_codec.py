"""The frames of a link as bytes."""

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import (
    NO_LIMIT,
    CallExtra,
    Calls,
    Catalog,
    CatalogChange,
    Chunk,
    Control,
    Frame,
    Goodbye,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Limits,
    Replies,
    ReplyExtra,
    Role,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import OK, Status
from collector_mesh.domain.ports.frame_stream import MalformedFrameError

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_SMALL = st.integers(0, (1 << 32) - 1)
_BIG = st.integers(0, (1 << 64) - 1)
_BYTES = st.binary(max_size=20)
_MAPS = st.dictionaries(_TEXTS, _TEXTS, max_size=3)
_METHODS = st.builds(
    MethodKey, st.just("users"), st.sampled_from(["UserService", "a.b.C"]), st.just("GetUser")
)
_METADATA = st.lists(st.tuples(_TEXTS, _TEXTS | _BYTES), max_size=3).map(tuple)


def _tuples(of: st.SearchStrategy[object], size: int | None = None) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, min_size=size or 0, max_size=3 if size is None else size).map(tuple)


_STATUSES = st.just(OK) | st.builds(Status, st.integers(1, 1000), _TEXTS, _MAPS)
_INFOS = _tuples(
    st.builds(
        MethodInfo, _METHODS, st.sampled_from(["unary", "server", "client", "both", "later"]), st.booleans()
    )
)
_CATALOGS = st.builds(Catalog, _tuples(_TEXTS), _INFOS, st.booleans())
_CHANGES = st.builds(
    CatalogChange, _tuples(_TEXTS), _tuples(_TEXTS), _INFOS, _tuples(_METHODS), st.booleans()
)
_INTRODUCTIONS = st.builds(
    Introduction,
    collector_id=_TEXTS,
    address=_TEXTS,
    incarnation=_TEXTS,
    catalog=_CATALOGS,
    labels=_MAPS,
    weight=_SMALL,
    limits=st.builds(Limits, st.integers(1, (1 << 64) - 1), st.integers(1, (1 << 32) - 1), st.booleans()),
)
_HEARTBEATS = st.builds(
    Heartbeat,
    _BIG,
    st.integers(0, 10_000).map(lambda lag: lag / 1000),
    _BIG,
    st.sampled_from([None, True, False]),
)
_CONTROLS = st.builds(
    Control,
    hello=st.none() | st.builds(Hello, _INTRODUCTIONS, _SMALL, _BIG, _SMALL),
    greeting=st.none() | st.builds(Greeting, _STATUSES, _INTRODUCTIONS, _TEXTS, _tuples(_TEXTS), _SMALL),
    catalog=st.none() | _CATALOGS,
    ping=st.none() | _HEARTBEATS,
    pong=st.none() | _HEARTBEATS,
    draining=st.booleans(),
    draining_seen=st.booleans(),
    goodbye=st.none() | st.builds(Goodbye, st.integers(0, 999), _TEXTS, st.booleans()),
    # What adds to something comes last.
    reach=_tuples(st.builds(Reach, _TEXTS, _tuples(_TEXTS), _INFOS, st.booleans(), st.booleans())).map(
        lambda news: tuple(sorted(news, key=lambda reach: reach.adds))
    ),
    catalog_change=st.none() | _CHANGES,
)
_CALL_EXTRAS = st.builds(
    CallExtra,
    _SMALL,
    _TEXTS,
    _MAPS,
    _SMALL,
    _tuples(_TEXTS),
    _METADATA,
    st.sampled_from([None, False, True]),
    _BIG,
)
_REPLY_EXTRAS = st.builds(
    ReplyExtra, _SMALL, _STATUSES, st.sampled_from(Executed), _METADATA, _BIG, _tuples(_TEXTS), _METADATA
)


@st.composite
def _calls(draw: st.DrawFn) -> Calls:
    count = draw(st.integers(1, 3))
    columns = [draw(_tuples(of, count)) for of in (_SMALL, _SMALL, _BYTES, _SMALL)]
    modes = draw(st.just(()) | _tuples(_SMALL, count))
    return Calls(draw(_BIG), *columns, modes, draw(_tuples(_CALL_EXTRAS)))  # type: ignore[arg-type,call-arg]  # columns


@st.composite
def _replies(draw: st.DrawFn) -> Replies:
    count = draw(st.integers(1, 3))
    columns = [draw(_tuples(of, count)) for of in (_BIG, _SMALL, _BYTES)]
    executors = draw(st.just(()) | _tuples(_SMALL, count))
    return Replies(*columns, executors, draw(_tuples(_REPLY_EXTRAS)))  # type: ignore[arg-type,call-arg]  # columns


_FRAMES = st.builds(
    Frame,
    _BIG,
    st.none() | _CONTROLS,
    st.booleans(),
    _tuples(_METHODS),
    _tuples(_TEXTS),
    st.none() | _calls(),
    st.none() | _replies(),
    _tuples(_BIG),
    _tuples(st.builds(Chunk, _BIG, st.booleans(), _BYTES)),
)

HELLO = Frame(
    control=Control(
        hello=Hello(
            Introduction(
                collector_id="collector-1",
                address="127.0.0.1:50051",
                incarnation="0123456789abcdef",
                catalog=Catalog(
                    ("users",),
                    (MethodInfo(MethodKey("users", "UserService", "GetUser"), "unary", idempotent=True),),
                ),
                limits=Limits(4 << 20, 4),
            ),
            Role.COLLECTOR,
            3,
        )
    )
)
CALL = Frame(
    1,
    methods=(MethodKey("users", "UserService", "GetUser"),),
    texts=("type.googleapis.com/users.GetUserRequest",),
    calls=Calls(
        7,
        (0, 0),
        (1, 1),
        (b"one", b""),
        (1500, NO_LIMIT),
        (0, 1),
        (
            CallExtra(
                1, "collector-2", {"zone": "west"}, 1, ("a",), (("k", "v"), ("k-bin", b"\x00")), True, 70_000
            ),
        ),
    ),
    cancels=(3,),
    chunks=(Chunk(8, False, b"piece"),),
)
REPLY = Frame(
    2,
    texts=("type.googleapis.com/users.User", "collector-3"),
    replies=Replies(
        (7, 8),
        (1, 0),
        (b"user", b""),
        (0, 2),
        (ReplyExtra(1, Status(404, "no such user", {"id": "7"}), Executed.YES),),
    ),
)
GOLDEN = {
    "hello": (
        HELLO,
        (
            "126f0a6d08011a670a0b636f6c6c6563746f722d31120f3132372e302e302e313a35303035311a103031323334353637"
            "3839616263646566222a0a05757365727312210a1d0a057573657273120b55736572536572766963651a074765745573"
            "6572100130013a07088080800210042003"
        ),
    ),
    "call": (
        CALL,
        (
            "0801221d0a057573657273120b55736572536572766963651a07476574557365722a28747970652e676f6f676c656170"
            "69732e636f6d2f75736572732e476574557365725265717565737440074a020000520201015a036f6e655a006207dc0b"
            "ffffffff0f6a020001723c0801120b636f6c6c6563746f722d321a0c0a047a6f6e6512047765737420012a016132060a"
            "016b120176320a0a056b2d62696e1a0100380240f0a204c2010103ca010908081a057069656365"
        ),
    ),
    "reply": (
        REPLY,
        (
            "08022a1e747970652e676f6f676c65617069732e636f6d2f75736572732e557365722a0b636f6c6c6563746f722d3382"
            "010207088a01020100920104757365729201009a01020002a2011c08011094031a0c6e6f207375636820757365722207"
            "0a026964120137"
        ),
    ),
}


@given(_FRAMES)
@settings(max_examples=200, deadline=None)
def test_a_frame_arrives_as_it_was_sent(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)) == frame


@given(st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_bytes_that_are_no_frame_are_malformed_and_nothing_else(data: bytes) -> None:
    try:
        decode_frame(data)
    except MalformedFrameError:
        return


@given(_FRAMES, st.data())
@settings(max_examples=200, deadline=None)
def test_a_frame_that_was_damaged_is_malformed_or_another_one(frame: Frame, draw: st.DataObject) -> None:
    data = bytearray(encode_frame(frame) or b"\x08\x01")
    at = draw.draw(st.integers(0, len(data) - 1))
    data[at] = draw.draw(st.integers(0, 255))

    try:
        decode_frame(bytes(data[: draw.draw(st.integers(0, len(data)))]))
    except MalformedFrameError:
        return


def test_success_costs_nothing_on_the_wire() -> None:
    message = pb.Frame.FromString(
        encode_frame(
            Frame(replies=Replies((1,), (0,), (b"",), (), (ReplyExtra(0, OK, Executed.YES, (), 9),)))
        )
    )

    assert (message.reply_extra[0].code, message.reply_extra[0].message) == (0, "")


def test_a_number_of_a_later_version_for_executed_means_maybe() -> None:
    message = pb.Frame(reply_to=[1], reply_type=[0], reply_value=[b""])
    message.reply_extra.add(code=500, executed=9)

    replies = decode_frame(message.SerializeToString()).replies

    assert replies is not None
    assert replies.extras[0].executed is Executed.MAYBE


def test_fields_of_a_later_version_are_skipped() -> None:
    later = b"\xfa\x3e\x03new"  # field 1007

    frame = decode_frame(later + encode_frame(CALL) + later)

    assert frame == CALL


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_on_the_wire_stay_what_they_are(name: str) -> None:
    frame, data = GOLDEN[name]

    assert encode_frame(frame).hex() == data
    assert decode_frame(bytes.fromhex(data)) == frame


# ---- what is too much ----------------------------------------------------------------------------------


def _unread(message: pb.Frame | bytes) -> str:
    """Why a frame is refused."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    with pytest.raises(MalformedFrameError) as refused:
        decode_frame(data)
    return str(refused.value)


def _calls_of(count: int) -> pb.Frame:
    return pb.Frame(
        call_first=1,
        call_method=[0] * count,
        call_type=[0] * count,
        call_value=[b""] * count,
        call_remaining=[1] * count,
    )


def test_a_frame_that_is_too_long_is_refused_unread() -> None:
    data = pb.Frame(texts=["t" * 530_000]).SerializeToString() + b"\xff"

    assert _unread(data) == "a frame with 530005 bytes beside chunks, at most 524288 are taken"


@pytest.mark.parametrize("size", [200_000, 4 << 20])
def test_beside_its_chunk_a_frame_may_have_512_kib(size: int) -> None:
    chunk = pb.Chunk(number=1, value=bytes(size))

    fits = pb.Frame(texts=["t" * 520_000], chunks=[chunk])
    too_long = pb.Frame(texts=["t" * 530_000], chunks=[chunk])

    assert len(decode_frame(fits.SerializeToString()).texts) == 1
    assert _unread(too_long) == "a frame with 530004 bytes beside chunks, at most 524288 are taken"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (_calls_of(5_000), "5000 calls and replies, at most 256"),
        (
            pb.Frame(reply_to=[1] * 3_000, reply_type=[0] * 3_000, reply_value=[b""] * 3_000),
            "3000 calls and replies, at most 256",
        ),
        (pb.Frame(cancel=[1] * 20_000), "20000 cancels, at most 16384"),
        (pb.Frame(texts=[""] * 5_000), "5000 names, at most 4096"),
        (pb.Frame(methods=[pb.Method()] * 5_000), "5000 names, at most 4096"),
        (pb.Frame(chunks=[pb.Chunk()] * 3_000), "3000 chunks, at most 64"),
        (pb.Frame(call_extra=[pb.CallExtra()] * 3_000), "3000 extras of calls, at most 0"),
        (pb.Frame(reply_extra=[pb.ReplyExtra()] * 3_000), "3000 extras of replies, at most 0"),
        (pb.Frame(call_value=[b""] * 3_000), "calls with columns of different lengths"),
        (pb.Frame(reply_executor=[1] * 5_000), "replies with columns of different lengths"),
        (
            pb.Frame(control=pb.Control(catalog=pb.Catalog(methods=[pb.MethodFlags()] * 140_000))),
            "140000 methods, at most 131072",
        ),
        (
            pb.Frame(control=pb.Control(catalog=pb.Catalog(namespaces=[""] * 5_000))),
            "5000 namespaces, at most 4096",
        ),
        (
            pb.Frame(
                control=pb.Control(catalog_change=pb.CatalogChange(removed_methods=[pb.Method()] * 9_000))
            ),
            "9000 methods, at most 8192",
        ),
        (
            pb.Frame(control=pb.Control(reach=[pb.Reach()] * 600, reach_more=[pb.Reach()] * 2_000)),
            "2600 collectors that can be reached, at most 1024",
        ),
        (
            pb.Frame(control=pb.Control(reach=[pb.Reach(methods=[pb.MethodFlags()] * 1_000)] * 9)),
            "9000 methods that can be reached, at most 8192",
        ),
        (
            pb.Frame(control=pb.Control(reach=[pb.Reach(path=[""] * 20_000)])),
            "20000 ids on the way, at most 16384",
        ),
        (
            pb.Frame(
                control=pb.Control(
                    hello=pb.Hello(introduction=pb.Introduction(labels={f"{n}": "" for n in range(2_000)}))
                )
            ),
            "2000 labels, at most 1024",
        ),
        (
            pb.Frame(control=pb.Control(welcome=pb.Welcome(details={f"{n}": "" for n in range(2_000)}))),
            "2000 details, at most 1024",
        ),
        (
            pb.Frame(control=pb.Control(welcome=pb.Welcome(shared_namespaces=[""] * 5_000))),
            "5000 shared namespaces, at most 4096",
        ),
    ],
)
def test_what_is_too_many_is_refused_before_objects_are_made(message: pb.Frame, said: str) -> None:
    assert said in _unread(message)


@pytest.mark.parametrize("where", ["hints", "metadata", "visited"])
def test_what_few_calls_have_is_counted_before_it_is_read(where: str) -> None:
    extra = pb.CallExtra()
    for number in range(20_000):
        if where == "hints":
            extra.hints[f"{number:x}"] = ""
        elif where == "metadata":
            extra.metadata.add(key="k")
        else:
            extra.visited.append("v")
    message = _calls_of(1)
    message.call_extra.append(extra)

    assert "more than 16384 fields" in _unread(message) or "20000 hints, metadata" in _unread(message)


@pytest.mark.parametrize("where", ["details", "metadata", "tried", "initial_metadata", "both metadata"])
def test_what_few_replies_have_is_counted_before_it_is_read(where: str) -> None:
    extra = pb.ReplyExtra()
    for number in range(9_000):
        if where == "details":
            extra.details[f"{number:x}"] = ""
        elif where == "tried":
            extra.tried.append("v")
        elif where == "both metadata":
            extra.metadata.add(key="k")
            extra.initial_metadata.add(key="k")
        else:
            getattr(extra, where).add(key="k")
    message = pb.Frame(reply_to=[1], reply_type=[0], reply_value=[b""], reply_extra=[extra])

    assert "more than 16384 fields" in _unread(message) or "9000 hints, metadata" in _unread(message)


def test_a_version_that_knows_no_initial_metadata_reads_the_rest_of_a_reply() -> None:
    extra = ReplyExtra(
        0, Status(409, "taken"), Executed.YES, (("last", "x"),), initial_metadata=(("first", "y"),)
    )
    frame = Frame(replies=Replies((1,), (0,), (b"",), (), (extra,)))
    message = pb.Frame.FromString(encode_frame(frame))

    # As for those to whom the field is unknown.
    message.reply_extra[0].ClearField("initial_metadata")

    replies = decode_frame(message.SerializeToString()).replies
    assert replies is not None
    assert replies.extras == (attrs.evolve(extra, initial_metadata=()),)


@pytest.mark.parametrize(
    "data",
    [
        b"\xfa\x3e\x00" * 100_000,
        b"\xca\x01\xa0\x8d\x06" + b"\x20\x00" * 50_000,
        pb.Frame(
            control=pb.Control(
                hello=pb.Hello(introduction=pb.Introduction(labels={f"{n}": "" for n in range(20_000)}))
            )
        ).SerializeToString(),
    ],
    ids=["unknown fields", "fields of a chunk", "labels"],
)
def test_a_large_frame_of_very_many_fields_is_not_parsed(data: bytes) -> None:
    assert _unread(data) == "a frame of more than 16384 fields"


def test_as_much_as_may_be_is_read() -> None:
    message = _calls_of(256)
    message.cancel.extend([1] * 16_384)
    message.texts.extend(["t"] * 4_096)
    message.chunks.extend([pb.Chunk(number=1, value=b"v")] * 64)

    frame = decode_frame(message.SerializeToString())

    assert frame.calls is not None
    assert (len(frame.calls.methods), len(frame.cancels), len(frame.texts), len(frame.chunks)) == (
        256,
        16_384,
        4_096,
        64,
    )


def test_those_who_know_no_pieces_see_the_first_one() -> None:
    catalog = Catalog(
        ("users",), (MethodInfo(MethodKey("users", "S", "M"), "unary", idempotent=True),), more=True
    )
    frame = Frame(control=Control(catalog=catalog, catalog_change=CatalogChange(("orders",))))
    message = pb.Frame.FromString(encode_frame(frame))

    message.control.ClearField("catalog_change")
    message.control.catalog.ClearField("more")
    control = decode_frame(message.SerializeToString()).control

    assert control is not None
    assert control.catalog == Catalog(("users",), catalog.methods)
