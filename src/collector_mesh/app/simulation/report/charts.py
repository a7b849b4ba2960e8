"""The charts of a report, as SVG: what has happened over virtual time, and how long calls took."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from collector_mesh.app.simulation.report.axes import (
    LEFT,
    PLOT,
    Decades,
    TimeAxis,
    clipped,
    duration,
    line,
    rect,
    steps,
    svg,
    text,
)
from collector_mesh.app.simulation.report.spans import LinkLanes, Span

_HIGH = 150
_LANE = 16
_MOST_BINS, _COLUMNS = 100, 392

OUTCOMES = {
    "ok": "200",
    "refused": "4xx, refused",
    "failed": "5xx, failed",
    "open": "no reply",
}
"""Kinds of outcomes, and what they are called."""

STATES = {
    "live": "live",
    "draining": "draining",
    "suspect": "suspect",
    "reconnecting": "reconnecting",
    "dead": "dead",
    "down": "crashed itself",
}
"""States of a link, and what they are called."""

_THIN = {"dead": 2, "reconnecting": 5}
_BAR = 11

Reply = tuple[float, float, int]
"""Of a call: when it began, how long it took, its code."""


def outcome(code: int) -> str:
    """The kind of outcome that a code is."""
    return "ok" if code == 200 else "refused" if code < 500 else "failed"


def calls_chart(axis: TimeAxis, replies: Iterable[Reply], unanswered: Iterable[float]) -> str:
    """How many calls began when, and what has come of them."""
    step, decimals = steps(axis.end, _MOST_BINS)
    last = max(0, math.ceil(axis.end / step * (1 - 1e-9)) - 1)
    bins: dict[int, Counter[str]] = {}
    codes: dict[int, Counter[str]] = {}
    for began, kind, told in [
        *((began, outcome(code), str(code)) for began, _, code in replies),
        *((began, "open", "no reply") for began in unanswered),
    ]:
        # Binary fractions: what begins with a bin is not to fall into the one before.
        index = min(last, int(began / step + 1e-9))
        bins.setdefault(index, Counter())[kind] += 1
        codes.setdefault(index, Counter())[told] += 1
    most = max(counts.total() for counts in bins.values())
    bars = []
    for index, counts in sorted(bins.items()):
        told = ", ".join(f"{code}: {count}" for code, count in sorted(codes[index].items()))
        x, end = axis.x(index * step), axis.x((index + 1) * step)
        about = f"{axis.between(index * step, (index + 1) * step)}: {told}"
        bars.append(_stack(counts, most, x, max(1.0, end - x - 1), axis.top, about))
    counted = _counts_axis(axis.top, most, "calls begun", f"per {step:.{decimals}f} s")
    body = f"{axis.behind(_HIGH, told=True)}{counted}{''.join(bars)}"
    return axis.picture(_HIGH, body, "Calls and their outcomes")


def _stack(counts: Mapping[str, int], most: int, x: float, wide: float, top: float, about: str) -> str:
    """Bars of outcomes on top of each other, which tell together what they are about."""
    y, body = top + _HIGH, []
    for kind in OUTCOMES:
        if count := counts.get(kind, 0):
            # One failure among a thousand calls is what somebody looks for.
            high = max(2.0, (_HIGH - 6) * count / most)
            y -= high
            body.append(rect(kind, x, y, wide, high))
    return f"<g><title>{escape(about)}</title>{''.join(body)}</g>"


def _counts_axis(top: float, most: int, *about: str) -> str:
    """Whole numbers from the bottom up, and what they count."""
    step = max(1, round(steps(most, 5)[0]))
    body = [text(0, top + 12 + 14 * index, "start", said) for index, said in enumerate(about)]
    for count in range(0, most + 1, step):
        y = top + _HIGH - (_HIGH - 6) * count / most
        body.append(line("grid", LEFT, y, LEFT + PLOT, y) + text(LEFT - 6, y + 4, "end", f"{count:,}"))
    return "".join(body)


def lanes_chart(axis: TimeAxis, lanes: Mapping[str, Sequence[Span]], about: str, *, shaded: bool) -> str:
    """Spans of time, a lane for each name."""
    high = _LANE * len(lanes) + 4
    body = [axis.behind(high, shaded=shaded)]
    for index, (name, spans) in enumerate(lanes.items()):
        middle = axis.top + _LANE * (index + 0.5) + 2
        label = text(LEFT - 8, middle + 4, "end", _label(name), "name")
        body.append(f"<g><title>{escape(clipped(name, 400))}</title>{label}</g>")
        body.append(line("grid", LEFT, middle, LEFT + PLOT, middle))
        for span in spans:
            told = f"{axis.between(span.begin, span.end)}: {clipped(span.about, 400)}"
            x, thick = axis.x(span.begin), _THIN.get(span.kind, _BAR)
            if span.begin == span.end:
                if span.kind not in STATES:
                    shape = f"M{x:.1f} {middle - 6:.1f}l5 6l-5 6l-5 -6z"
                    body.append(f'<path class="moment" d="{shape}"><title>{escape(told)}</title></path>')
                continue
            kind = span.kind if span.kind in STATES or span.kind == "chaos" else "fault"
            wide = max(2.0, axis.x(span.end) - x)
            x = min(x, LEFT + PLOT - wide)
            body.append(rect(kind, x, middle - thick / 2, wide, thick, told))
    return axis.picture(high, "".join(body), about)


def _label(name: str) -> str:
    """The name of a lane, so short that it stands beside it."""
    return clipped(" ".join(clipped(word, 14) for word in name.split(" ")), 33)


def link_counts_chart(axis: TimeAxis, lanes: LinkLanes) -> str:
    """How many links were in which state when."""
    changes = {state: [0] * (_COLUMNS + 1) for state in STATES}
    for spans in lanes.values():
        for span in spans:
            columns = [round(time / axis.end * _COLUMNS) for time in (span.begin, span.end)]
            changes[span.kind][columns[0]] += 1
            changes[span.kind][columns[1]] -= 1
    most, body = len(lanes), [axis.behind(_HIGH)]
    counts, since, wide = dict.fromkeys(STATES, 0), 0, PLOT / _COLUMNS
    for column in range(_COLUMNS + 1):
        now = {state: counts[state] + changes[state][column] for state in STATES}
        if now != counts or column == _COLUMNS:
            about = ", ".join(f"{count} {STATES[state]}" for state, count in counts.items() if count)
            times = axis.between(since / _COLUMNS * axis.end, column / _COLUMNS * axis.end)
            y, bars = axis.top + _HIGH, []
            for state, count in counts.items():
                if count:
                    high = (_HIGH - 6) * count / most
                    y -= high
                    bars.append(rect(state, LEFT + since * wide, y, (column - since) * wide, high))
            body.append(
                f'<g class="crisp"><title>{times}: {about}</title>{"".join(bars)}</g>' if bars else ""
            )
            counts, since = now, column
    body.append(_counts_axis(axis.top, most, "links by state"))
    return axis.picture(_HIGH, "".join(body), "Links by their state")


def durations_chart(axis: TimeAxis, replies: Sequence[Reply]) -> str:
    """When each call began, and how long it took."""
    decades = Decades([took for _, took, _ in replies])
    bottom = axis.top + _HIGH
    body = [axis.behind(_HIGH), text(0, axis.top + 12, "start", "each call: how long it took")]
    for seconds, told in decades.ticks(2):
        y = bottom - (_HIGH - 6) * decades.share(seconds)
        body.append(line("grid", LEFT, y, LEFT + PLOT, y) + text(LEFT - 6, y + 4, "end", told))
    dots: dict[str, dict[str, None]] = {kind: {} for kind in OUTCOMES}
    for began, took, code in replies:
        y = bottom - (_HIGH - 6) * decades.share(took)
        # Calls that nobody could tell apart are one dot, which keeps the page of a long run small.
        dots[outcome(code)][f"M{axis.x(began):.0f} {y:.0f}h0"] = None
    body += [
        f'<path class="dots {kind}" d="{"".join(of_kind)}"/>' for kind, of_kind in dots.items() if of_kind
    ]
    return axis.picture(_HIGH, "".join(body), "How long calls took")


def distribution_chart(replies: Sequence[Reply]) -> str:
    """How many calls took how long, by their outcome, with percentiles."""
    ordered = sorted(took for _, took, _ in replies)
    decades = Decades(ordered)
    in_decade = max(10, 40 // (decades.high - decades.low))
    count = (decades.high - decades.low) * in_decade
    bins: dict[int, Counter[str]] = {}
    for _, took, code in replies:
        index = min(count - 1, int(decades.share(took) * count + 1e-9))
        bins.setdefault(index, Counter())[outcome(code)] += 1
    most = max(counts.total() for counts in bins.values())
    top, wide, body = 44.0, PLOT / count, [_counts_axis(44.0, most, "calls by how long", "they took")]
    for index, counts in sorted(bins.items()):
        low, high = (10 ** (decades.low + (index + more) / in_decade) for more in (0, 1))
        low = 0.0 if decades.is_cut and not index else low
        told = ", ".join(f"{name}: {counts[kind]}" for kind, name in OUTCOMES.items() if counts[kind])
        about = f"{duration(low)} to {duration(high)}: {told}"
        body.append(_stack(counts, most, LEFT + index * wide, wide - 1, top, about))
    body.append(line("axis", LEFT, top + _HIGH, LEFT + PLOT, top + _HIGH))
    for seconds, told in decades.ticks(4):
        body.append(text(LEFT + PLOT * decades.share(seconds), top + _HIGH + 15, "middle", told))
    body += _percentiles(ordered, decades, top + _HIGH)
    return svg(top + _HIGH + 22, "".join(body), "How many calls took how long")


def _percentiles(ordered: Sequence[float], decades: Decades, bottom: float) -> Iterator[str]:
    marks = [(percent, percentile(ordered, percent)) for percent in (50, 90, 99)]
    has_room = decades.share(marks[-1][1]) < 0.85
    # The names stand so that none is crossed by the line of another.
    for row, (percent, took) in enumerate(marks if has_room else reversed(marks)):
        x, y = LEFT + PLOT * decades.share(took), 12.0 + 13 * row
        yield line("percentile", x, y - 9, x, bottom)
        yield text(
            x + 4 if has_room else x - 4, y, "start" if has_room else "end", f"p{percent} {duration(took)}"
        )


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The value that a percentage of all values do not exceed; there is one at least."""
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
