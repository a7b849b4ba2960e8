"""Why nobody could take a call, told to whoever has made it."""

from collections.abc import Callable, Mapping

from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import MAX_DETAIL_BYTES, NO_DETAILS, clipped
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.router import Router

ROUTES = "routes"
"""The detail of a 404 or a 503 that tells of the candidates."""

_MAX_CANDIDATES = 10
_KEPT_SECONDS = 0.1
_MAX_KEPT = 128


class Refusals:
    """Tells why nobody could take a call, shortened; an explanation is used again for a tenth of a second.

    Args:
        router: explains.
        now: the time, in seconds.
        exposes: whether calls from outside are told too; the calls of this process always are.
    """

    def __init__(self, router: Router, *, now: Callable[[], float], exposes: bool) -> None:
        self._router = router
        self._now = now
        self._exposes = exposes
        self._kept: dict[MethodKey, tuple[float, str]] = {}

    def details(self, call: Call) -> Mapping[str, str]:
        """The details for the answer to a call that may use its namespace."""
        if not self._exposes and call.origin is not Origin.LOCAL:
            return NO_DETAILS
        now = self._now()
        until, text = self._kept.get(call.key, (0.0, ""))
        if until <= now:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            text = self._explained(call.key, now)
            self._kept[call.key] = (now + _KEPT_SECONDS, text)
        return {ROUTES: text}

    def _explained(self, key: MethodKey, now: float) -> str:
        found = self._router.explain(key, now=now, most=_MAX_CANDIDATES)
        routes = "; ".join(f"{candidate.collector_id}: {candidate.reason}" for candidate in found.candidates)
        return clipped(f"{found.note}; {routes}" if found.note else routes, MAX_DETAIL_BYTES)
