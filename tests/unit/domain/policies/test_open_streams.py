from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.policies.open_streams import OpenStream, OpenStreams, StreamLimits

SMALL = StreamLimits(most_of_address=8, most_silent=3, patience=2.0, longest=60.0)


def opened(streams: OpenStreams, number: int, *, port: int = 1, now: float = 0.0) -> list[OpenStream]:
    found = [streams.open("10.0.0.1", f"10.0.0.1:{port}", now) for _ in range(number)]
    return [stream for stream in found if stream is not None]


def test_an_address_has_so_many_streams_and_no_more() -> None:
    streams = OpenStreams(SMALL)

    assert len(opened(streams, 20)) == 8
    assert streams.open("10.0.0.2", "10.0.0.2:1", 0.0) is not None


def test_one_connection_cannot_keep_others_of_its_address_out() -> None:
    streams = OpenStreams(SMALL)
    opened(streams, 8)

    assert len(opened(streams, 20, port=2)) == 4
    assert len(opened(streams, 20, port=3)) == 2
    assert opened(streams, 1) == []


def test_a_stream_that_has_ended_makes_room() -> None:
    streams = OpenStreams(SMALL)
    first, *_ = opened(streams, 8)
    streams.has_spoken(first)
    streams.close(first)

    assert len(opened(streams, 5)) == 1


def test_streams_that_say_nothing_may_wait_while_there_is_room() -> None:
    streams = OpenStreams(SMALL)
    opened(streams, 3)

    assert streams.overdue(59.0) == []


def test_nobody_may_say_nothing_for_ever() -> None:
    streams = OpenStreams(SMALL)
    first, second = opened(streams, 2)
    streams.has_spoken(second)

    assert streams.overdue(60.0) == [first]


def test_of_too_many_that_say_nothing_the_oldest_of_the_busiest_connection_go() -> None:
    streams = OpenStreams(SMALL)
    quiet = opened(streams, 1, port=2)
    many = opened(streams, 5, now=0.5)
    opened(streams, 1, port=3, now=2.0)

    assert streams.overdue(2.4) == []
    assert streams.overdue(3.0) == many[:4]
    assert quiet[0] not in streams.overdue(3.0)


def test_links_are_counted_and_may_be_silent() -> None:
    streams = OpenStreams(SMALL)
    links = [streams.open("10.0.0.1", "10.0.0.1:1", 0.0, is_silent=False) for _ in range(9)]

    assert links.count(None) == 1
    assert streams.overdue(1000.0) == []


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), max_size=300))
def test_everybody_gets_a_stream_and_all_together_stay_within_bounds(
    steps: list[tuple[int, int, bool]],
) -> None:
    streams = OpenStreams(SMALL)
    taken: list[OpenStream] = []
    for host, port, is_end in steps:
        connection = f"{host}:{port}"
        if is_end and taken:
            streams.close(taken.pop())
            continue
        stream = streams.open(str(host), connection, 0.0)
        mine = [other for other in taken if other.connection == connection]
        assert stream is not None or mine
        if stream is not None:
            taken.append(stream)

    for host in range(4):
        connections = {stream.connection for stream in taken if stream.address == str(host)}
        number = sum(stream.address == str(host) for stream in taken)
        assert number <= SMALL.most_of_address + len(connections) * SMALL.most_of_address // 2
    for stream in taken:
        streams.close(stream)
    assert len(opened(streams, 20)) == 8
    assert repr(streams.limits) == repr(SMALL)


TAKING = StreamLimits(patience=2.0, longest=60.0, most_untaken_bytes=100)


def answered(streams: OpenStreams, port: int, size: int, now: float) -> OpenStream:
    (stream,) = opened(streams, 1, port=port, now=now)
    streams.answered(stream, size, now)
    return stream


def test_answers_may_wait_to_be_taken_while_they_are_few() -> None:
    streams = OpenStreams(TAKING)
    answered(streams, 1, 60, 0.0)
    answered(streams, 2, 40, 0.0)

    assert streams.not_taking(59.0) == []


def test_of_too_many_bytes_that_nobody_takes_the_connections_with_most_end() -> None:
    streams = OpenStreams(TAKING)
    answered(streams, 1, 30, 0.0)
    for _ in range(5):
        answered(streams, 2, 20, 0.0)
    answered(streams, 3, 60, 0.1)

    assert streams.not_taking(1.9) == []
    assert streams.not_taking(2.1) == ["10.0.0.1:2"]


def test_answers_that_are_taken_soon_end_nobody_however_large_they_are() -> None:
    streams = OpenStreams(TAKING)
    streams.close(answered(streams, 1, 1000, 0.0))
    answered(streams, 1, 1000, 1.0)

    assert streams.not_taking(2.9) == []


def test_an_answer_that_nobody_takes_ends_its_connection_in_time_and_makes_room_for_others() -> None:
    streams = OpenStreams(TAKING)
    answered(streams, 1, 90, 0.0)
    answered(streams, 2, 90, 1.0)
    answered(streams, 3, 10, 1.0)

    assert streams.not_taking(60.0) == ["10.0.0.1:1"]


def test_a_stream_counts_for_its_address_until_its_answer_is_taken() -> None:
    streams = OpenStreams(SMALL)
    waiting = [answered(streams, 1, 1, 0.0) for _ in range(8)]

    full = opened(streams, 1)
    streams.close(waiting[0])

    assert full == []
    assert len(opened(streams, 2)) == 1


SENDING = StreamLimits(most_untaken_bytes=100, most_sent_bytes=60)


def test_what_is_sent_on_streams_of_many_and_not_taken_has_a_limit_for_each_connection_and_for_all() -> None:
    streams = OpenStreams(SENDING)
    one, other, more = opened(streams, 3)
    (elsewhere,) = opened(streams, 1, port=2)

    assert streams.sends(one, 40, 0.0)
    assert not streams.sends(other, 30, 0.0)
    assert streams.sends(other, 20, 0.0)
    assert not streams.sends(elsewhere, 50, 0.0)
    assert streams.sends(elsewhere, 40, 0.0)
    streams.has_taken(one)
    assert streams.sends(more, 40, 0.0)
    assert streams.not_taking(59.0) == []
    assert streams.not_taking(60.0) == ["10.0.0.1:1", "10.0.0.1:2"]


def test_what_was_taken_on_streams_of_many_leaves_nothing_behind() -> None:
    streams = OpenStreams(SENDING)
    (one,) = opened(streams, 1)
    for _ in range(10):
        assert streams.sends(one, 50, 0.0)
        streams.has_taken(one)
    streams.close(one)

    assert streams.not_taking(100.0) == []
    assert opened(streams, 8) != []
