"""Catalogs and news of others travel in pieces, and are the same at the other end."""

from functools import lru_cache
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.link.wires import End, Wire, answer, opened

from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame
from collector_mesh.adapters.wire.link_control import READ_AT_ONCE
from collector_mesh.domain.link import catalogs
from collector_mesh.domain.link import hearing as hearing_module
from collector_mesh.domain.link.catalogs import Offering, difference, shared_part
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.hearing import Hearing
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sieve import Sieve
from collector_mesh.domain.link.sizes import (
    MAX_FRAME_BYTES,
    MAX_PIECE,
    PIECE_BYTES,
    exact_info_bytes,
)
from collector_mesh.domain.model.frames import (
    Catalog,
    CatalogChange,
    Control,
    Frame,
    Greeting,
    Hello,
    Introduction,
    Limits,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import Status

_NAMES = st.sampled_from(["users", "orders", "n" * 128])
_INFOS = st.builds(
    MethodInfo,
    st.builds(MethodKey, _NAMES, st.sampled_from(["S", "S" * 256]), st.sampled_from(["A", "B", "M" * 256])),
    st.just("unary"),
    st.booleans(),
)


@st.composite
def _catalogs(draw: st.DrawFn) -> Catalog:
    infos = {info.key: info for info in draw(st.lists(_INFOS, max_size=12))}
    return Catalog(tuple(draw(st.lists(_NAMES, unique=True))), tuple(infos.values()))


@lru_cache
def many(
    count: int, service: str = "a.rather.long.package.name.of.some.Service", *, kind: str = "unary"
) -> tuple[MethodInfo, ...]:
    """Infos of many methods."""
    return tuple(
        MethodInfo(
            MethodKey("users", service, f"AMethodWithADescriptiveName{index:06}"), kind, idempotent=True
        )
        for index in range(count)
    )


def _set_of(catalog: Catalog) -> tuple[frozenset[str], frozenset[MethodInfo]]:
    return frozenset(catalog.namespaces), frozenset(catalog.methods)


def begun(hearing: Hearing, catalog: Catalog) -> Catalog:
    """What is known once all of a first piece has been heard."""
    known, rest = hearing.begin(catalog)
    for change in rest:
        assert isinstance(change, CatalogChange)
        known = hearing.change(change)
    return known


def _sizes(piece: CatalogChange) -> tuple[int, int]:
    names = (
        len(piece.namespaces)
        + len(piece.removed_namespaces)
        + len(piece.methods)
        + len(piece.removed_methods)
    )
    return names, len(encode_frame(Frame(control=Control(catalog_change=piece))))


# ---- both halves by themselves -----------------------------------------------------------------------


@given(st.lists(_catalogs(), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_is_heard_is_what_was_told_last(catalogs: list[Catalog]) -> None:
    offering, hearing = Offering(), Hearing()
    heard = begun(hearing, offering.begin(catalogs[0]))

    for catalog in catalogs[1:]:
        offering.change(catalog)
    while (piece := offering.next_piece()) is not None:
        heard = hearing.change(piece)

    assert _set_of(heard) == _set_of(catalogs[-1])
    assert hearing.is_whole
    assert not offering.has_more


@pytest.mark.parametrize(
    "catalog",
    [
        Catalog(("users",), many(10_000)),
        Catalog(("users",), many(5_000, "S" * 256)),
        Catalog(tuple(f"{index:06}".ljust(128, "n") for index in range(20_000)), many(3_000)),
    ],
    ids=["many methods", "long names", "many namespaces"],
)
def test_no_piece_is_larger_than_it_may_be(catalog: Catalog) -> None:
    offering, hearing = Offering(), Hearing()
    first = offering.begin(catalog)
    heard = begun(hearing, first)
    pieces = []
    while (piece := offering.next_piece()) is not None:
        pieces.append(_sizes(piece))
        heard = hearing.change(piece)

    assert first.more
    assert first.methods
    hello = Frame(control=Control(hello=Hello(Introduction(collector_id="a", catalog=first))))
    assert len(encode_frame(hello)) < 260_000
    assert max(names for names, _ in pieces) <= MAX_PIECE
    assert max(size for _, size in pieces) <= PIECE_BYTES
    assert _set_of(heard) == _set_of(catalog)


def test_a_method_more_is_a_small_piece_however_many_there_are() -> None:
    before = Catalog(("users",), many(10_000))
    offering = Offering()
    offering.begin(before)
    while offering.has_more:
        offering.next_piece()

    offering.change(Catalog(("users",), (*before.methods, *many(1, "Another"))))

    assert offering.next_piece() == CatalogChange(methods=many(1, "Another"))
    assert offering.next_piece() is None


def test_what_is_different_is_found_once_for_all_links_and_keeps_no_history() -> None:
    first, second = Catalog(("users",), many(3)), Catalog(("users",), many(2))
    third = Catalog(("users",), many(4))

    change = difference(first, second)

    assert difference(first, second) is change
    assert change.removed_methods == (many(3)[2].key,)
    difference(second, third)
    assert "difference" not in second.memo


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.999])
def test_of_many_methods_those_that_are_other_ones_are_found_wherever_they_are(
    count: int, share: float
) -> None:
    before = many(count)
    at = int(count * share)
    other = MethodInfo(before[at].key, "unary", idempotent=False)
    new = many(2, "New")

    replaced = difference(Catalog(methods=before), Catalog(methods=(*before[:at], other, *before[at + 1 :])))
    gone = difference(Catalog(methods=before), Catalog(methods=before[:at] + before[at + 1 :]))
    come = difference(Catalog(methods=before), Catalog(methods=(*before[:at], *new, *before[at:])))
    same = difference(Catalog(methods=before), Catalog(methods=many(count)))

    assert replaced == CatalogChange(methods=(other,))
    assert gone == CatalogChange(removed_methods=(other.key,))
    assert come == CatalogChange(methods=new)
    assert same == CatalogChange()


def test_what_is_malformed_or_doubled_or_of_an_unknown_kind_is_left_out_and_counted() -> None:
    sieve = Sieve()
    hearing = Hearing(sieve)
    (stream,) = many(1, "Stream", kind="stream")
    bad = MethodInfo(MethodKey("users", "not a service", "M"), "unary", idempotent=False)

    first = begun(hearing, Catalog(("users", "not a name", "users"), (*many(1), bad, *many(1), stream)))
    left_out = sieve.take()
    later = hearing.change(CatalogChange(namespaces=("",), methods=(bad, *many(2))))

    assert (first.namespaces, first.methods) == (("users",), many(1))
    assert (later.namespaces, later.methods) == (("users",), many(2))
    assert left_out == (5, "namespace must match [A-Za-z0-9._-]{1,128}, got 'not a name'")
    assert sieve.take() == (2, "namespace is required")
    assert sieve.take() == (0, "")


def test_a_method_of_an_unknown_kind_that_is_told_twice_counts_once() -> None:
    once, twice = Hearing(), Hearing()
    (stream,) = many(1, "Stream", kind="stream")

    begun(once, Catalog(("users",), (stream,)))
    begun(twice, Catalog(("users",), (stream, stream)))

    assert twice.held_bytes == once.held_bytes


def test_a_method_that_may_not_be_served_anymore_is_taken_out_when_it_is_told_again() -> None:
    sieve = Sieve()
    hearing = Hearing(sieve)
    begun(hearing, Catalog(("users",), many(2)))
    sieve.may_serve = lambda namespace: namespace != "users"

    later = hearing.change(CatalogChange(methods=many(1)))

    assert later.methods == many(2)[1:]


@pytest.mark.parametrize(
    ("namespaces", "told"),
    [(("users", "orders"), ("users", "orders")), (("orders", "other"), ("orders",)), ((), ())],
)
def test_of_a_catalog_others_are_told_what_they_share(
    namespaces: tuple[str, ...], told: tuple[str, ...]
) -> None:
    methods = tuple(MethodInfo(MethodKey(name, "S", "M"), "unary", False) for name in ("users", "orders"))
    catalog = Catalog(("users", "orders"), methods)

    part = shared_part(catalog, namespaces)

    assert part.namespaces == told
    assert {info.key.namespace for info in part.methods} == set(told)
    assert shared_part(catalog, namespaces) is part


@pytest.mark.parametrize(
    "change",
    [
        CatalogChange(methods=many(1_001, "Other")),
        CatalogChange(namespaces=tuple(f"n{index}" for index in range(2_000))),
    ],
    ids=["methods", "namespaces"],
)
def test_a_catalog_has_a_limit(monkeypatch: pytest.MonkeyPatch, change: CatalogChange) -> None:
    monkeypatch.setattr(hearing_module, "MAX_CATALOG_METHODS", 5_000)
    monkeypatch.setattr(hearing_module, "MAX_CATALOG_NAMESPACES", 2_000)
    hearing = Hearing()
    begun(hearing, Catalog(("users",), many(4_000)))

    with pytest.raises(ProtocolError, match="a catalog of more than 5000 methods, 2000 namespaces"):
        hearing.change(change)


def test_a_catalog_has_a_limit_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing_module, "MAX_CATALOG_BYTES", 1 << 20)
    hearing = Hearing()

    with pytest.raises(ProtocolError, match="1048576 bytes"):
        begun(hearing, Catalog(("n" * 128,), many(3_000, "S" * 256)))


def test_of_a_catalog_over_the_limit_as_much_is_told_as_others_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogs, "MAX_CATALOG_METHODS", 5_000)
    offering = Offering()
    told = len(offering.begin(Catalog(("users",), many(5_010))).methods)

    while (piece := offering.next_piece()) is not None:
        told += len(piece.methods)

    assert told == 5_000


# ---- over a link -------------------------------------------------------------------------------------


def _settle(wire: Wire) -> int:
    """Move all frames through their encoding; gives the size of the largest."""
    largest = 0
    for _ in range(10_000):
        moved = False
        for end in (wire.left, wire.right):
            for frame in end.write() or end.write(with_credit=True):
                data = encode_frame(frame)
                largest = max(largest, len(data))
                end.other.arriving.clear()
                end.other.receive(decode_frame(data))
                moved = True
        if not moved:
            return largest
    raise AssertionError("it never becomes quiet")


def _serving(catalog: Catalog) -> Wire:
    return Wire(catalog=catalog)


def _knows(end: End) -> Catalog:
    assert end.engine.peer is not None
    return end.engine.peer.catalog


def test_50000_methods_are_told_with_hello_and_welcome_and_after_them() -> None:
    catalog = Catalog(("users",), many(50_000))
    wire = _serving(catalog)

    largest = _settle(wire)

    assert _set_of(_knows(wire.left)) == _set_of(_knows(wire.right)) == _set_of(catalog)
    assert wire.left.engine.knows_all
    assert wire.right.engine.knows_all
    assert largest < MAX_FRAME_BYTES * 0.6


def test_calls_go_while_a_catalog_is_being_told() -> None:
    wire = _serving(Catalog(("users",), many(10_000)))
    for end in (wire.left, wire.right, wire.left):
        end.other.receive(end.engine.next_frame(wire.now))  # type: ignore[arg-type]  # there is one
    is_whole = wire.right.engine.knows_all
    wire.left.handler = answer

    outcome = wire.right.send()
    _settle(wire)

    assert not is_whole
    assert outcome.code == 200
    assert wire.right.engine.knows_all


def test_many_changes_in_a_row_are_told_once_and_only_what_is_different() -> None:
    before = Catalog(("users",), many(10_000))
    wire = _serving(before)
    _settle(wire)
    asked, told = wire.left.catalogs, wire.right.told.count("changed")

    for index in range(30):
        more = many(index + 1, "Another")
        wire.left.names = Catalog(("users",), (*before.methods, *more))
        wire.left.engine.tell_catalog()
    largest = _settle(wire)

    assert wire.left.catalogs == asked + 1
    assert wire.right.told.count("changed") == told + 1
    assert largest < 4_000
    assert _set_of(_knows(wire.right)) == _set_of(wire.left.names)


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

    assert _knows(wire.right) == Catalog(("orders",), many(1))
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

    largest = _settle(wire)

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

    assert _knows(wire.right) == Catalog(("users",), many(1))


# ---- news of others ----------------------------------------------------------------------------------


def test_a_hub_tells_of_256_collectors_with_400_methods_each() -> None:
    wire = opened()
    news = [
        Reach(f"collector-{index:03}", ("left",), many(400, f"Service{index:03}")) for index in range(256)
    ]

    wire.left.engine.tell_reach(news)
    largest = _settle(wire)

    assert _merged(wire.right.reach) == news
    assert largest < 100_000


def test_a_collector_with_very_many_methods_is_told_of_in_pieces() -> None:
    wire = opened()

    wire.left.engine.tell_reach([Reach("far", ("left",), many(10_000)), Reach("near", ("left",), many(1))])
    largest = _settle(wire)

    assert _merged(wire.right.reach) == [
        Reach("far", ("left",), many(10_000)),
        Reach("near", ("left",), many(1)),
    ]
    assert largest < 100_000


def test_of_methods_that_come_to_others_only_those_are_told() -> None:
    wire = opened()
    wire.left.engine.tell_reach([Reach("far", ("left",), many(5_000))])
    _settle(wire)
    before = len(wire.right.reach)

    wire.left.engine.tell_reach([Reach("far", ("left",), many(5_001))])
    _settle(wire)

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

    _settle(wire)

    heard = {reach.collector_id: reach for reach in _merged(wire.right.reach)}
    assert heard == last


def _merged(news: list[Reach]) -> list[Reach]:
    known: dict[str, Reach] = {}
    for reach in news:
        if reach.is_gone:
            known.pop(reach.collector_id, None)
        elif reach.adds:
            earlier = known[reach.collector_id]
            assert earlier.path == reach.path
            known[reach.collector_id] = attrs.evolve(earlier, methods=(*earlier.methods, *reach.methods))
        else:
            known[reach.collector_id] = reach
    return list(known.values())


# ---- earlier versions tell all of it at once ---------------------------------------------------------


def _in_turns(wire: Wire) -> int:
    """Have the right end look at the time until it has taken in all; gives how often that was."""
    for turns in range(1_000):
        if wire.right.engine.next_tick > wire.now:
            return turns
        wire.right.engine.tick(wire.now)
    raise AssertionError("it never ends")


def test_a_large_catalog_in_one_frame_is_taken_in_by_and_by() -> None:
    wire = opened()
    catalog = Catalog(("users",), many(8_000))

    wire.right.receive(Frame(control=Control(catalog=catalog)))
    first, is_whole = len(_knows(wire.right).methods), wire.right.engine.knows_all
    turns = _in_turns(wire)

    assert (first, is_whole, turns) == (2_048, False, 3)
    assert _knows(wire.right) == catalog
    assert wire.right.engine.knows_all


def test_a_large_catalog_in_a_hello_is_taken_in_by_and_by() -> None:
    wire = Wire()
    catalog = Catalog(("users",), many(5_000))
    who = Introduction(collector_id="left", incarnation="1", catalog=catalog)

    wire.right.receive(Frame(control=Control(hello=Hello(who, dial=1))))
    first = len(_knows(wire.right).methods)
    turns = _in_turns(wire)

    assert (first, turns) == (2_048, 2)
    assert _knows(wire.right) == catalog


def _all_of_it(control: Control) -> tuple[Frame, int]:
    """A frame with a control as it is read, and how many bytes it has."""
    data = encode_frame(Frame(control=control))
    return decode_frame(data), len(data)


def test_as_many_methods_as_go_into_a_frame_are_read_by_and_by() -> None:
    wire = Wire()
    catalog = Catalog(("users",), many(10_000, "S"))
    who = Introduction(collector_id="left", incarnation="1", catalog=catalog)
    hello, size = _all_of_it(Control(hello=Hello(who, dial=1)))
    assert MAX_FRAME_BYTES * 0.9 < size < MAX_FRAME_BYTES
    assert hello.control is not None
    assert hello.control.hello is not None

    read = len(hello.control.hello.introduction.catalog.methods)
    wire.right.receive(hello)
    first = len(_knows(wire.right).methods)
    turns = _in_turns(wire)

    assert read == READ_AT_ONCE
    assert first == 2_048
    assert turns > 3
    assert _knows(wire.right) == catalog
    assert wire.right.engine.knows_all


def test_a_whole_catalog_that_is_very_large_takes_the_place_of_another_by_and_by() -> None:
    wire = opened()
    wire.right.receive(Frame(control=Control(catalog=Catalog(("users",), many(3, "Other")))))
    catalog = Catalog(("users", "orders"), many(10_000, "S"))
    frame, _ = _all_of_it(Control(catalog=catalog))

    wire.right.receive(frame)
    is_whole = wire.right.engine.knows_all
    wire.right.receive(Frame(control=Control(catalog_change=CatalogChange(methods=many(1, "Last")))))
    turns = _in_turns(wire)

    assert not is_whole
    assert turns > 3
    assert _set_of(_knows(wire.right)) == _set_of(
        Catalog(catalog.namespaces, (*catalog.methods, *many(1, "Last")))
    )
    assert wire.right.engine.knows_all


def test_a_namespace_that_goes_takes_few_of_its_methods_at_a_time() -> None:
    hearing = Hearing()
    begun(hearing, Catalog(("users",), many(7_000, "S")))

    known = [hearing.change(step) for step in hearing.steps(CatalogChange(removed_namespaces=("users",)))]

    assert [len(catalog.methods) for catalog in known[:-1]] == [4_952, 2_904, 856, 0]
    assert known[-2].namespaces == ("users",)
    assert known[-1] == Catalog()
    assert hearing.is_whole


def test_a_namespace_that_comes_has_its_methods_at_once() -> None:
    hearing = Hearing()
    methods = many(7_000, "S")
    begun(hearing, Catalog(("orders",), methods))
    change = CatalogChange(("users",), methods=many(1, "New"), removed_methods=(methods[7].key,))

    (step,) = hearing.steps(change)
    catalog = hearing.change(step)

    assert catalog.namespaces == ("orders", "users")
    assert set(catalog.methods) == {*methods, *many(1, "New")} - {methods[7]}


def test_of_one_catalog_in_place_of_another_there_are_never_more_methods_than_before_or_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing_module, "MAX_CATALOG_METHODS", 20_010)
    before, after = Catalog(("users",), many(20_010)), Catalog(("users",), many(20_010, "Other"))
    offering, hearing = Offering(), Hearing()
    begun(hearing, offering.begin(before))
    while (piece := offering.next_piece()) is not None:
        hearing.change(piece)

    offering.change(after)
    while (piece := offering.next_piece()) is not None:
        heard = hearing.change(piece)
    wire = opened()
    for catalog in (before, after):
        wire.right.receive(Frame(control=Control(catalog=catalog)))
        _in_turns(wire)

    assert _set_of(heard) == _set_of(_knows(wire.right)) == _set_of(after)


def test_a_namespace_goes_while_others_of_its_methods_wait_to_be_taken_in() -> None:
    wire = opened()
    wire.right.receive(Frame(control=Control(catalog=Catalog(("users", "orders"), many(8_000)))))

    wire.right.receive(Frame(control=Control(catalog_change=CatalogChange(removed_namespaces=("users",)))))
    waits = len(_knows(wire.right).methods)
    turns = _in_turns(wire)

    assert waits == 2_048
    assert turns > 6
    assert _knows(wire.right) == Catalog(("orders",))


def _earlier(limits: Limits) -> Introduction:
    return Introduction(collector_id="left", incarnation="1", catalog=Catalog(("users",)), limits=limits)


def test_who_takes_no_pieces_is_welcomed_with_the_whole_catalog() -> None:
    wire = Wire()
    wire.right.names = Catalog(("users",), many(20_000))

    wire.right.receive(Frame(control=Control(hello=Hello(_earlier(Limits(4 << 20, 4)), dial=1))))
    (welcome,) = wire.right.write()

    assert welcome.control is not None
    assert welcome.control.greeting is not None
    assert welcome.control.greeting.introduction.catalog == wire.right.names


def test_who_has_welcomed_and_takes_no_pieces_is_told_the_whole_catalog() -> None:
    names = Catalog(("users",), many(20_000))
    wire = Wire(catalog=names)
    (hello,) = wire.left.write()
    greeting = Greeting(Status(200, "OK"), _earlier(Limits(4 << 20, 4)), "1", ("users",))

    wire.left.receive(Frame(control=Control(greeting=greeting)))
    told = [frame.control.catalog for frame in wire.left.write() if frame.control is not None]

    assert hello.control is not None
    assert hello.control.hello is not None
    assert hello.control.hello.introduction.catalog.more
    assert [catalog for catalog in told if catalog is not None] == [names]


@pytest.mark.parametrize("max_payload", [64 << 10, 1 << 20])
def test_who_takes_no_pieces_is_told_as_much_as_goes_into_its_frames(max_payload: int) -> None:
    wire = Wire()
    wire.right.names = Catalog(("users",), many(60_000))

    wire.right.receive(Frame(control=Control(hello=Hello(_earlier(Limits(max_payload, 4)), dial=1))))
    (welcome,) = wire.right.write()

    most = max_payload + (64 << 10)
    assert most - 4096 < len(encode_frame(welcome)) <= most


def test_who_takes_no_pieces_is_told_of_all_methods_of_others() -> None:
    wire = Wire()
    wire.right.receive(Frame(control=Control(hello=Hello(_earlier(Limits(4 << 20, 4)), dial=1))))
    wire.right.write()
    news = [Reach(f"far-{index}", ("right",), many(3_000, f"S{index}")) for index in range(3)]

    wire.right.engine.tell_reach(news)
    told = [reach for frame in wire.right.write() if frame.control for reach in frame.control.reach]

    assert told == news


@given(_INFOS)
def test_what_a_method_costs_is_known_to_the_byte(info: MethodInfo) -> None:
    empty, one = (
        len(
            encode_frame(
                Frame(control=Control(catalog_change=CatalogChange(methods=(many(1)[0],) * 4 + infos)))
            )
        )
        for infos in ((), (info,))
    )

    assert one - empty == exact_info_bytes(info)


def test_a_whole_catalog_counts_more_than_what_is_not_taken_in() -> None:
    wire = opened()
    wire.right.receive(Frame(control=Control(catalog=Catalog(("users",), many(8_000)))))

    wire.right.receive(Frame(control=Control(catalog=Catalog(("orders",), many(2, "Other")))))
    _in_turns(wire)

    assert _knows(wire.right) == Catalog(("orders",), many(2, "Other"))


def test_news_of_very_many_are_taken_in_by_and_by_and_in_order() -> None:
    wire = opened()
    news = [Reach(f"r{index}", ("left",), many(300, f"S{index}")) for index in range(10)]
    last = Reach("r3", is_gone=True)

    wire.right.receive(Frame(control=Control(reach=tuple(news))))
    first = len(wire.right.reach)
    wire.right.receive(Frame(control=Control(reach=(last,))))
    turns = _in_turns(wire)

    assert 0 < first < len(news)
    assert turns > 1
    assert _merged(wire.right.reach) == [reach for reach in news if reach.collector_id != "r3"]


def test_calls_go_while_news_are_taken_in() -> None:
    wire = opened()
    wire.right.receive(Frame(control=Control(catalog=Catalog(("users",), many(8_000)))))
    wire.right.handler = answer

    outcome = wire.left.send()
    wire.settle()

    assert outcome.code == 200


def test_who_tells_more_than_can_be_taken_in_loses_the_link() -> None:
    wire = opened()
    news = tuple(Reach(f"r{index}", ("left",), many(1_024)) for index in range(8))

    for _ in range(70):
        wire.right.receive(Frame(control=Control(reach=news)))
    wire.right.write()

    assert wire.right.engine.reason == "protocol error: more news than can be taken in"


def test_a_catalog_that_turns_out_to_be_too_large_ends_the_link_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing_module, "MAX_CATALOG_METHODS", 5_000)
    wire = opened()
    wire.right.receive(Frame(control=Control(catalog=Catalog(("users",), many(4_000)))))
    wire.right.receive(Frame(control=Control(catalog_change=CatalogChange(methods=many(2_000, "Other")))))

    wire.right.engine.tick(wire.now)
    wire.right.engine.tick(wire.now)
    wire.right.write()

    assert "a catalog of more than 5000 methods" in wire.right.engine.reason
