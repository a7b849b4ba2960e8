"""Who has more than its share of all links, so that others get none."""

from collections import Counter
from collections.abc import Iterable

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.frames import Role
from collector_mesh.domain.policies.callers import CALLER_SHARE


def of_too_many(open_links: Iterable[LinkEngine], most: int, caller: str) -> LinkEngine | None:
    """The link that has to go for somebody else; None where nobody else has more than three quarters of them.

    It is the latest one of a client, which has lost least, or of a collector where there is none.

    Args:
        open_links: in the order in which they were opened.
        most: how many there may be.
        caller: whom it is for; whoever has too many gets no more.
    """
    links = [engine for engine in open_links if not (engine.has_failed or engine.is_dialer)]
    ((largest, number),) = Counter(engine.source for engine in links).most_common(1) or [("", 0)]
    if largest == caller or number <= CALLER_SHARE * most:
        return None
    theirs = [engine for engine in reversed(links) if engine.source == largest]
    return next((engine for engine in theirs if engine.peer_role == Role.CLIENT), theirs[0])
