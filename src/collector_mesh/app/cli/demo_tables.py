"""The tables of the demo."""

from collections import Counter
from collections.abc import Iterable, Sequence

import attrs
from rich import box
from rich.table import Table

from collector_mesh.domain.model.status import Reply


@attrs.frozen
class Record:
    """One call: which method, who ran it, what came of it, how many seconds it took."""

    method: str
    handled_by: str
    code: int
    message: str
    seconds: float


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def calls_table(records: Iterable[Record]) -> Table:
    """Calls by method and by the collector that handled them, with their latency."""
    table = _table("Calls")
    table.add_column("method")
    table.add_column("handled by")
    for name in ("calls", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    groups: dict[tuple[str, str], list[float]] = {}
    for record in records:
        groups.setdefault((record.method, record.handled_by or "nobody"), []).append(record.seconds)
    for (method, handled_by), seconds in sorted(groups.items()):
        table.add_row(method, handled_by, str(len(seconds)), *_latency(seconds))
    everything = [value for seconds in groups.values() for value in seconds]
    table.add_section()
    table.add_row("all", "", str(len(everything)), *_latency(everything))
    return table


def outcomes_table(records: Iterable[Record]) -> Table:
    """Calls by their outcome."""
    table = _table("Outcomes")
    table.add_column("code", justify="right")
    table.add_column("message")
    table.add_column("calls", justify="right")
    counts = Counter((record.code, record.message) for record in records)
    for (code, message), count in sorted(counts.items()):
        table.add_row(str(code), message, str(count))
    return table


def errors_table(errors: Iterable[tuple[str, Reply]]) -> Table:
    """What was tried and what the mesh has answered."""
    table = _table("Errors, once each")
    table.add_column("tried")
    table.add_column("code", justify="right")
    table.add_column("message")
    for tried, reply in errors:
        table.add_row(tried, str(reply.status.code), reply.status.message)
    return table


def _latency(seconds: Sequence[float]) -> tuple[str, str]:
    if not seconds:
        return "-", "-"
    return f"{percentile(seconds, 0.5) * 1000:.1f}", f"{percentile(seconds, 0.99) * 1000:.1f}"


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
