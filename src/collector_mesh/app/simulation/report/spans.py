"""A run as spans of time: while which fault was on, and how each collector has seen each peer."""

import re
from collections.abc import Iterable, Iterator, Sequence

import attrs

from collector_mesh.adapters.simulated.trace import Line

_ENDS = {
    "crash": ("pause", "slow"),
    "restart": ("crash", "stop", "pause", "slow"),
    "resume": ("pause",),
    "slow": ("slow",),
    "unclog": ("clog",),
    "mend": ("cut",),
    "heal": ("clog", "cut", "partition"),
    "calm": ("pause", "slow", "loss", "bandwidth", "chaos"),
}
"""What ends which faults."""

_SHADING = ("crash", "stop", "pause", "slow", "clog", "cut", "partition", "loss", "bandwidth")
"""What may hurt calls while it lasts; how long frames take is a condition, and chaos is only the others together."""

_OF_HOSTS = ("crash", "stop", "pause", "slow")
_NO_EFFECT = ("loss=0", "bandwidth=inf")


@attrs.frozen
class Span:
    """A time in which something was so.

    Attributes:
        begin: in virtual seconds.
        end: the same; equal to the begin for what happens at once.
        kind: of fault, or the state of a link.
        about: all that is known of it, for people.
    """

    begin: float
    end: float
    kind: str
    about: str


@attrs.frozen
class Shade:
    """A time in which the same faults were on."""

    begin: float
    end: float
    faults: tuple[str, ...]


Lanes = dict[str, list[Span]]
"""Spans by the name of what they are about, in the order of time."""

LinkLanes = dict[tuple[str, str], list[Span]]
"""How a collector has seen a peer, by the ids of both."""


@attrs.frozen
class _Fault:
    kind: str
    where: tuple[str, ...]
    told: str = ""
    lasts: bool = True

    def span(self, begin: float, end: float) -> Span:
        return Span(begin, end, self.kind, f"{self.name}, {self.told}" if self.told else self.name)

    @property
    def name(self) -> str:
        match self.kind:
            case "partition":
                return f"partition {' | '.join(self.where)}"
            case "cut":
                return f"cut {' → '.join(self.where)}"
            case _:
                return f"{self.kind} {' ↔ '.join(self.where)}".rstrip()


def fault_lanes(faults: Iterable[Line], end: float) -> Lanes:
    """Each fault with the times at which it was on, in the order in which they came.

    Args:
        faults: all that was done to the mesh, as the trace has it.
        end: of the run; what is on then ends there.
    """
    lanes: Lanes = {}
    on: dict[_Fault, float] = {}
    for nanoseconds, word, about in faults:
        now = nanoseconds / 1e9
        for fault in [fault for fault in on if _ends(fault, word, about)]:
            lanes[fault.name].append(fault.span(on.pop(fault), now))
        for fault in _read(word, about):
            spans = lanes.setdefault(fault.name, [])
            if fault.lasts:
                on.setdefault(fault, now)
            else:
                spans.append(fault.span(now, now))
    for fault, began in on.items():
        lanes[fault.name].append(fault.span(began, end))
    return lanes


def _read(word: str, about: tuple[str, ...]) -> Iterator[_Fault]:
    """What a line of the trace begins."""
    match word:
        case "crash" | "stop" | "pause" | "clog" | "cut" | "partition":
            yield _Fault(word, about)
        case "slow" if float(about[1]):
            yield _Fault(word, about[:1], f"{float(about[1]):.3g} s")
        case "chaos":
            yield _Fault(word, (), f"{about[0]} faults a second")
        case "clock_skew":
            yield _Fault("clock jump", about[:1], f"{float(about[1]):+.3f} s", lasts=False)
        case "clock_rate":
            yield _Fault("clock rate", about[:1], f"times {about[1]}", lasts=False)
        case "wire":
            values = [value for value in about[2:] if value not in _NO_EFFECT]
            if values:
                kind = values[0].partition("=")[0]
                kind = "latency" if kind == "median" else kind
                yield _Fault(kind, about[:2], ", ".join(values), lasts=kind != "latency")


def _ends(fault: _Fault, word: str, about: tuple[str, ...]) -> bool:
    """Whether what is done to the mesh now ends a fault."""
    if word == "wire":
        is_set_anew = any(value.startswith(f"{fault.kind}=") for value in about[2:])
        return is_set_anew and set(fault.where) == set(about[:2])
    if word == "restore":
        return fault.kind in about[2:] and set(fault.where) == set(about[:2])
    if word == "heal" and about:
        return fault.kind == "partition" and set(fault.where) == set(about)
    if fault.kind not in _ENDS.get(word, ()):
        return False
    if word in ("heal", "calm"):
        return True
    return set(fault.where) == set(about if word in ("unclog", "mend") else about[:1])


def conditions(faults: Iterable[Line], time: float) -> dict[str, str]:
    """What is wrong with collectors at a time: `crash`, `stop`, `pause` or `slow`, by their ids."""
    on: dict[_Fault, None] = {}
    for nanoseconds, word, about in faults:
        if nanoseconds / 1e9 > time:
            break
        for fault in [fault for fault in on if _ends(fault, word, about)]:
            del on[fault]
        on.update(dict.fromkeys(fault for fault in _read(word, about) if fault.lasts))
    # The worst is told where there are several.
    return {fault.where[0]: kind for kind in reversed(_OF_HOSTS) for fault in on if fault.kind == kind}


def by_kind(lanes: Lanes) -> Lanes:
    """The same spans in one lane for each kind, where there are too many lanes to look at."""
    merged: Lanes = {}
    for spans in lanes.values():
        for span in spans:
            merged.setdefault(span.kind, []).append(span)
    return merged


def shades(lanes: Lanes) -> list[Shade]:
    """The times at which faults were on that may hurt calls, each with those that were on together."""
    changes: dict[float, tuple[list[Span], list[Span]]] = {}
    for spans in lanes.values():
        for span in spans:
            if span.kind in _SHADING and span.end > span.begin:
                changes.setdefault(span.begin, ([], []))[0].append(span)
                changes.setdefault(span.end, ([], []))[1].append(span)
    found, on, since = [], dict[Span, None](), 0.0
    for time, (begun, ended) in sorted(changes.items(), key=lambda change: change[0]):
        if on:
            found.append(Shade(since, time, tuple(span.about for span in on)))
        on.update(dict.fromkeys(begun))
        for span in ended:
            on.pop(span, None)
        since = time
    return found


def link_lanes(links: Iterable[tuple[float, str, str, str]], faults: Iterable[Line], end: float) -> LinkLanes:
    """How each collector has seen each peer; `down` while it was itself down after a crash, and saw nobody.

    Args:
        links: when a collector has seen a peer in what state.
        faults: all that was done to the mesh, as the trace has it.
        end: of the run.
    """
    lanes: LinkLanes = {}
    on: dict[tuple[str, str], tuple[float, str]] = {}

    def begin(link: tuple[str, str], now: float, state: str) -> None:
        since, before = on.get(link, (now, ""))
        if state != before:
            if before and now > since:
                lanes.setdefault(link, []).append(_seen(link, since, now, before))
            on[link] = now, state

    # At the same time: whoever is started again sees its peers after that, whoever crashes has seen them before.
    told = [(now, 1, one, other, state) for now, one, other, state in links]
    told += [
        (nanoseconds / 1e9, 0 if word == "restart" else 2, about[0], "", word)
        for nanoseconds, word, about in faults
        if word in ("restart", "crash")
    ]
    for now, _, one, other, state in sorted(told, key=lambda what: what[:2]):
        if other:
            begin((one, other), now, state)
            continue
        for link in [link for link in on if link[0] == one]:
            begin(link, now, "down" if state == "crash" else "dead")
    for link, (since, state) in on.items():
        lanes.setdefault(link, []).append(_seen(link, since, end, state))
    return dict(sorted(lanes.items(), key=lambda lane: (natural(lane[0][0]), natural(lane[0][1]))))


def _seen(link: tuple[str, str], begin: float, end: float, state: str) -> Span:
    one, other = link
    about = f"{one} was down" if state == "down" else f"{other} was {state} for {one}"
    return Span(begin, end, state, about)


def at(spans: Sequence[Span], time: float) -> Span | None:
    """What was so at a time; None before and between spans."""
    found = None
    for span in spans:
        if span.begin <= time <= span.end:
            found = span
    return found


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """A key by which names are sorted as people count: front-2 before front-10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(
        (text, int(number) if number else -1)
        for text, number in zip(parts[::2], [*parts[1::2], ""], strict=True)
    )
