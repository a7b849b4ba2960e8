"""Snapshots and explanations as people read them, within 80 columns."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from collector_mesh.app.cli.console import plain
from collector_mesh.domain.model.snapshot import (
    ConnectionInfo,
    Explanation,
    LinkEnd,
    MethodInfo,
    Snapshot,
    StandingInfo,
)

_ADDRESS_WIDTH = 21
"""Columns that every IPv4 address with its port fits in: one that is broken cannot be copied."""

_MAX_MEMBERS = 20
"""Collectors of a namespace that are named."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS, _TEN = ("B", "KiB", "MiB", "GiB", "TiB"), 10


def snapshot_lines(snapshot: Snapshot) -> Iterator[RenderableType]:
    """The parts of a snapshot, in the order in which they are printed."""
    where = f" at {snapshot.address}" if snapshot.address else ""
    yield plain(f"{snapshot.collector_id}{where}, {snapshot.state}")
    yield plain(f"namespaces: {_listed(snapshot.namespaces)}")
    waiting = f"{snapshot.waiting} waiting for a thread, " if snapshot.waiting else ""
    yield plain(
        f"{snapshot.running} running, {waiting}{snapshot.outgoing} outgoing, {_counted(snapshot.clients, 'client')}"
    )
    if snapshot.held_bytes or snapshot.resident_bytes:
        resident = f", {amount(snapshot.resident_bytes)} resident" if snapshot.resident_bytes else ""
        yield plain(f"memory: {amount(snapshot.held_bytes)} held for others{resident}")
    if snapshot.connections:
        for namespace, ids in snapshot.members.items():
            more = f", and {len(ids) - _MAX_MEMBERS} more" if len(ids) > _MAX_MEMBERS else ""
            yield plain(f"members of {namespace}: {_listed(ids[:_MAX_MEMBERS])}{more}")
    if snapshot.dialing:
        yield plain(f"dialing: {_listed(snapshot.dialing)}")
        yield from (plain(f"  {line}") for line in _failures(snapshot))
    yield Text()
    yield _methods(snapshot.methods) if snapshot.methods else Text("No methods run here.")
    yield Text()
    yield _links(snapshot.connections) if snapshot.connections else Text("No links to peers.")
    reasons = [
        plain(f"{connection.peer_id} is {connection.state}: {connection.reason}")
        for connection in snapshot.connections
        if connection.reason
    ]
    if reasons:
        yield from (Text(), *reasons)
    used = [
        (connection.peer_id, standing)
        for connection in snapshot.connections
        for standing in connection.standings
        if standing.success_share is not None or standing.in_flight or standing.breaker != "closed"
    ]
    if used:
        yield from (Text(), _standings(used))
    if snapshot.counts:
        yield Text()
        yield plain("since the start: " + ", ".join(f"{n} {name}" for name, n in snapshot.counts.items()))
    if snapshot.ended:
        yield Text()
        yield _ended(snapshot.ended)


def explanation_lines(explanation: Explanation) -> Iterator[RenderableType]:
    """The parts of an explanation, in the order in which they are printed."""
    here = explanation.candidates[:1]
    if here and here[0].fit:
        goes = f"runs on {here[0].collector_id}"
    elif len(explanation.fit) > 1:
        goes = f"goes to one of {_listed(explanation.fit)}"
    elif explanation.fit:
        goes = f"goes to {explanation.fit[0]}"
    else:
        goes = "goes nowhere: no collector is fit"
    is_chosen = explanation.balancing and len(explanation.fit) > 1 and not (here and here[0].fit)
    how = f", by {explanation.balancing}" if is_chosen else ""
    yield plain(f"{explanation.key} {goes}{how}")
    if explanation.note:
        yield plain(explanation.note)
    if explanation.access:
        yield plain(f"access: {explanation.access}")
    yield Text()
    table = _table("Candidates", "collector", "fit")
    table.add_column("score\nms", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for candidate in explanation.candidates:
        table.add_row(
            plain(candidate.collector_id),
            _yes_or_no(candidate.fit),
            "-" if candidate.score is None else f"{candidate.score * 1000:.2f}",
            plain(candidate.reason),
        )
    yield table


def duration(seconds: float) -> str:
    """A time span in its two largest units: `42s`, `3m12s`, `2h05m`, `3d04h`."""
    if not math.isfinite(seconds) or seconds < 0:
        return "-"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def amount(size: int) -> str:
    """A number of bytes in one unit: `912 B`, `1.5 KiB`, `256 MiB`."""
    power = min((max(size, 1).bit_length() - 1) // 10, len(_UNITS) - 1)
    shown = size / (1 << 10 * power)
    return f"{shown:.1f} {_UNITS[power]}" if power and shown < _TEN else f"{shown:.0f} {_UNITS[power]}"


def _failures(snapshot: Snapshot) -> Iterator[str]:
    """Why nobody has answered at the addresses that are dialed, where that is known."""
    last = {end.address: end.reason for end in reversed(snapshot.ended)}
    for address in snapshot.dialing:
        if reason := last.get(address, "").removeprefix(f"{address}: "):
            yield f"{address}: {reason}"


def _methods(methods: Sequence[MethodInfo]) -> Table:
    table = _table("Methods", "namespace", "service", "method", "kind", "idempotent")
    for method in methods:
        table.add_row(*map(plain, method.key), plain(method.kind), _yes_or_no(method.idempotent))
    return table


def _links(connections: Sequence[ConnectionInfo]) -> Table:
    """Two lines a link: what belongs together stands in one column, so that all of it fits."""
    table = _table("Links")
    longest = max(max(len(connection.peer_id), len(connection.address)) for connection in connections)
    table.add_column("peer", overflow="fold", width=longest if longest <= _ADDRESS_WIDTH else None)
    table.add_column("state", no_wrap=True)
    table.add_column("carrier", no_wrap=True)
    table.add_column("shared\nnamespaces", overflow="fold")
    for name in ("age", "round\ntrip\nms", "in\nflight\nheld"):
        table.add_column(name, justify="right", no_wrap=True)
    for connection in connections:
        table.add_row(
            _stacked(connection.peer_id, connection.address),
            plain(connection.state),
            _stacked(connection.carrier, "dialed" if connection.dialed else "accepted"),
            plain(_listed(connection.shared_namespaces)),
            duration(connection.age),
            "-" if connection.round_trip is None else f"{connection.round_trip * 1000:.1f}",
            _stacked(str(connection.in_flight), amount(connection.held_bytes)),
        )
    return table


def _standings(standings: Sequence[tuple[str, StandingInfo]]) -> Table:
    table = _table("Calls of the last half minute", "peer", "namespace")
    for name in ("in\nflight", "latency\nms", "p99\nms", "good\n%", "retries\nleft"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("breaker", no_wrap=True)
    for peer_id, standing in standings:
        is_open = standing.breaker == "open"
        table.add_row(
            plain(peer_id),
            plain(standing.namespace),
            str(standing.in_flight),
            f"{standing.latency * 1000:.2f}",
            "-" if standing.p99 is None else f"{standing.p99 * 1000:.2f}",
            "-" if standing.success_share is None else f"{standing.success_share * 100:.1f}",
            f"{standing.retries_left:.0f}",
            plain(f"open {standing.open_for:.1f}s" if is_open else standing.breaker),
        )
    return table


def _ended(ends: Sequence[LinkEnd]) -> Table:
    """A line for each end, with the latest of those that are alike: a peer that is away is dialed again and again."""
    table = _table("Ended lately", "peer", "address", "reason")
    table.add_column("times", justify="right", no_wrap=True)
    table.add_column("ago", justify="right", no_wrap=True)
    alike = Counter((end.peer_id, end.address, end.reason) for end in ends)
    latest = {(end.peer_id, end.address, end.reason): end.age for end in reversed(ends)}
    for key, times in alike.items():
        peer_id, address, reason = key
        row = plain(peer_id or "unknown"), plain(address or "-"), plain(reason)
        table.add_row(*row, str(times), duration(latest[key]))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _stacked(first: str, second: str) -> Text:
    text = plain(first)
    if second:
        text.append("\n")
        text.append_text(plain(second))
    return text


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts) or "none"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _yes_or_no(value: bool) -> str:  # noqa: FBT001  # its only argument
    return "yes" if value else "no"
