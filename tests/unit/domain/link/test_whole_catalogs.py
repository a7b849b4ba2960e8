"""What tells a catalog as a whole, as earlier versions do, is taken in by and by."""

import pytest
from hypothesis import given
from tests.unit.domain.link.large_catalogs import INFOS, begun, in_turns, knows, many, merged, set_of
from tests.unit.domain.link.wires import Wire, answer, opened

from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame
from collector_mesh.adapters.wire.link_control import READ_AT_ONCE
from collector_mesh.domain.link import hearing as hearing_module
from collector_mesh.domain.link.catalogs import Offering
from collector_mesh.domain.link.hearing import Hearing
from collector_mesh.domain.link.sizes import (
    MAX_FRAME_BYTES,
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
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import Status


def test_a_large_catalog_in_one_frame_is_taken_in_by_and_by() -> None:
    wire = opened()
    catalog = Catalog(("users",), many(8_000))

    wire.right.receive(Frame(control=Control(catalog=catalog)))
    first, is_whole = len(knows(wire.right).methods), wire.right.engine.knows_all
    turns = in_turns(wire)

    assert (first, is_whole, turns) == (2_048, False, 3)
    assert knows(wire.right) == catalog
    assert wire.right.engine.knows_all


def test_a_large_catalog_in_a_hello_is_taken_in_by_and_by() -> None:
    wire = Wire()
    catalog = Catalog(("users",), many(5_000))
    who = Introduction(collector_id="left", incarnation="1", catalog=catalog)

    wire.right.receive(Frame(control=Control(hello=Hello(who, dial=1))))
    first = len(knows(wire.right).methods)
    turns = in_turns(wire)

    assert (first, turns) == (2_048, 2)
    assert knows(wire.right) == catalog


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
    first = len(knows(wire.right).methods)
    turns = in_turns(wire)

    assert read == READ_AT_ONCE
    assert first == 2_048
    assert turns > 3
    assert knows(wire.right) == catalog
    assert wire.right.engine.knows_all


def test_a_whole_catalog_that_is_very_large_takes_the_place_of_another_by_and_by() -> None:
    wire = opened()
    wire.right.receive(Frame(control=Control(catalog=Catalog(("users",), many(3, "Other")))))
    catalog = Catalog(("users", "orders"), many(10_000, "S"))
    frame, _ = _all_of_it(Control(catalog=catalog))

    wire.right.receive(frame)
    is_whole = wire.right.engine.knows_all
    wire.right.receive(Frame(control=Control(catalog_change=CatalogChange(methods=many(1, "Last")))))
    turns = in_turns(wire)

    assert not is_whole
    assert turns > 3
    assert set_of(knows(wire.right)) == set_of(
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
        in_turns(wire)

    assert set_of(heard) == set_of(knows(wire.right)) == set_of(after)


def test_a_namespace_goes_while_others_of_its_methods_wait_to_be_taken_in() -> None:
    wire = opened()
    wire.right.receive(Frame(control=Control(catalog=Catalog(("users", "orders"), many(8_000)))))

    wire.right.receive(Frame(control=Control(catalog_change=CatalogChange(removed_namespaces=("users",)))))
    waits = len(knows(wire.right).methods)
    turns = in_turns(wire)

    assert waits == 2_048
    assert turns > 6
    assert knows(wire.right) == Catalog(("orders",))


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


@given(INFOS)
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
    in_turns(wire)

    assert knows(wire.right) == Catalog(("orders",), many(2, "Other"))


def test_news_of_very_many_are_taken_in_by_and_by_and_in_order() -> None:
    wire = opened()
    news = [Reach(f"r{index}", ("left",), many(300, f"S{index}")) for index in range(10)]
    last = Reach("r3", is_gone=True)

    wire.right.receive(Frame(control=Control(reach=tuple(news))))
    first = len(wire.right.reach)
    wire.right.receive(Frame(control=Control(reach=(last,))))
    turns = in_turns(wire)

    assert 0 < first < len(news)
    assert turns > 1
    assert merged(wire.right.reach) == [reach for reach in news if reach.collector_id != "r3"]


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
