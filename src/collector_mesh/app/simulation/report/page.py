"""A run as one page that opens from disk: the mesh, its calls, its faults, its links, its last events."""

from collections.abc import Container, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import attrs

from collector_mesh.app.simulation.report import charts, spans
from collector_mesh.app.simulation.report.axes import TimeAxis, duration
from collector_mesh.app.simulation.report.mesh import MOST_EDGES, MOST_NODES, mesh_chart, pairs
from collector_mesh.app.simulation.report.style import STYLE, legend

if TYPE_CHECKING:
    from collector_mesh.adapters.simulated.trace import Line
    from collector_mesh.app.simulation.sim import Sim

_MOST_FAULT_LANES, _MOST_LINK_LANES, _LAST_LINES = 40, 60, 100
_SHORTEST = 1e-3
"""Virtual seconds that the time axis has at least, also of a run that fails at once."""


@attrs.frozen
class _Failure:
    """When something was found to be wrong, what, and what came before."""

    time: float
    what: str
    before: "Sequence[Line]"


def page(sim: "Sim", scenario: str, failure: str, *, command: str = "") -> str:
    """The page of a run that has ended, by a failure or well.

    Args:
        sim: the run.
        scenario: its name.
        failure: why it has failed, empty if it has not.
        command: what replays it.
    """
    failures = _failures(sim, failure)
    faults = spans.fault_lanes(sim.trace.faults, sim.now)
    links = spans.link_lanes(sim.watch.links, sim.trace.faults, sim.now)
    axis = TimeAxis(
        max(sim.now, _SHORTEST),
        spans.shades(faults),
        [(found.time, f"failure at {found.time:.3f} s") for found in failures],
    )
    title = f"{scenario}, seed {sim.seed}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _outcome(failures),
        _summary(sim, command),
        (
            '<nav><a href="#mesh">Mesh</a><a href="#calls">Calls</a><a href="#faults">Faults</a>'
            '<a href="#links">Links</a><a href="#durations">Durations</a><a href="#events">Last events</a></nav>'
        ),
        _mesh(sim, links, failures),
        _calls(sim, axis),
        _faults(faults, axis),
        _links(links, axis),
        _durations(sim, axis),
        _last_events(sim, failures),
    ]
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )
    # What a scenario says may hold halves of characters, as names of files do, which no file can.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _failures(sim: "Sim", failure: str) -> list[_Failure]:
    """What was broken first, and what has ended the scenario, if that is something else."""
    found, broken = [], sim.watch.broken
    if broken and sim.watch.broken_at is not None:
        found.append(
            _Failure(sim.watch.broken_at, "; ".join(list(dict.fromkeys(broken))[:5]), sim.watch.before_broken)
        )
    if failure and not (broken and broken[0] in failure):
        found.append(_Failure(sim.now, failure, tuple(sim.trace.lines)))
    return found


def _outcome(failures: Sequence[_Failure]) -> str:
    if not failures:
        return '<p><span class="badge">ended well</span></p>'
    return '<p><span class="badge bad">failed</span></p>' + "".join(
        f'<pre class="failure"><b>at {found.time:.3f} s</b>  {escape(found.what)}</pre>' for found in failures
    )


def _summary(sim: "Sim", command: str) -> str:
    watch, trace = sim.watch, sim.trace
    codes = ", ".join(f"{code}: {count:,}" for code, count in sorted(watch.outcomes.items())) or "none"
    unanswered = f", {len(watch.unanswered):,} without a reply" if watch.unanswered else ""
    down = f", {len(sim.down_at_end)} down at the end" if sim.down_at_end else ""
    rows = {
        "Virtual time": f"{sim.now:.3f} s",
        "Collectors": f"{len(sim.collectors)}{down}",
        "Calls": f"{watch.calls:,}{unanswered}",
        "Replies": codes,
        "Frames": f"{trace.frames:,}",
        "Digest": f"<code>{trace.digest}</code>",
    }
    if command:
        rows["Replay"] = f"<code>{escape(command)}</code>"
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in rows.items())}</dl>"


def _section(anchor: str, title: str, *body: str) -> str:
    return f'<section id="{anchor}"><h2>{title}</h2>{"".join(body)}</section>'


def _none(text: str) -> str:
    return f'<p class="none">{text}</p>'


def _note(text: str) -> str:
    return f'<p class="note">{text}</p>'


def _mesh(sim: "Sim", links: spans.LinkLanes, failures: Sequence[_Failure]) -> str:
    if not sim.collectors:
        return _section("mesh", "The mesh", _none("No collector was started."))
    if failures:
        time, when = failures[0].time, "at the failure"
    else:
        # A run that ends well calms its mesh before it closes it.
        ends = [nanoseconds for nanoseconds, word, _ in sim.trace.faults if word == "calm"]
        time, when = ends[-1] / 1e9 if ends else sim.now, "when the scenario had ended"
    meanings = {
        "up": "up",
        "hampered": "paused or slow",
        "gone": "crashed or stopped",
        "linked": "link, live",
        "doubtful": "suspect or draining",
        "lost": "linked before, not now",
    }
    notes = ""
    if (count := len(sim.collectors)) > MOST_NODES:
        notes += _note(f"The first {MOST_NODES} of {count:,} collectors are drawn.")
    if (count := len(pairs(links))) > MOST_EDGES:
        notes += _note(f"At most {MOST_EDGES:,} of {count:,} links are drawn.")
    picture = mesh_chart(sim.collectors, links, spans.conditions(sim.trace.faults, time), time)
    return _section("mesh", f"The mesh at {time:.3f} s, {when}", legend(meanings, picture), picture, notes)


def _calls(sim: "Sim", axis: TimeAxis) -> str:
    watch = sim.watch
    title = "Calls and their outcomes"
    if not watch.calls:
        return _section("calls", title, _none("No call was made."))
    picture = charts.calls_chart(axis, watch.latencies, watch.unanswered)
    meanings = _outcomes(sim) | {"shade shade1": "while faults were on; stronger: several"}
    return _section("calls", title, legend(meanings, picture), picture)


def _outcomes(sim: "Sim") -> dict[str, str]:
    """What kinds of outcomes are called, with how many there were."""
    counts = dict.fromkeys(charts.OUTCOMES, 0) | {"open": len(sim.watch.unanswered)}
    for code, count in sim.watch.outcomes.items():
        counts[charts.outcome(code)] += count
    return {kind: f"{name}: {counts[kind]:,}" for kind, name in charts.OUTCOMES.items()}


def _faults(faults: spans.Lanes, axis: TimeAxis) -> str:
    if not faults:
        return _section("faults", "Faults", _none("There were none."))
    lanes, note = faults, ""
    if len(faults) > _MOST_FAULT_LANES:
        lanes, note = spans.by_kind(faults), _note(f"{len(faults):,} faults, in one lane for each kind.")
    picture = charts.lanes_chart(axis, lanes, "Faults", shaded=False)
    meanings = {"fault": "on", "moment": "at one moment", "chaos": "seed draws faults"}
    return _section("faults", "Faults", note, legend(meanings, picture), picture)


def _links(links: spans.LinkLanes, axis: TimeAxis) -> str:
    title = "Links, each as the first of the two has seen the second"
    if not links:
        return _section("links", title, _none("There were none."))
    shown, counts = links, ""
    if len(links) > _MOST_LINK_LANES:
        worst = sorted(links, key=lambda link: -_trouble(links[link]))[:_MOST_LINK_LANES]
        shown = {link: links[link] for link in worst}
        counts = charts.link_counts_chart(axis, links) + _note(
            f"Of {len(links):,} links those {_MOST_LINK_LANES} that were not live for longest:"
        )
    lanes = {f"{one} → {other}": lane for (one, other), lane in shown.items()}
    picture = charts.lanes_chart(axis, lanes, "Links", shaded=True)
    return _section("links", title, legend(charts.STATES, counts + picture), counts, picture)


def _trouble(lane: Iterable[spans.Span]) -> float:
    return sum(span.end - span.begin for span in lane if span.kind != "live")


def _durations(sim: "Sim", axis: TimeAxis) -> str:
    title, replies = "How long calls took", sim.watch.latencies
    if not replies:
        return _section("durations", title, _none("No call has had a reply."))
    ordered = sorted(took for _, took, _ in replies)
    told = ", ".join(f"p{part} {duration(charts.percentile(ordered, part))}" for part in (50, 90, 99))
    picture = charts.distribution_chart(replies)
    return _section(
        "durations",
        title,
        f"<p>{told}, longest {duration(ordered[-1])}.</p>",
        legend(_outcomes(sim), picture),
        charts.durations_chart(axis, replies),
        picture,
    )


def _last_events(sim: "Sim", failures: Sequence[_Failure]) -> str:
    faults = frozenset(sim.trace.faults)
    if not failures:
        return _section("events", "The last events", _table(tuple(sim.trace.lines), faults, ""))
    return "".join(
        _section(
            f"events{index or ''}",
            f"The last events before the failure at {found.time:.3f} s",
            _table(found.before, faults, _row(f"{found.time:.6f}", "failure", "", found.what, "bad")),
        )
        for index, found in enumerate(failures)
    )


def _table(lines: "Sequence[Line]", faults: "Container[Line]", end: str) -> str:
    if not lines and not end:
        return _none("There were none.")
    rows = "".join(_line(*line, is_fault=line in faults) for line in lines[-_LAST_LINES:])
    return f"<table><thead><tr><th>seconds<th>what<th>call<th>about<tbody>{rows}{end}</table>"


def _line(nanoseconds: int, word: str, about: tuple[str, ...], *, is_fault: bool) -> str:
    call, text, kind = "", " ".join(about), "fault" if is_fault else ""
    match word, about:
        case "call", (host, namespace, service, method, call):
            text = f"{host} calls {namespace} {service} {method}"
        case "route", (call, host, peer):
            text = f"{host} sends it to {peer}" if peer else f"{host} finds nobody"
        case "run", (call, host):
            text = f"at {host}"
        case "reply", (call, code, executor, attempts):
            text = f"{code} from {executor or 'the mesh itself'}"
            text += f", tried {attempts.replace(',', ', ')}" if attempts not in ("", executor) else ""
            kind = "bad" if charts.outcome(int(code)) == "failed" else ""
        case "cancelled", (call,):
            text = ""
        case "broken", _:
            kind = "bad"
    return _row(f"{nanoseconds / 1e9:.6f}", word, call, text, kind)


def _row(time: str, word: str, call: str, text: str, kind: str) -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f"<tr{of_kind}><td>{time}<td>{escape(word)}<td>{escape(call)}<td>{escape(text)}"
