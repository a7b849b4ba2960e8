"""Meshes of several shapes and sizes: who dials whom."""

import random
from collections.abc import Callable

import attrs

HUBS = 3


@attrs.frozen
class Shape:
    """A way to connect collectors.

    Attributes:
        name: of the shape.
        sizes: numbers of collectors that are measured.
        dialed: gives whom each of so many collectors dials, by number.
        hubs: how many of them, the first ones, pass calls on.
    """

    name: str
    sizes: tuple[int, ...]
    dialed: Callable[[int], list[list[int]]]
    hubs: int = 0


def full(count: int) -> list[list[int]]:
    """Everybody with everybody."""
    return [list(range(one)) for one in range(count)]


def star(count: int) -> list[list[int]]:
    """Everybody with two hubs of three, and the hubs with each other."""
    return [
        list(range(one)) if one < HUBS else sorted({one % HUBS, (one + 1) % HUBS}) for one in range(count)
    ]


def regular(count: int, degree: int) -> list[list[int]]:
    """Everybody with exactly so many others, drawn at random; with all of them where there are no more.

    Source: A. Steger and N. C. Wormald, "Generating random regular graphs quickly", 1999: ends are paired at random,
    and those whose pair is of no use again, until none is left.
    """
    if count <= degree + 1:
        return full(count)
    dice = random.Random(1)
    while (dialed := _paired(count, degree, dice)) is None:
        pass
    return dialed


def _paired(count: int, degree: int, dice: random.Random) -> list[list[int]] | None:
    """One try; None if the last ends cannot be paired."""
    edges: dict[tuple[int, int], None] = {}
    ends = [one for one in range(count) for _ in range(degree)]
    while ends:
        dice.shuffle(ends)
        left: list[int] = []
        for one, other in zip(ends[::2], ends[1::2], strict=True):
            pair = max(one, other), min(one, other)
            if one == other or pair in edges:
                left += pair
            else:
                edges[pair] = None
        if len(left) == len(ends) and all(
            one == other or (max(one, other), min(one, other)) in edges for one in left for other in left
        ):
            return None
        ends = left
    dialed: list[list[int]] = [[] for _ in range(count)]
    for one, other in edges:
        dialed[one].append(other)
    return dialed


SHAPES = (
    Shape("full mesh", (10, 30, 100, 300), full),
    Shape("hubs with relay", (10, 30, 100, 300), star, hubs=HUBS),
    Shape("random, degree 8", (10, 100, 1000), lambda count: regular(count, 8)),
    Shape("random, degree 4", (10, 100, 1000, 10_000), lambda count: regular(count, 4)),
)
