"""Whoever says nothing keeps nobody out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_mesh.domain.policies.waiting_room import WaitingRoom


def test_when_it_is_full_the_one_silent_longest_of_the_address_with_most_goes() -> None:
    room: WaitingRoom[str] = WaitingRoom(4)
    came = [room.enter(link, link[0]) for link in ("b1", "a1", "a2", "a3")]

    gone = [room.enter(link, link[0]) for link in ("c1", "d1", "a4", "c2")]

    assert came == [None] * 4
    assert gone == ["a1", "a2", "a3", "c1"]


def test_whoever_has_said_hello_or_has_ended_makes_room() -> None:
    room: WaitingRoom[str] = WaitingRoom(2)
    for link in ("a1", "a2"):
        room.enter(link, "a")

    room.leave("a1")
    room.leave("a1")

    assert len(room) == 1
    assert room.enter("b1", "b") is None


def test_where_something_else_is_short_one_goes_although_there_are_places() -> None:
    room: WaitingRoom[str] = WaitingRoom(64)
    room.enter("a1", "a")

    assert room.enter("b1", "b", is_short=True) == "a1"
    assert len(room) == 1


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200))
def test_an_address_keeps_more_than_its_share_only_while_nobody_else_wants_in(addresses: list[str]) -> None:
    places = 16
    room: WaitingRoom[int] = WaitingRoom(places)
    inside: dict[int, str] = {}

    for link, address in enumerate(addresses):
        inside[link] = address
        gone = room.enter(link, address)
        most = max(Counter(inside.values()).values())
        if gone is not None:
            assert Counter(inside.values())[inside.pop(gone)] == most
            assert gone != link

    assert len(room) == len(inside) <= places


@pytest.mark.parametrize("others", ["bcde", "bbbbcccc"])
def test_of_a_flood_from_one_address_others_do_not_notice_anything(others: str) -> None:
    room: WaitingRoom[str] = WaitingRoom(64)
    for number in range(1_000):
        room.enter(f"a{number}", "a")

    gone = []
    for number, other in enumerate(others):
        gone.append(room.enter(f"{other}-{number}", other))
        gone += [room.enter(f"a{number}-{again}", "a") for again in range(100)]

    assert {link[0] for link in gone if link} == {"a"}
