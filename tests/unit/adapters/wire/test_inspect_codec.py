import attrs
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.adapters.wire.generated import inspect_pb2 as pb
from collector_mesh.adapters.wire.inspect_codec import (
    decode_explain_request,
    decode_explanation,
    decode_snapshot,
    decode_snapshot_request,
    encode_explain_request,
    encode_explanation,
    encode_snapshot,
    encode_snapshot_request,
)
from collector_mesh.domain.model.errors import ForbiddenError, InvalidCallError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import (
    CandidateInfo,
    ConnectionInfo,
    Explanation,
    LinkEnd,
    MethodInfo,
    Snapshot,
)
from collector_mesh.domain.model.texts import MAX_VISIBLE, visible

KEY = MethodKey("users", "UserService", "GetUser")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(visible)
"""As they arrive: what steers a terminal is escaped."""

counts = st.integers(0, 2**64 - 1)
seconds = st.floats(allow_nan=False, allow_infinity=False)
keys = st.builds(MethodKey, texts, texts, texts)
connections = st.builds(
    ConnectionInfo,
    peer_id=texts,
    address=texts,
    connection_id=texts,
    shared_namespaces=st.lists(texts, max_size=3).map(tuple),
    state=st.sampled_from(["live", "suspect", "draining", "reconnecting", "dead"]),
    dialed=st.booleans(),
    in_flight=counts,
    carrier=st.sampled_from(["link", "unary"]),
    reason=texts,
    age=seconds,
    round_trip=st.none() | seconds,
    methods=st.none() | counts,
    held_bytes=counts,
    offered=st.lists(texts, max_size=3).map(tuple),
)
snapshots = st.builds(
    Snapshot,
    collector_id=texts.filter(bool),
    address=texts,
    state=texts,
    namespaces=st.lists(texts, max_size=3).map(tuple),
    methods=st.lists(st.builds(MethodInfo, keys, texts, st.booleans()), max_size=3).map(tuple),
    connections=st.lists(connections, max_size=3).map(tuple),
    dialing=st.lists(texts, max_size=3).map(tuple),
    running=counts,
    outgoing=counts,
    waiting=counts,
    clients=counts,
    ended=st.lists(st.builds(LinkEnd, texts, texts, texts, seconds), max_size=3).map(tuple),
    members=st.dictionaries(texts, st.lists(texts, max_size=3).map(tuple), max_size=3),
)


@given(snapshots)
def test_a_snapshot_arrives_as_it_was_sent(snapshot: Snapshot) -> None:
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


@given(keys, st.lists(st.builds(CandidateInfo, texts, st.booleans(), texts), max_size=3).map(tuple))
def test_an_explanation_arrives_as_it_was_sent(key: MethodKey, candidates: tuple[CandidateInfo, ...]) -> None:
    explanation = Explanation(key, candidates)

    assert decode_explanation(encode_explanation(explanation), key) == explanation


@given(keys)
def test_a_question_arrives_as_it_was_sent(key: MethodKey) -> None:
    decode_snapshot_request(encode_snapshot_request())

    assert decode_explain_request(encode_explain_request(key)) == (key, "")
    assert decode_explain_request(encode_explain_request(key, "token:ci")) == (key, "token:ci")


def test_a_refusal_arrives_as_the_error_that_it_was() -> None:
    refusal = ForbiddenError("you may not")

    with pytest.raises(ForbiddenError, match=r"^you may not$"):
        decode_snapshot(encode_snapshot(refusal))
    with pytest.raises(ForbiddenError, match=r"^you may not$"):
        decode_explanation(encode_explanation(refusal), KEY)


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x02\xff\xfe", b"\x0a\x05ab"])
def test_what_is_no_explain_request_is_malformed(data: bytes) -> None:
    with pytest.raises(InvalidCallError, match=r"^malformed request$"):
        decode_explain_request(data)


def test_what_is_no_snapshot_request_is_malformed() -> None:
    with pytest.raises(InvalidCallError, match=r"^malformed request$"):
        decode_snapshot_request(b"\xff")


def test_texts_of_another_collector_are_made_fit_to_be_shown() -> None:
    evil = "\x1b[2J\u202e\n" + "x" * 5000
    sent = pb.SnapshotResponse(
        collector_id=evil, namespaces=[evil], labels={evil: evil}, ended=[pb.LinkEnd(peer_id=evil)]
    )

    shown = decode_snapshot(sent.SerializeToString())

    found = [
        shown.collector_id,
        *shown.namespaces,
        *shown.labels,
        *shown.labels.values(),
        shown.ended[0].peer_id,
    ]
    assert found == [visible(evil)] * 5


def test_a_reason_that_cannot_be_sent_as_it_is_does_not_keep_the_rest_back() -> None:
    odd = "odd \ud800 " + "x" * 5000
    sent = Snapshot(
        "c-1", "", "serving", (), (), (ConnectionInfo("c-2", "", "", (), "dead", dialed=True, reason=odd),)
    )

    (connection,) = decode_snapshot(encode_snapshot(sent)).connections

    assert connection.reason.startswith("odd \\ud800 x")
    assert len(connection.reason) == MAX_VISIBLE


@pytest.mark.parametrize("age", [float("nan"), float("inf")])
def test_a_time_span_that_is_no_number_is_unreadable(age: float) -> None:
    end = attrs.asdict(LinkEnd("c-2", "", "", age))
    data = pb.SnapshotResponse(collector_id="c-1", ended=[pb.LinkEnd(**end)]).SerializeToString()

    with pytest.raises(DecodeError):
        decode_snapshot(data)


def test_a_snapshot_of_nobody_is_unreadable() -> None:
    with pytest.raises(DecodeError):
        decode_snapshot(b"")
