"""Large catalogs, and links that carry them."""

from functools import lru_cache

import attrs
from hypothesis import strategies as st
from tests.unit.domain.link.wires import End, Wire

from collector_mesh.adapters.wire.link_codec import decode_frame, encode_frame
from collector_mesh.domain.link.hearing import Hearing
from collector_mesh.domain.model.frames import (
    Catalog,
    CatalogChange,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo

NAMES = st.sampled_from(["users", "orders", "n" * 128])
INFOS = st.builds(
    MethodInfo,
    st.builds(MethodKey, NAMES, st.sampled_from(["S", "S" * 256]), st.sampled_from(["A", "B", "M" * 256])),
    st.just("unary"),
    st.booleans(),
)


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


def set_of(catalog: Catalog) -> tuple[frozenset[str], frozenset[MethodInfo]]:
    return frozenset(catalog.namespaces), frozenset(catalog.methods)


def begun(hearing: Hearing, catalog: Catalog) -> Catalog:
    """What is known once all of a first piece has been heard."""
    known, rest = hearing.begin(catalog)
    for change in rest:
        assert isinstance(change, CatalogChange)
        known = hearing.change(change)
    return known


def settle(wire: Wire) -> int:
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


def serving(catalog: Catalog) -> Wire:
    return Wire(catalog=catalog)


def knows(end: End) -> Catalog:
    assert end.engine.peer is not None
    return end.engine.peer.catalog


def in_turns(wire: Wire) -> int:
    """Have the right end look at the time until it has taken in all; gives how often that was."""
    for turns in range(1_000):
        if wire.right.engine.next_tick > wire.now:
            return turns
        wire.right.engine.tick(wire.now)
    raise AssertionError("it never ends")


def merged(news: list[Reach]) -> list[Reach]:
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
