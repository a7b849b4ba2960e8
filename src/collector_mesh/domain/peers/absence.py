"""Who is wanted and not there, and whether calls wait for them."""

from collections.abc import Iterable

import attrs

from collector_mesh.domain.topology.connection import Connection

PATIENCE_SECONDS = 60.0
"""How long calls wait for a peer that does not come: of one that is away for longer they hear at once."""


@attrs.frozen
class Absence:
    """Somebody who is wanted, and is not there or has not told yet what it has.

    Attributes:
        address: where it is dialed.
        since: since when it is away, or dialed in vain, on the monotonic clock, in seconds.
        peer_id: who it is, or was; empty where nobody has answered yet.
    """

    address: str
    since: float
    peer_id: str = ""


def is_coming_back(connection: Connection, now: float) -> bool:
    """Whether a peer is wanted and away, or about to go, and not for long: it may be starting again."""
    if not connection.dialed:
        return False
    if connection.is_up:
        return connection.state == "draining"
    return now - connection.last_news < PATIENCE_SECONDS


def awaited(known: Iterable[Connection], unknown: Iterable[Absence], now: float) -> tuple[Absence, ...]:
    """Those for whom it is worth to wait.

    Args:
        known: who has, or had, what is asked for.
        unknown: those who may have it, since they have not told yet.
        now: the time, in seconds.
    """
    found = {
        connection.address: Absence(connection.address, connection.last_news, connection.peer_id)
        for connection in known
        if is_coming_back(connection, now)
    }
    for absence in unknown:
        if now - absence.since < PATIENCE_SECONDS:
            found.setdefault(absence.address, absence)
    return tuple(found.values())
