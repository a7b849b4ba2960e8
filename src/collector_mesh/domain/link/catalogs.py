"""What this side serves, told in pieces: the first with the hello or the welcome, then what is different.

So a catalog may be larger than a frame, and one more method costs no more where there are 50,000.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from collector_mesh.domain.link.sizes import (
    FIRST_PIECE_BYTES,
    MAX_CATALOG_METHODS,
    MAX_CATALOG_NAMESPACES,
    MAX_FIRST_PIECE,
    MAX_PIECE,
    PIECE_BYTES,
    exact_info_bytes,
    info_bytes,
    method_bytes,
    text_bytes,
)
from collector_mesh.domain.model.frames import Catalog, CatalogChange
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo

T = TypeVar("T")

_SHARED_KEPT = 64
"""Most parts of a catalog that are kept at hand, for peers that share different namespaces."""


class Budget:
    """How much goes into a piece: a number of items, and a number of bytes."""

    __slots__ = ("bytes", "items")

    def __init__(self, items: int, size: int) -> None:
        self.items = items
        self.bytes = size

    def take(self, found: Sequence[T], first: int, cost: Callable[[T], int]) -> tuple[T, ...]:
        """As many of some things, from the first on, as still fit."""
        taken: list[T] = []
        for item in found[first : first + self.items]:
            size = cost(item)
            if size > self.bytes:
                break
            self.bytes -= size
            taken.append(item)
        self.items -= len(taken)
        return tuple(taken)


class _Rest:
    """A change, as far as it is not told."""

    __slots__ = ("_at", "_change")

    def __init__(self, change: CatalogChange, at: tuple[int, int, int, int] = (0, 0, 0, 0)) -> None:
        self._change = change
        self._at = at

    @property
    def is_told(self) -> bool:
        """Whether nothing is left."""
        change, at = self._change, self._at
        return at == (
            len(change.namespaces),
            len(change.removed_namespaces),
            len(change.methods),
            len(change.removed_methods),
        )

    def next_piece(self) -> CatalogChange:
        """As much as goes into a frame beside other things."""
        change, (a, b, c, d) = self._change, self._at
        left = Budget(MAX_PIECE, PIECE_BYTES)
        # What is gone comes first: whoever hears it must never know of more than there is room for.
        removed_methods = left.take(change.removed_methods, d, method_bytes)
        removed_namespaces = left.take(change.removed_namespaces, b, text_bytes)
        piece = CatalogChange(
            left.take(change.namespaces, a, text_bytes),
            removed_namespaces,
            left.take(change.methods, c, info_bytes),
            removed_methods,
        )
        self._at = (
            a + len(piece.namespaces),
            b + len(piece.removed_namespaces),
            c + len(piece.methods),
            d + len(piece.removed_methods),
        )
        return piece


class Offering:
    """What this side has told of its catalog, and what of it is still to be told."""

    __slots__ = ("rests", "told")

    def __init__(self) -> None:
        self.told = Catalog()
        """What the other side knows when all pieces are told."""
        self.rests: deque[_Rest] = deque()
        """What is still to be told, for whoever looks at each frame whether there is anything."""

    @property
    def has_more(self) -> bool:
        """Whether further pieces wait."""
        return bool(self.rests)

    def begin(self, catalog: Catalog) -> Catalog:
        """Tell a catalog from the beginning; gives what goes into a hello or a welcome."""
        self.told = catalog
        # Half of the room for namespaces at most, so that there are methods too.
        left = Budget(MAX_FIRST_PIECE // 2, FIRST_PIECE_BYTES // 2)
        namespaces = left.take(catalog.namespaces, 0, text_bytes)
        left.items += MAX_FIRST_PIECE // 2
        left.bytes += FIRST_PIECE_BYTES // 2
        methods = left.take(catalog.methods, 0, info_bytes)
        rest = _Rest(
            CatalogChange(
                catalog.namespaces[:MAX_CATALOG_NAMESPACES], (), catalog.methods[:MAX_CATALOG_METHODS]
            ),
            (len(namespaces), 0, len(methods), 0),
        )
        self.rests = deque(() if rest.is_told else (rest,))
        return Catalog(namespaces, methods, more=self.has_more)

    def whole(self, catalog: Catalog, size: int) -> Catalog:
        """Tell a catalog to somebody who takes no pieces, as far as it goes into one frame."""
        self.told = catalog
        self.rests.clear()
        # Half of the room for namespaces at most, so that there are methods too.
        left = Budget(len(catalog.namespaces), size // 2)
        namespaces = left.take(catalog.namespaces, 0, text_bytes)
        left.items = len(catalog.methods)
        left.bytes += size - size // 2
        return Catalog(namespaces, left.take(catalog.methods, 0, exact_info_bytes))

    def change(self, catalog: Catalog) -> None:
        """There is another catalog now: what is different is told after what waits already."""
        rest = _Rest(difference(self.told, catalog))
        self.told = catalog
        if not rest.is_told:
            self.rests.append(rest)

    def next_piece(self) -> CatalogChange | None:
        """The next piece, None if there is none."""
        if not self.rests:
            return None
        piece = self.rests[0].next_piece()
        if self.rests[0].is_told:
            self.rests.popleft()
        if not self.rests:
            return piece
        return CatalogChange(
            piece.namespaces, piece.removed_namespaces, piece.methods, piece.removed_methods, more=True
        )


def shared_part(catalog: Catalog, namespaces: Sequence[str]) -> Catalog:
    """As much of a catalog as is in some namespaces, those of whoever is told of it."""
    theirs = frozenset(namespaces)
    shared = tuple(namespace for namespace in catalog.namespaces if namespace in theirs)
    if len(shared) == len(catalog.namespaces):
        return catalog
    # Many links share the same: it is found once.
    known: dict[tuple[str, ...], Catalog] = catalog.memo.setdefault("shared", {})
    part = known.get(shared)
    if part is None:
        if len(known) >= _SHARED_KEPT:
            del known[next(iter(known))]
        methods = tuple(info for info in catalog.methods if info.key.namespace in theirs)
        part = known[shared] = Catalog(shared, methods)
    return part


def difference(old: Catalog, new: Catalog) -> CatalogChange:
    """What has to be told to whoever knows the old one."""
    # Many links tell the same: it is found once.
    known = new.memo.get("difference")
    if known is not None and known[0] is old:
        change: CatalogChange = known[1]
        return change
    namespaces = dict.fromkeys(new.namespaces[:MAX_CATALOG_NAMESPACES])
    earlier = dict.fromkeys(old.namespaces[:MAX_CATALOG_NAMESPACES])
    methods, removed = _other_methods(old.methods[:MAX_CATALOG_METHODS], new.methods[:MAX_CATALOG_METHODS])
    change = CatalogChange(
        tuple(name for name in namespaces if name not in earlier),
        tuple(name for name in earlier if name not in namespaces),
        methods,
        removed,
    )
    # The old one must not keep those before it.
    old.memo.pop("difference", None)
    new.memo["difference"] = old, change
    return change


def _other_methods(
    old: tuple[MethodInfo, ...], new: tuple[MethodInfo, ...]
) -> tuple[tuple[MethodInfo, ...], tuple[MethodKey, ...]]:
    """Those that are new or have other flags, and those that are gone."""
    # Mostly some are added at the end; to see that is many times as fast as to look each of them up.
    if new[: len(old)] == old:
        return new[len(old) :], ()
    # Or few are other ones, beside each other.
    least = min(len(old), len(new))
    begin = same_at_begin(old, new, least)
    end = same_at_begin(old[::-1], new[::-1], least - begin)
    old, new = old[begin : len(old) - end], new[begin : len(new) - end]
    before = {info.key: info for info in old}
    now = {info.key: info for info in new}
    others = [info for key, info in now.items() if (it := before.get(key)) is not info and it != info]
    return tuple(others), tuple(key for key in before if key not in now)


def same_at_begin(old: tuple[MethodInfo, ...], new: tuple[MethodInfo, ...], most: int) -> int:
    """How many methods are the same at the beginning, of the first `most`."""
    begin, step = 0, 64
    while begin < most:
        # To compare many at once is fast, so each time twice as many are.
        end = min(begin + step, most)
        if old[begin:end] != new[begin:end]:
            return next(at for at in range(begin, end) if old[at] != new[at])
        begin, step = end, 2 * step
    return most
