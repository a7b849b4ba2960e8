"""What arrives: names for numbers, payloads from chunks, and nothing that makes no sense."""

from collections import deque
from collections.abc import Callable
from math import inf

import pytest
from tests.unit.domain.link.wires import ECHO, End, Wire

from collector_mesh.domain.link.entries import News, SentCall, TakenCall
from collector_mesh.domain.link.inbox import Inbox
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import (
    NO_LIMIT,
    CallExtra,
    Calls,
    Chunk,
    Frame,
    Mode,
    Replies,
    ReplyExtra,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status

OTHER = MethodKey("users", "UserService", "Other")


class Desk:
    """An inbox, and what came of its mail."""

    def __init__(self) -> None:
        engine = End("desk", Wire()).wire.left.engine
        self.waiting: dict[int, SentCall] = {}
        self.news: deque[News] = deque()
        self.inbox = Inbox(
            engine,
            self.waiting,
            {},
            self.news,
            lambda _sent: None,
            max_payload_bytes=100,
            max_partial_bytes=150,
        )
        self.inbox.peer_id = "peer"

    @property
    def taken(self) -> list[TakenCall]:
        """Calls to be run."""
        return [told for told in self.news if isinstance(told, TakenCall)]

    @property
    def settled(self) -> list[Reply]:
        """Replies to be told."""
        return [told.reply for told in self.news if isinstance(told, SentCall)]

    @property
    def others(self) -> int:
        """What else is to be told: refusals."""
        return len(self.news) - len(self.taken) - len(self.settled)

    def read(self, *frames: Frame, last_own: int = 9) -> None:
        for frame in frames:
            self.inbox.read(frame, 1000.0, last_own)

    def wait_for(self, *numbers: int) -> None:
        for number in numbers:
            sent = SentCall(Call(ECHO), Mode.SERVE, lambda _reply: None)
            sent.number = number
            self.waiting[number] = sent


@pytest.fixture
def desk() -> Desk:
    return Desk()


def _calls(first: int, *values: bytes, extras: tuple[CallExtra, ...] = ()) -> Calls:
    count = len(values)
    return Calls(first, (0,) * count, (0,) * count, values, (1500,) * count, (), extras)


def _large(first: int, size: int) -> Calls:
    return _calls(first, b"", extras=(CallExtra(0, size=size),))


def test_numbers_stand_for_the_names_that_were_told(desk: Desk) -> None:
    desk.read(
        Frame(methods=(ECHO,), texts=("one",), calls=Calls(1, (0,), (1,), (b"",), (1,))),
        Frame(methods=(OTHER,), texts=("two",), calls=Calls(2, (1, 0), (2, 0), (b"", b""), (1, 1))),
    )

    assert [taken.call.key for taken in desk.taken] == [ECHO, OTHER, ECHO]
    assert [taken.call.payload.type_url for taken in desk.taken] == ["one", "two", ""]


def test_names_that_were_forgotten_are_unknown(desk: Desk) -> None:
    desk.read(Frame(methods=(ECHO,), texts=("one",)), Frame(forgets_names=True))

    with pytest.raises(ProtocolError, match="never told"):
        desk.read(Frame(calls=_calls(1, b"")))


def test_what_is_left_of_the_time_counts_from_now(desk: Desk) -> None:
    desk.read(Frame(methods=(ECHO,), calls=Calls(1, (0, 0), (0, 0), (b"", b""), (1500, NO_LIMIT))))

    assert [taken.call.deadline for taken in desk.taken] == [1001.5, inf]


def test_a_call_is_taken_when_its_last_chunk_has_come(desk: Desk) -> None:
    desk.read(Frame(methods=(ECHO,), calls=_large(1, 6), chunks=(Chunk(1, False, b"abc"),)))
    before = len(desk.taken)

    desk.read(Frame(chunks=(Chunk(1, False, b"def"),)))

    assert (before, desk.taken[0].call.payload.value) == (0, b"abcdef")


def test_chunks_of_several_calls_may_alternate(desk: Desk) -> None:
    desk.read(
        Frame(methods=(ECHO,), calls=_large(1, 4), chunks=(Chunk(1, False, b"ab"),)),
        Frame(calls=_large(2, 2), chunks=(Chunk(2, False, b"x"),)),
        Frame(chunks=(Chunk(1, False, b"cd"),)),
        Frame(chunks=(Chunk(2, False, b"y"),)),
    )

    assert [(taken.number, taken.call.payload.value) for taken in desk.taken] == [(1, b"abcd"), (2, b"xy")]


def test_a_payload_over_the_limit_is_counted_but_not_kept(desk: Desk) -> None:
    desk.read(Frame(methods=(ECHO,), calls=_large(1, 1000), chunks=(Chunk(1, False, bytes(600)),)))
    before = desk.others

    desk.read(Frame(chunks=(Chunk(1, False, bytes(400)),)))

    assert (before, desk.others, desk.taken) == (0, 1, [])


def test_payloads_that_are_not_whole_have_a_limit_together(desk: Desk) -> None:
    desk.read(Frame(methods=(ECHO,), calls=_large(1, 90)))

    with pytest.raises(ProtocolError, match="more than 150 bytes in chunks at a time"):
        desk.read(Frame(calls=_large(2, 90)))


@pytest.mark.parametrize(
    "forget",
    [
        lambda desk: desk.read(Frame(chunks=(Chunk(1, False, bytes(90)),))),
        lambda desk: desk.inbox.forget(1),
        lambda desk: desk.inbox.clear(),
    ],
    ids=["whole", "cancelled", "ended"],
)
def test_what_is_whole_or_forgotten_makes_room(desk: Desk, forget: Callable[[Desk], None]) -> None:
    desk.read(Frame(methods=(ECHO,), calls=_large(1, 90)))
    forget(desk)

    desk.read(Frame(calls=_large(2, 90)))

    assert desk.inbox.last_number == 2


def test_a_reply_in_chunks_settles_its_call_when_it_is_whole(desk: Desk) -> None:
    desk.wait_for(3)
    extra = ReplyExtra(0, size=4)

    desk.read(
        Frame(
            texts=("type",),
            replies=Replies((3,), (1,), (b"",), (), (extra,)),
            chunks=(Chunk(3, True, b"ab"),),
        )
    )
    before = list(desk.settled)
    desk.read(Frame(chunks=(Chunk(3, True, b"cd"),)))

    assert before == []
    assert desk.settled == [Reply(OK, Payload("type", b"abcd"), "peer", Executed.YES)]
    assert desk.waiting == {}


def test_what_comes_for_a_call_that_was_cancelled_is_skipped(desk: Desk) -> None:
    extra = ReplyExtra(0, size=4)

    desk.read(
        Frame(replies=Replies((3,), (0,), (b"",))),
        Frame(replies=Replies((4,), (0,), (b"",), (), (extra,)), chunks=(Chunk(4, True, b"ab"),)),
        Frame(chunks=(Chunk(4, True, b"cd"),)),
    )

    assert desk.settled == []


def test_a_second_reply_in_chunks_is_an_offence(desk: Desk) -> None:
    desk.wait_for(3)
    frame = Frame(replies=Replies((3,), (0,), (b"",), (), (ReplyExtra(0, size=4),)))
    desk.read(frame)

    with pytest.raises(ProtocolError, match="a second reply to call 3"):
        desk.read(frame)


def test_a_reply_that_makes_no_sense_leaves_its_call_waiting(desk: Desk) -> None:
    desk.wait_for(3)

    with pytest.raises(ProtocolError):
        desk.read(Frame(replies=Replies((3,), (7,), (b"",))))

    assert list(desk.waiting) == [3]
    assert not desk.waiting[3].is_done


def test_extras_belong_to_the_reply_of_their_index(desk: Desk) -> None:
    desk.wait_for(1, 2, 3)
    extra = ReplyExtra(1, Status(404, "no such user"), Executed.NO)

    desk.read(Frame(texts=("c",), replies=Replies((1, 2, 3), (0, 0, 0), (b"",) * 3, (0, 0, 1), (extra,))))

    assert [reply.status.code for reply in desk.settled] == [200, 404, 200]
    assert [reply.handled_by for reply in desk.settled] == ["peer", "", "c"]


@pytest.mark.parametrize(
    ("status", "executed", "executors", "by"),
    [
        (Status(200, "fine"), Executed.NO, (), "peer"),
        (Status(200, "fine"), Executed.MAYBE, (), "peer"),
        (Status(200, "fine"), Executed.NO, (1,), "c"),
        (Status(200, "fine"), Executed.MAYBE, (1,), "c"),
        (Status(404, "method 'S.Do' not found in namespace 'n'"), Executed.NO, (1,), "c"),
        (Status(429, "overloaded"), Executed.NO, (1,), "c"),
        (Status(700), Executed.NO, (1,), "c"),
    ],
)
def test_a_reply_that_tells_of_success_or_names_who_ran_it_is_of_a_handler(
    desk: Desk, status: Status, executed: Executed, executors: tuple[int, ...], by: str
) -> None:
    desk.wait_for(1)
    extra = ReplyExtra(0, status, executed)

    desk.read(Frame(texts=("c",), replies=Replies((1,), (0,), (b"",), executors, (extra,))))

    (reply,) = desk.settled
    assert (reply.executed, reply.handled_by) == (Executed.YES, by)


def test_frames_with_calls_replies_or_chunks_count(desk: Desk) -> None:
    desk.read(Frame(credit=1), Frame(methods=(ECHO,), calls=_calls(1, b"")), Frame(cancels=(1,)))

    assert desk.inbox.taken_frames == 1
