"""The picture of a mesh in a report: who was linked with whom, and how they were at a time."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from collector_mesh.app.simulation.report.axes import WIDTH, clipped, svg
from collector_mesh.app.simulation.report.spans import LinkLanes, at, natural

MOST_NODES = 500
"""Collectors in the picture."""

MOST_EDGES = 5_000
"""Links in the picture."""

_MOST_ACROSS, _MOST_AROUND = 24, 240
_LETTER = 6.4

_TOLD = {"crash": "crashed", "stop": "stopped", "pause": "paused", "slow": "slow"}
_GONE = ("crash", "stop")


def mesh_chart(names: Iterable[str], links: LinkLanes, conditions: Mapping[str, str], time: float) -> str:
    """Collectors on a circle, those with far more links than others in its middle, as they were at a time."""
    places, inner, radius = _places(sorted(names, key=natural)[:MOST_NODES], links)
    nodes, labels, longest = [], [], 0
    for name, (x, y) in places.items():
        condition = conditions.get(name, "")
        kind = "gone" if condition in _GONE else "hampered" if condition else "up"
        told = f"{name}, {_TOLD[condition]}" if condition else name
        size = 8.0 if name in inner else min(7.0, max(2.0, 2.3 * radius / len(places)))
        cross = f'<path class="cross" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"/>' if kind == "gone" else ""
        nodes.append(
            f'<g><title>{escape(told)}</title><circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}"/>'
            f"{cross}</g>"
        )
        if name in inner or len(places) <= _MOST_AROUND:
            label = clipped(name, 22) + (f" ({_TOLD[condition]})" if condition else "")
            longest = max(longest, len(label))
            is_around = len(places) > _MOST_ACROSS and name not in inner
            labels.append((_around if is_around else _across)(label, x, y, size))
    margin = longest * _LETTER + 24 if len(places) > _MOST_ACROSS else 34.0
    above, below = (sign * max(sign * y for _, y in places.values()) for sign in (-1, 1))
    high = below - above + 2 * margin
    body = f'<g transform="translate({WIDTH / 2:.0f} {margin - above:.1f})">{_edges(places, links, time)}'
    return svg(high, f"{body}{''.join(nodes)}{''.join(labels)}</g>", "The mesh")


def pairs(links: LinkLanes) -> list[tuple[str, str]]:
    """Those that were linked, each two once."""
    return list(dict.fromkeys((min(link), max(link)) for link in links))


def _places(
    names: Sequence[str], links: LinkLanes
) -> tuple[dict[str, tuple[float, float]], Mapping[str, None], float]:
    """Where each is around the middle, who is on the inner circle, and how wide the outer one is."""
    degrees = Counter(name for pair in pairs(links) for name in pair)
    median = sorted(degrees[name] for name in names)[len(names) // 2]
    inner = dict.fromkeys(name for name in names if degrees[name] > 2 * max(1, median))
    if len(inner) > len(names) // 3:
        inner = {}
    outer = [name for name in names if name not in inner]
    radius = min(340.0, max(150.0, len(outer) * 11 / (2 * math.pi))) if len(names) > 1 else 20.0
    within = 0.0 if len(inner) == 1 else radius * 0.4
    places = _circle(outer, radius if len(names) > 1 else 0.0) | _circle(list(inner), within)
    return places, inner, radius


def _circle(names: Sequence[str], radius: float) -> dict[str, tuple[float, float]]:
    first = math.pi if len(names) == 2 else -math.pi / 2
    angles = [2 * math.pi * index / len(names) + first for index in range(len(names))]
    return {
        name: (radius * math.cos(angle), radius * math.sin(angle))
        for name, angle in zip(names, angles, strict=True)
    }


def _edges(places: Mapping[str, tuple[float, float]], links: LinkLanes, time: float) -> str:
    """Links as three paths: those that are well at a time, those in doubt, and those that are gone."""
    paths: dict[str, list[str]] = {"linked": [], "doubtful": [], "lost": []}
    drawn = [pair for pair in pairs(links) if pair[0] in places and pair[1] in places]
    for one, other in drawn[:MOST_EDGES]:
        seen = {span.kind for link in ((one, other), (other, one)) if (span := at(links.get(link, ()), time))}
        kind = "linked"
        if seen & {"suspect", "draining"}:
            kind = "doubtful"
        if not seen or seen & {"reconnecting", "dead", "down"}:
            kind = "lost"
        (x1, y1), (x2, y2) = places[one], places[other]
        paths[kind].append(f"M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}")
    # So many of them would hide each other, and what is wrong among them.
    faint = f' style="stroke-opacity:{max(0.1, min(0.7, 200 / len(drawn))):.2f}"' if drawn else ""
    return "".join(
        f'<path class="{kind}"{faint if kind == "linked" else ""} d="{"".join(path)}"/>'
        for kind, path in paths.items()
        if path
    )


def _across(label: str, x: float, y: float, size: float) -> str:
    """A name beside its collector, away from the middle."""
    side = 0 if abs(x) < 30 else 1 if x > 0 else -1
    anchor = {0: "middle", 1: "start", -1: "end"}[side]
    down = 4.0 if side else size + 13 if y > 0 else -size - 6
    return (
        f'<text class="name" x="{x + side * (size + 5):.1f}" y="{y + down:.1f}" text-anchor="{anchor}">'
        f"{escape(label)}</text>"
    )


def _around(label: str, x: float, y: float, size: float) -> str:
    """A name that goes on outwards where its collector is."""
    angle, is_left = math.degrees(math.atan2(y, x)), x < 0
    turn, beside, anchor = (angle + 180, -size - 5, "end") if is_left else (angle, size + 5, "start")
    return (
        f'<text class="name" transform="translate({x:.1f} {y:.1f}) rotate({turn:.1f})" x="{beside:.1f}" y="3.5"'
        f' text-anchor="{anchor}">{escape(label)}</text>'
    )
