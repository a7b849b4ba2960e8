"""What the charts of a report are drawn with: SVG, virtual time from left to right, durations by their logarithm."""

import math
from collections.abc import Sequence
from html import escape

import attrs

from collector_mesh.app.simulation.report.spans import Shade

WIDTH = 1040
"""Width of every picture, in units of SVG: about pixels."""

LEFT, PLOT = 222, 784
"""Where charts begin, and how wide they are."""


def svg(high: float, body: str, about: str) -> str:
    """A picture of the usual width."""
    return (
        f'<div class="chart"><svg viewBox="0 0 {WIDTH} {high:.0f}" role="img" aria-label="{escape(about)}">'
        f"{body}</svg></div>"
    )


def clipped(name: str, most: int) -> str:
    """A name cut to a number of characters; what is in its middle goes first."""
    if len(name) <= most:
        return name
    return f"{name[: most // 2]}…{name[len(name) - (most - 1) // 2 :]}"


def duration(seconds: float) -> str:
    """Seconds in a unit that suits them, with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:.3g} {unit}"
    return "0 s" if not seconds else f"{seconds * 1e9:.3g} ns"


def steps(most: float, count: int) -> tuple[float, int]:
    """The smallest round step of which `count` reach `most`, and how many decimals it needs."""
    exponent = math.floor(math.log10(most / count))
    for factor in (1, 2, 5):
        if factor * 10.0**exponent * count >= most * (1 - 1e-9):
            return factor * 10.0**exponent, max(0, -exponent)
    return 10.0 ** (exponent + 1), max(0, -exponent - 1)


def rect(kind: str, x: float, y: float, wide: float, high: float, about: str = "") -> str:
    """A rectangle of a class, which tells what it is about."""
    title = f"<title>{escape(about)}</title>" if about else ""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}">{title}</rect>'
    )


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A line of a class."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def text(x: float, y: float, anchor: str, said: str, kind: str = "") -> str:
    """What is said at a place: beginning, in the middle or ending there, by the anchor."""
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text{of_kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


@attrs.frozen
class TimeAxis:
    """Virtual time from left to right, the same in every chart.

    Attributes:
        end: of the run, in virtual seconds.
        shades: what is shaded behind charts.
        marks: times that are marked in every chart, with what they are.
    """

    end: float
    shades: Sequence[Shade] = ()
    marks: Sequence[tuple[float, str]] = ()

    @property
    def top(self) -> float:
        """Where a chart begins, below what marks are called."""
        return 8.0 + 13.0 * len(self.marks)

    def x(self, time: float) -> float:
        """Where a time is."""
        return LEFT + PLOT * min(1.0, time / self.end)

    def between(self, begin: float, end: float) -> str:
        """Two times, as people read them."""
        decimals = steps(self.end, 1000)[1]
        if begin == end:
            return f"at {begin:.{decimals}f} s"
        return f"{begin:.{decimals}f} s to {end:.{decimals}f} s"

    def behind(self, high: float, *, shaded: bool = True, told: bool = False) -> str:
        """What stands behind a chart of that height.

        Args:
            high: how high the chart is.
            shaded: whether shades stand there.
            told: whether each of them tells what was on, of which there may be much.
        """
        body = []
        for shade in self.shades if shaded else ():
            x, many = self.x(shade.begin), min(3, len(shade.faults))
            about = f"{self.between(shade.begin, shade.end)}: {'; '.join(shade.faults)}" if told else ""
            wide = max(1.0, self.x(shade.end) - x)
            body.append(rect(f"shade shade{many}", x, self.top, wide, high, clipped(about, 400)))
        for time, _ in self._ticks():
            body.append(line("grid", self.x(time), self.top, self.x(time), self.top + high))
        return "".join(body)

    def before(self, high: float) -> str:
        """What stands in front of a chart of that height, and below it."""
        bottom = self.top + high
        body = [line("axis", LEFT, bottom, LEFT + PLOT, bottom)]
        body += [text(self.x(time), bottom + 15, "middle", told) for time, told in self._ticks()]
        for index, (time, about) in enumerate(self.marks):
            x, y = self.x(time), 13.0 * (index + 1)
            body.append(line("mark", x, y - 9, x, bottom))
            is_right = x > LEFT + PLOT / 2
            body.append(text(x - 5 if is_right else x + 5, y, "end" if is_right else "start", about, "mark"))
        return "".join(body)

    def picture(self, high: float, body: str, about: str) -> str:
        """A chart of that height with its axis."""
        return svg(self.top + high + 22, body + self.before(high), f"{about}, over virtual time")

    def _ticks(self) -> list[tuple[float, str]]:
        step, decimals = steps(self.end, 10)
        count = math.floor(self.end / step * (1 + 1e-9))
        return [(step * index, f"{step * index:.{decimals}f} s") for index in range(count + 1)]


class Decades:
    """Durations on a logarithmic axis of whole decades, from 0.1 ms on.

    Args:
        durations: what must have a place on it, in seconds; at least one.
    """

    def __init__(self, durations: Sequence[float]) -> None:
        self.low = math.floor(math.log10(max(1e-4, min(durations))))
        self.high = max(self.low + 1, math.ceil(math.log10(max(1e-4, *durations))))
        self.is_cut = min(durations) < 10.0**self.low

    def share(self, seconds: float) -> float:
        """Where a duration is, from 0 to 1."""
        place = math.log10(max(seconds, 10.0**self.low)) - self.low
        return min(1.0, place / (self.high - self.low))

    def ticks(self, most_decades: int) -> list[tuple[float, str]]:
        """Durations, and what they are called; all that is shorter is at the first one.

        Args:
            most_decades: with more of them only these have a tick, else 1, 2 and 5 in each.
        """
        factors = (1, 2, 5) if self.high - self.low <= most_decades else (1,)
        found = [
            (factor * 10.0**exponent, duration(factor * 10.0**exponent))
            for exponent in range(self.low, self.high + 1)
            for factor in (factors if exponent < self.high else (1,))
        ]
        if self.is_cut:
            found[0] = found[0][0], f"≤ {found[0][1]}"
        return found
