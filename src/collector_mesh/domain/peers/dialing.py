"""One dial: a stream is opened, and another beside it while nothing is heard; the first that is answered counts."""

from collections.abc import Callable
from contextlib import suppress
from math import inf

from collector_mesh.domain.model.errors import UnavailableError, error_for
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.frame_stream import NoLinkError, Telling

BESIDE_SECONDS = 1.0
"""Seconds without a word after which a second stream is opened: the first packet may be lost, or the address have moved."""

LOOK_SECONDS = 1.0
LOOK_SHARE = 0.25
"""How long before the time is up, at most, and as a share of it, it is looked why nobody has answered yet."""

_TRIES = 3
"""Streams that may break in a row: one may do so while whoever takes it says why it does not; what it has said is lost then."""


class BrokenError(UnavailableError):
    """The stream has broken before it was answered."""

    def __init__(self, reason: str, *, nobody_listens: bool) -> None:
        super().__init__(reason)
        self.nobody_listens = nobody_listens
        """Whether that is because nobody listens at the address, as the machine there says."""


class Dial:
    """What is waited for when an address is dialed.

    Args:
        address: of whoever is dialed.
        begin: opens a stream, and gives the link over it, which rings the alarm when it is settled.
        clock: tells the time.
        names_address: whether an error names the address where it tells why the other side refuses.
    """

    def __init__(
        self,
        address: str,
        begin: Callable[[Alarm], OpenLink],
        clock: Clock,
        *,
        names_address: bool = True,
    ) -> None:
        self._address = address
        self._begin = begin
        self._refuses = f"{address} refuses: " if names_address else ""
        self._now = clock.now
        self._alarm = clock.alarm()
        self._links: list[OpenLink] = []

    async def first(self, timeout: float) -> OpenLink:
        """The link that is answered first.

        Raises:
            NoLinkError: whoever is there does not know of links.
            BrokenError: the stream has broken, too often.
            UnavailableError: nobody has answered in time.
            MeshError: the other side, or this one, does not want the link.
            Exception: what the transport raises when it is to dial.
        """
        try:
            found = await self._first(timeout)
            self._links.remove(found)
            found.opened = None
        finally:
            for link in self._links:
                link.opened = None
                # Of several that are open to the same peer one stays, as always.
                if not link.has_opened:
                    link.engine.lost("it is not waited for anymore")
        return found

    async def _first(self, timeout: float) -> OpenLink:
        began = self._now()
        until, beside = began + timeout, began + BESIDE_SECONDS
        tries = 1
        self._links.append(self._begin(self._alarm))
        look_at = until - min(LOOK_SECONDS, timeout * LOOK_SHARE) if self._can_tell else inf
        why = ""
        while True:
            for link in [link for link in self._links if link.is_settled]:
                error = failure_of(link, self._refuses)
                if error is None:
                    return link
                self._links.remove(link)
                if not isinstance(error, BrokenError):
                    raise error
                # What is broken may be whole the next time, if somebody is there at all.
                if not link.engine.nobody_listens and tries < _TRIES:
                    tries += 1
                    self._links.append(self._begin(self._alarm))
                elif not self._links:
                    raise error
            now = self._now()
            if now >= until:
                raise UnavailableError(f"nobody has answered at {self._address} within {timeout:g} s{why}")
            if now >= beside:
                beside = inf
                self._begin_beside()
            if now >= look_at:
                look_at = inf
                why = await self._trouble(until - now)
            else:
                await self._alarm.wait(max(0.0, min(until, beside, look_at) - self._now()))

    def _begin_beside(self) -> None:
        """Open a second stream where nothing was heard on the only one."""
        if len(self._links) == 1 and self._links[0].engine.peer is None:
            # If there can be no second one, the first may still be answered.
            with suppress(Exception):
                self._links.append(self._begin(self._alarm))

    @property
    def _can_tell(self) -> bool:
        return isinstance(self._links[-1].stream, Telling)

    async def _trouble(self, seconds: float) -> str:
        """Why nobody has answered so far, as the carrier knows it."""
        stream = self._links[-1].stream
        try:
            text = await stream.trouble(seconds) if isinstance(stream, Telling) else ""
        except Exception:  # noqa: BLE001  # it is only told to people, and the dial goes on
            return ""
        return f": {text}" if text else ""


def failure_of(link: OpenLink, refuses: str) -> Exception | None:
    """Why a link that is settled cannot be used, None if it can; `refuses` comes before what the other side says."""
    engine = link.engine
    if link.error is not None:
        return link.error
    # It may have ended since, because another link to the same peer stays.
    if link.has_opened:
        return None
    if engine.has_no_link:
        return NoLinkError(engine.reason)
    if (refusal := engine.refusal) is not None:
        text = visible(refusal.message) or f"status {refusal.code}"
        return error_for(refusal.code, f"{refuses}{text}", refusal.details)
    return BrokenError(engine.reason, nobody_listens=engine.nobody_listens)
