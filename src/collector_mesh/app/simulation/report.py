"""A run as one page that opens from disk: the mesh, its calls, its faults, its links, its last events."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collector_mesh.adapters.simulated.trace import Line
    from collector_mesh.app.simulation.sim import Sim

_WIDTH, _LEFT, _BINS = 960, 190, 80
_PLOT = _WIDTH - _LEFT - 20
_MOST_LANES, _MOST_NODES, _LAST_LINES = 60, 300, 60

_ENDS = {
    "restart": ("crash", "stop"),
    "resume": ("pause",),
    "unclog": ("clog", "cut"),
    "heal": ("partition", "cut", "clog"),
    "calm": ("slow", "pause"),
    "slow": ("slow",),
}
"""What ends which faults."""

_SHOWN = ("live", "suspect", "draining")

Lanes = dict[str, list[tuple[float, float, str]]]
"""Spans of time, from, to, and of what kind, each in a lane with a name."""

_BANDS = ("crash", "stop", "pause", "slow", "clog", "cut", "partition")
_MOMENTS = ("wire", "clock_skew", "clock_rate")

Fault = tuple[str, tuple[str, ...]]
"""What it is, and where."""

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:980px;padding:0 1em;color:#1c2733;background:#fff}
h1{font-size:1.4em}h2{font-size:1.05em;margin:1.8em 0 .3em}
svg{width:100%;height:auto}text{font-size:11px;fill:#45525f}
.failure{background:#fde8e6;border-left:4px solid #c0392b;padding:.6em 1em;white-space:pre-wrap}
pre{font-size:12px;overflow-x:auto;background:#f4f6f8;padding:.8em}
.ok{fill:#2a9d8f}.refused{fill:#e9a23b}.failed{fill:#c0392b}.fault{fill:#8e6bbf;opacity:.75}
.live{fill:#2a9d8f}.suspect{fill:#e9a23b}.draining{fill:#4f86c6}.edge{stroke:#9fb0bf;stroke-width:1}.node{fill:#2f6690}.down{fill:#c0392b}.axis{stroke:#c6d0d9}
.key{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}
"""


def page(sim: "Sim", scenario: str, failure: str) -> str:
    """The page of a run that has ended, by a failure or well.

    Args:
        sim: the run.
        scenario: its name.
        failure: why it has failed, empty if it has not.
    """
    end = max(sim.now, 1e-9)
    outcomes = ", ".join(f"{count} of {code}" for code, count in sorted(sim.watch.outcomes.items())) or "none"
    told = f'<p class="failure">{escape(failure)}</p>' if failure else "<p>It has ended well.</p>"
    parts = [
        f"<h1>{escape(scenario)}, seed {sim.seed}</h1>{told}",
        (
            f"<p>{end:.3f} virtual seconds, {sim.watch.calls} calls ({outcomes}), {sim.trace.frames} frames."
            f" Digest {sim.trace.digest}.</p>"
        ),
        "<h2>Who was linked with whom; red: down at the end</h2>",
        _mesh(sim),
        "<h2>Calls by the time at which they began, in virtual seconds</h2>",
        (
            '<p><i class="key" style="background:#2a9d8f"></i>200<i class="key" style="background:#e9a23b"></i>4xx'
            '<i class="key" style="background:#c0392b"></i>5xx</p>'
        ),
        _calls(sim, end),
        "<h2>Faults</h2>",
        _lanes(_fault_lanes(sim.trace.faults, end), end),
        "<h2>Links, as the collector named first sees them</h2>",
        (
            '<p><i class="key" style="background:#2a9d8f"></i>live<i class="key" style="background:#e9a23b"></i>suspect'
            '<i class="key" style="background:#4f86c6"></i>draining; nothing: not there</p>'
        ),
        _lanes(_link_lanes(sim.watch.links, end), end),
        "<h2>How long calls took</h2>",
        _latencies([took for _, took, _ in sim.watch.latencies]),
        f"<h2>The last events{' before the failure' if failure else ''}</h2>",
        f"<pre>{_last(list(sim.trace.lines)[-_LAST_LINES:])}</pre>",
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(scenario)}, seed {sim.seed}</title>'
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _svg(height: float, body: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height:.0f}" role="img">{body}</svg>'


def _mesh(sim: "Sim") -> str:
    pairs = dict.fromkeys(tuple(sorted(link[1:3])) for link in sim.watch.links)
    down = set(sim.down_at_end)
    names = sorted(sim.collectors)[:_MOST_NODES]
    places = {
        name: (
            480 + 200 * math.cos(2 * math.pi * index / len(names)),
            240 + 200 * math.sin(2 * math.pi * index / len(names)),
        )
        for index, name in enumerate(names)
    }
    body = []
    for one, other in pairs:
        if one in places and other in places:
            (x1, y1), (x2, y2) = places[one], places[other]
            body.append(
                f'<line class="edge" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"><title>{escape(one)}-'
                f" {escape(other)}</title></line>"
            )
    for name, (x, y) in places.items():
        size, kind = (7, "down" if name in down else "node")
        body.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size}"><title>{escape(name)}</title></circle>'
        )
        if len(names) <= 40:
            anchor = "start" if x >= 480 else "end"
            body.append(
                f'<text x="{x + (12 if x >= 480 else -12):.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{escape(name)}</text>'
            )
    return _svg(480, "".join(body))


def _calls(sim: "Sim", end: float) -> str:
    bins = [[0, 0, 0] for _ in range(_BINS)]
    for began, _, code in sim.watch.latencies:
        bins[min(_BINS - 1, int(began / end * _BINS))][0 if code == 200 else 1 if code < 500 else 2] += 1
    most = max(1, *(sum(counts) for counts in bins))
    body, wide = [], _PLOT / _BINS
    for index, counts in enumerate(bins):
        y = 160.0
        for kind, count in zip(("ok", "refused", "failed"), counts, strict=True):
            high = 150 * count / most
            y -= high
            if count:
                body.append(_bar(kind, _LEFT + index * wide, y, wide - 1, high, f"{count} calls"))
    body.append(f'<text x="{_LEFT - 6}" y="16" text-anchor="end">{most}</text>' + _axis(160, end))
    return _svg(180, "".join(body))


def _latencies(seconds: Sequence[float]) -> str:
    if not seconds:
        return "<p>There were none.</p>"
    low, high, count = 1e-4, 100.0, 48
    span = math.log(high / low)
    bins = [0] * count
    for took in seconds:
        bins[int(min(count - 1, max(0.0, math.log(max(took, low) / low) / span * count)))] += 1
    most, wide = max(bins), _PLOT / count
    bars = [
        _bar("ok", _LEFT + index * wide, 130 - 120 * n / most, wide - 1, 120 * n / most, f"{n} calls")
        for index, n in enumerate(bins)
        if n
    ]
    ticks = [
        f'<text x="{_LEFT + _PLOT * math.log(tick / low) / span:.1f}" y="145" text-anchor="middle">{tick:g} s</text>'
        for tick in (0.001, 0.01, 0.1, 1.0, 10.0)
    ]
    ordered = sorted(seconds)
    told = ", ".join(
        f"p{p} {ordered[min(len(ordered) - 1, len(ordered) * p // 100)]:.4f} s" for p in (50, 90, 99)
    )
    return f"<p>{told}, longest {ordered[-1]:.4f} s.</p>" + _svg(150, "".join(bars + ticks))


def _fault_lanes(faults: Iterable["Line"], end: float) -> Lanes:
    """Each fault with the times at which it was on."""
    lanes: Lanes = {}
    on: dict[Fault, float] = {}
    for nanoseconds, word, about in faults:
        now = nanoseconds / 1e9
        for fault in [fault for fault in on if _ends(fault, word, about)]:
            lanes.setdefault(_named(fault), []).append((on.pop(fault), now, "fault"))
        if word in _MOMENTS:
            lanes.setdefault(_named((word, about[:2])), []).append((now, now, "fault"))
        elif word in _BANDS and about[1:] != ("0.0",):
            on.setdefault((word, about), now)
    for fault, began in on.items():
        lanes.setdefault(_named(fault), []).append((began, end, "fault"))
    return lanes


def _ends(fault: Fault, word: str, about: tuple[str, ...]) -> bool:
    """Whether what is done to the mesh now ends a fault."""
    kind, where = fault
    if kind not in _ENDS.get(word, ()):
        return False
    return word in ("heal", "calm") or where[:1] == about[:1] or set(where) == set(about)


def _named(fault: Fault) -> str:
    return " ".join((fault[0], *fault[1]))


def _link_lanes(links: Iterable[tuple[float, str, str, str]], end: float) -> Lanes:
    lanes: Lanes = {}
    on: dict[str, tuple[float, str]] = {}
    for now, one, other, state in links:
        name = f"{one} to {other}"
        since, before = on.get(name, (now, ""))
        if state == before:
            continue
        if before in _SHOWN:
            lanes.setdefault(name, []).append((since, now, before))
        on[name] = now, state
    for name, (since, state) in on.items():
        if state in _SHOWN:
            lanes.setdefault(name, []).append((since, end, state))
    return dict(sorted(lanes.items()))


def _lanes(lanes: Lanes, end: float) -> str:
    if not lanes:
        return "<p>There were none.</p>"
    body = []
    for index, (name, spans) in enumerate(list(lanes.items())[:_MOST_LANES]):
        y = index * 16
        shown = name if len(name) <= 30 else f"{name[:29]}…"
        body.append(
            f'<text x="{_LEFT - 6}" y="{y + 12}" text-anchor="end">{escape(shown)}<title>{escape(name)}</title></text>'
        )
        for began, ended, kind in spans:
            wide = max(2.0, (ended - began) / end * _PLOT)
            told = f"{name}: {kind} from {began:.3f} to {ended:.3f} s"
            body.append(_bar(kind, _LEFT + began / end * _PLOT, y + 3, wide, 11, told))
    high = 16 * min(len(lanes), _MOST_LANES) + 4
    more = f"<p>and {len(lanes) - _MOST_LANES} more</p>" if len(lanes) > _MOST_LANES else ""
    return _svg(high + 18, "".join(body) + _axis(high, end)) + more


def _bar(kind: str, x: float, y: float, wide: float, high: float, told: str) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}">'
        f"<title>{escape(told)}</title></rect>"
    )


def _axis(y: float, end: float) -> str:
    ticks = [
        f'<text x="{_LEFT + _PLOT * part / 4:.0f}" y="{y + 13:.0f}" text-anchor="middle">{end * part / 4:.1f} s</text>'
        for part in range(5)
    ]
    return f'<line class="axis" x1="{_LEFT}" x2="{_LEFT + _PLOT}" y1="{y}" y2="{y}"/>' + "".join(ticks)


def _last(lines: Iterable["Line"]) -> str:
    return escape("\n".join(f"{at / 1e9:12.6f}  {word}  {' '.join(about)}" for at, word, about in lines))
