"""Catalogs and news of others travel in pieces, and are the same at the other end."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.link.large_catalogs import knows, many, merged, serving, set_of, settle
from tests.unit.domain.link.wires import Wire, answer, opened

from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame
from collector_mesh.domain.link import hearing as hearing_module
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.sizes import (
    MAX_FRAME_BYTES,
)
from collector_mesh.domain.model.frames import (
    Catalog,
    CatalogChange,
    Control,
    Frame,
    Hello,
    Introduction,
    Limits,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import Status

# ---- over a link -----------------------------------------------------------------------------------


@pytest.mark.large
def test_50000_methods_are_told_with_hello_and_welcome_and_after_them() -> None:
    catalog = Catalog(("users",), many(50_000))
    wire = serving(catalog)

    largest = settle(wire)

    assert set_of(knows(wire.left)) == set_of(knows(wire.right)) == set_of(catalog)
    assert wire.left.engine.knows_all
    assert wire.right.engine.knows_all
    assert largest < MAX_FRAME_BYTES * 0.6


def test_calls_go_while_a_catalog_is_being_told() -> None:
    wire = serving(Catalog(("users",), many(10_000)))
    for end in (wire.left, wire.right, wire.left):
        end.other.receive(end.engine.next_frame(wire.now))  # type: ignore[arg-type]  # there is one
    is_whole = wire.right.engine.knows_all
    wire.left.handler = answer

    outcome = wire.right.send()
    settle(wire)

    assert not is_whole
    assert outcome.code == 200
    assert wire.right.engine.knows_all


def test_many_changes_in_a_row_are_told_once_and_only_what_is_different() -> None:
    before = Catalog(("users",), many(10_000))
    wire = serving(before)
    settle(wire)
    asked, told = wire.left.catalogs, wire.right.told.count("changed")

    for index in range(30):
        more = many(index + 1, "Another")
        wire.left.names = Catalog(("users",), (*before.methods, *more))
        wire.left.engine.tell_catalog()
    largest = settle(wire)

    assert wire.left.catalogs == asked + 1
    assert wire.right.told.count("changed") == told + 1
    assert largest < 4_000
    assert set_of(knows(wire.right)) == set_of(wire.left.names)


def test_whoever_takes_no_pieces_hears_the_beginning_and_changes_as_a_whole() -> None:
    wire = Wire(catalog=Catalog(("users",), many(3_000)))
    old = Introduction(
        collector_id="old", incarnation="1", catalog=Catalog(("users",)), limits=Limits(4 << 20, 4)
    )
    wire.right.receive(Frame(control=Control(hello=Hello(old, dial=1))))

    frames = wire.right.write()
    wire.right.receive(Frame())
    wire.right.names = Catalog(("users",), many(5))
    wire.right.engine.tell_catalog()
    later = wire.right.write()

    controls = [frame.control for frame in (*frames, *later) if frame.control is not None]
    assert controls[0].greeting is not None
    assert len(controls[0].greeting.introduction.catalog.methods) > 1_000
    assert [control.catalog for control in controls[1:]] == [Catalog(("users",), many(5))]
    assert [control.catalog_change for control in controls] == [None, None]


def test_a_whole_catalog_of_an_earlier_version_replaces_what_was_known() -> None:
    wire = opened(catalog=Catalog(("users",), many(3)))

    wire.right.receive(Frame(control=Control(catalog=Catalog(("orders",), many(1)))))

    assert knows(wire.right) == Catalog(("orders",), many(1))
    assert wire.right.told.count("changed") == 1


def test_a_refusal_tells_nothing_of_what_is_served() -> None:
    wire = Wire(catalog=Catalog(("users",), many(3)))
    wire.right.on_hello = lambda engine, _hello: engine.refuse(Status(403, "not you"))

    wire.settle()

    greetings = [frame.control.greeting for frame in wire.right.written if frame.control is not None]
    assert [greeting.introduction.catalog for greeting in greetings if greeting] == [Catalog()]
    assert wire.left.engine.phase is Phase.ENDED


def test_a_welcome_tells_of_so_many_shared_namespaces_as_fit() -> None:
    wire = Wire()
    shared = tuple(f"{index:06}".ljust(128, "n") for index in range(20_000))
    wire.right.on_hello = lambda engine, _hello: engine.welcome("connection-1", shared)

    largest = settle(wire)

    assert largest < MAX_FRAME_BYTES // 2
    assert wire.left.engine.is_usable


def test_a_catalog_that_is_too_large_ends_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_module, "MAX_CATALOG_METHODS", 5_000)
    wire = opened()
    methods = many(5_000)

    for first in range(0, len(methods), 2_000):
        wire.right.receive(
            Frame(control=Control(catalog_change=CatalogChange(methods=methods[first : first + 2_000])))
        )
    before = wire.right.engine.phase
    wire.right.receive(Frame(control=Control(catalog_change=CatalogChange(methods=many(1, "Other")))))
    wire.right.write()

    assert before is Phase.OPEN
    assert "a catalog of more than 5000 methods" in wire.right.engine.reason


def test_what_is_malformed_in_a_catalog_harms_no_link() -> None:
    bad = MethodInfo(MethodKey("users", "not a service", "M"), "unary", idempotent=False)
    wire = opened(catalog=Catalog(("users", "not a name"), (bad, *many(1))))

    assert knows(wire.right) == Catalog(("users",), many(1))


# ---- news of others --------------------------------------------------------------------------------


@pytest.mark.large
def test_a_hub_tells_of_256_collectors_with_400_methods_each() -> None:
    wire = opened()
    news = [
        Reach(f"collector-{index:03}", ("left",), many(400, f"Service{index:03}")) for index in range(256)
    ]

    wire.left.engine.tell_reach(news)
    largest = settle(wire)

    assert merged(wire.right.reach) == news
    assert largest < 100_000


def test_a_collector_with_very_many_methods_is_told_of_in_pieces() -> None:
    wire = opened()

    wire.left.engine.tell_reach([Reach("far", ("left",), many(10_000)), Reach("near", ("left",), many(1))])
    largest = settle(wire)

    assert merged(wire.right.reach) == [
        Reach("far", ("left",), many(10_000)),
        Reach("near", ("left",), many(1)),
    ]
    assert largest < 100_000


def test_of_methods_that_come_to_others_only_those_are_told() -> None:
    wire = opened()
    wire.left.engine.tell_reach([Reach("far", ("left",), many(5_000))])
    settle(wire)
    before = len(wire.right.reach)

    wire.left.engine.tell_reach([Reach("far", ("left",), many(5_001))])
    settle(wire)

    assert wire.right.reach[before:] == [Reach("far", ("left",), many(5_001)[5_000:], adds=True)]


_REACHES = st.builds(
    Reach,
    st.sampled_from(["far", "near"]),
    st.sampled_from([("left",), ("left", "b")]),
    st.sampled_from([many(1), many(3), many(1_500), many(2_500), many(10)[5:]]),
)


@given(
    st.lists(
        st.tuples(st.just("tell"), _REACHES)
        | st.tuples(st.just("gone"), st.sampled_from(["far", "near"]))
        | st.tuples(st.just("write"), st.integers(1, 3)),
        max_size=15,
    )
)
@settings(max_examples=100, deadline=None)
def test_news_of_others_are_the_same_at_the_other_end(steps: list[tuple[str, Any]]) -> None:
    wire = opened()
    last: dict[str, Reach] = {}
    for step, what in steps:
        if step == "write":
            for _ in range(what):
                if (frame := wire.left.engine.next_frame(wire.now)) is not None:
                    wire.right.receive(decode_frame(encode_frame(frame)))
        elif step == "gone":
            if last.pop(what, None) is not None:
                wire.left.engine.tell_reach([Reach(what, is_gone=True)])
        else:
            last[what.collector_id] = what
            wire.left.engine.tell_reach([what])

    settle(wire)

    heard = {reach.collector_id: reach for reach in merged(wire.right.reach)}
    assert heard == last
