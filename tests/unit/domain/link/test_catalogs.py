"""Catalogs in pieces: what tells them and what hears them, by themselves."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.domain.link.large_catalogs import INFOS, NAMES, begun, many, set_of

from collector_mesh.adapters.wire.link_codec import encode_frame
from collector_mesh.domain.link import catalogs
from collector_mesh.domain.link import hearing as hearing_module
from collector_mesh.domain.link.catalogs import Offering, difference, shared_part
from collector_mesh.domain.link.hearing import Hearing
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sieve import Sieve
from collector_mesh.domain.link.sizes import (
    MAX_PIECE,
    PIECE_BYTES,
)
from collector_mesh.domain.model.frames import (
    Catalog,
    CatalogChange,
    Control,
    Frame,
    Hello,
    Introduction,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo


@st.composite
def _catalogs(draw: st.DrawFn) -> Catalog:
    infos = {info.key: info for info in draw(st.lists(INFOS, max_size=12))}
    return Catalog(tuple(draw(st.lists(NAMES, unique=True))), tuple(infos.values()))


def _sizes(piece: CatalogChange) -> tuple[int, int]:
    names = (
        len(piece.namespaces)
        + len(piece.removed_namespaces)
        + len(piece.methods)
        + len(piece.removed_methods)
    )
    return names, len(encode_frame(Frame(control=Control(catalog_change=piece))))


@given(st.lists(_catalogs(), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_is_heard_is_what_was_told_last(catalogs: list[Catalog]) -> None:
    offering, hearing = Offering(), Hearing()
    heard = begun(hearing, offering.begin(catalogs[0]))

    for catalog in catalogs[1:]:
        offering.change(catalog)
    while (piece := offering.next_piece()) is not None:
        heard = hearing.change(piece)

    assert set_of(heard) == set_of(catalogs[-1])
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
    assert set_of(heard) == set_of(catalog)


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


def test_what_is_malformed_or_doubled_is_left_out_and_counted() -> None:
    sieve = Sieve()
    hearing = Hearing(sieve)
    bad = MethodInfo(MethodKey("users", "not a service", "M"), "unary", idempotent=False)

    first = begun(hearing, Catalog(("users", "not a name", "users"), (*many(1), bad, *many(1))))
    left_out = sieve.take()
    later = hearing.change(CatalogChange(namespaces=("",), methods=(bad, *many(2))))

    assert (first.namespaces, first.methods) == (("users",), many(1))
    assert (later.namespaces, later.methods) == (("users",), many(2))
    assert left_out == (4, "namespace must match [A-Za-z0-9._-]{1,128}, got 'not a name'")
    assert sieve.take() == (2, "namespace is required")
    assert sieve.take() == (0, "")


@pytest.mark.parametrize("kind", ["server", "client", "both", "of a later version"])
def test_a_method_of_another_kind_is_known_as_what_it_is_told_to_be(kind: str) -> None:
    sieve = Sieve()
    hearing = Hearing(sieve)
    (stream,) = many(1, "Stream", kind=kind)

    known = begun(hearing, Catalog(("users",), (*many(1), stream)))

    assert known.methods == (*many(1), stream)
    assert sieve.take() == (0, "")


def test_the_name_of_a_kind_is_cut_where_it_is_longer_than_any_can_be() -> None:
    (stream,) = many(1, "Stream", kind="x" * 10_000)

    known = begun(Hearing(), Catalog(("users",), (stream,)))

    assert [info.kind for info in known.methods] == ["x" * 64]


def test_a_method_that_is_told_twice_counts_once() -> None:
    once, twice = Hearing(), Hearing()

    begun(once, Catalog(("users",), many(1)))
    begun(twice, Catalog(("users",), many(1) * 2))

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
