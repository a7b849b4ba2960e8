"""Why nobody could take a call, told to whoever has made it."""

from collections.abc import Callable, Mapping, Sequence

from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    MAX_DETAIL_BYTES,
    NO_DETAILS,
    MeshError,
    NotFoundError,
    UnavailableError,
    clipped,
    quoted,
)
from collector_mesh.domain.model.kinds import mismatch
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.routing.explainer import Explainer
from collector_mesh.domain.topology.connection import Connection

ROUTES = "routes"
"""The detail of a 404 or a 503 that tells of the candidates."""

_MAX_CANDIDATES = 10
_KEPT_SECONDS = 0.1
_MAX_KEPT = 128


class Refusals:
    """Tells why nobody could take a call, shortened; an explanation is used again for a tenth of a second.

    Args:
        explainer: explains.
        now: the time, in seconds.
        exposes: whether calls from outside are told too; the calls of this process always are.
    """

    def __init__(self, explainer: Explainer, *, now: Callable[[], float], exposes: bool) -> None:
        self._explainer = explainer
        self._now = now
        self._exposes = exposes
        self._kept: dict[MethodKey, tuple[float, str]] = {}

    @property
    def remembered(self) -> int:
        """How many explanations are kept to be used again."""
        return len(self._kept)

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

    def nobody(
        self,
        call: Call,
        known: Sequence[Connection],
        *,
        dialing: Sequence[str] = (),
    ) -> MeshError:
        """Why a call was sent to nobody.

        Args:
            call: the call.
            known: who could have the method.
            dialing: where nobody has answered yet, for people: whoever that is may have it.
        """
        namespace = quoted(call.key.namespace)
        method = quoted(call.key.short)
        details = self.details(call)
        has_members = self._explainer.has_members(call.key.namespace)
        if not known and (kind := self._explainer.other_kind(call.key)) is not None:
            return mismatch(call.key, kind, details)
        if not known and dialing:
            who = f"nobody in namespace {namespace} is known to have {method}"
            text = who if has_members else f"no collector for namespace {namespace} is known"
            text = f"{text}, and nobody has answered yet at {listed(dialing)}"
            if not self._explainer.is_member(call.key.namespace):
                text = f"{text}; this collector is not a member of that namespace"
            return UnavailableError(text, details=details)
        if not known:
            text = f"no collector found for namespace {namespace}"
            if has_members:
                text = f"{text}: nobody there has {method}"
            return NotFoundError(text, details=details)
        if any(connection.is_usable for connection in known):
            return UnavailableError(
                f"no collector for namespace {namespace} can take the call", details=details
            )
        who = ", ".join(map(_placed, known[:_MAX_CANDIDATES]))
        return UnavailableError(f"no collector for namespace {namespace} answers: {who}", details=details)

    def no_target(self, call: Call, dialing: Sequence[str]) -> MeshError:
        """Why a call was not sent to a target that nobody knows, while others are dialed who may be it."""
        text = f"no connection to collector {quoted(call.target)}, and nobody has answered yet at {listed(dialing)}"
        return UnavailableError(text, details=self.details(call))

    def _explained(self, key: MethodKey, now: float) -> str:
        found = self._explainer.explain(key, now=now, most=_MAX_CANDIDATES)
        routes = "; ".join(f"{candidate.collector_id}: {candidate.reason}" for candidate in found.candidates)
        return clipped(f"{found.note}; {routes}" if found.note else routes, MAX_DETAIL_BYTES)


def with_method(text: str, key: MethodKey) -> str:
    """Why nobody takes a call, for whoever has named nothing but a method: what is fixed for others may not name it."""
    return text if key.short in text else f"{text}, and so nobody for {quoted(key.short)}"


def listed(addresses: Sequence[str]) -> str:
    """Some addresses, as a text names them: the first few."""
    more = f", and {len(addresses) - _MAX_CANDIDATES} more" if len(addresses) > _MAX_CANDIDATES else ""
    return ", ".join(addresses[:_MAX_CANDIDATES]) + more


def _placed(connection: Connection) -> str:
    where = f" at {quoted(connection.address)}" if connection.address else ""
    return f"{quoted(connection.peer_id)}{where} is {connection.state}"
