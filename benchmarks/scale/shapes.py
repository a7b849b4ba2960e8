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
    """Everybody with so many others, drawn at random: for each two a ring of all, in a drawn order.

    Who meets somebody for the second time has a link less, which is rare in a large mesh.
    """
    dice = random.Random(1)
    order = list(range(count))
    dialed: list[dict[int, None]] = [{} for _ in range(count)]
    for _ in range(degree // 2):
        dice.shuffle(order)
        for one, other in zip(order, [*order[1:], order[0]], strict=True):
            if one not in dialed[other]:
                dialed[one][other] = None
    return [list(others) for others in dialed]


SHAPES = (
    Shape("full mesh", (10, 30, 100, 200), full),
    Shape("hubs with relay", (10, 30, 100, 300), star, hubs=HUBS),
    Shape("random, degree 8", (10, 100, 1000), lambda count: regular(count, 8)),
    Shape("random, degree 4", (10, 100, 1000, 10_000), lambda count: regular(count, 4)),
)
