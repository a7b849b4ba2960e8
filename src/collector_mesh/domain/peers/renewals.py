"""Links that are made anew while they are in use: the new one is there before the old one takes no more calls."""

from collections.abc import Awaitable, Callable
from functools import partial
from math import inf

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import text_of
from collector_mesh.domain.model.events import DialFailed
from collector_mesh.domain.model.frames import Role
from collector_mesh.domain.peers.open_links import OpenLinks
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.tasks import Tasks

AT_ONCE = 8
"""Links that are made anew at a time: each takes a handshake at both ends."""

ASKED_SECONDS = 1.0
"""At least between two dials of one address that the other side has asked for: it may ask as often as it likes."""

DIAL_SECONDS = 10.0
"""For one dial, its answer included."""

TRIES = 3
"""Dials of one address, with `AGAIN_SECONDS` between them: files of certificates may just be written there."""

AGAIN_SECONDS = 1.0


class Renewals:
    """Dials again whoever this side has dialed, and asks for that those who have dialed this side.

    Of two links the newest that is established at both ends stays, and the other one ends when its calls are answered: see
    `Peer`. A dial that fails leaves the link that there is.

    Args:
        collector_id: of this collector.
        links: those that there are.
        roster: hears of dials that fail.
        dial: opens a link, within so many seconds.
        tasks: dials in the background.
        clock: tells the time.
    """

    def __init__(
        self,
        collector_id: str,
        links: OpenLinks,
        roster: Roster,
        dial: Callable[[str, float], Awaitable[object]],
        *,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self._collector_id = collector_id
        self._links = links
        self._roster = roster
        self._dial = dial
        self._tasks = tasks
        self._clock = clock
        self._waiting: dict[str, float] = {}
        """What is to be dialed again, by address, and when that was asked for."""
        self._asked: dict[str, float] = {}
        """When the other side of a link to an address may have it dialed again."""
        self._workers = 0

    def renew_all(self) -> int:
        """Have every link to a peer made anew in the background; give how many there are."""
        count = 0
        for engine in self._links:
            if is_in_use(engine) and engine.peer_role == Role.COLLECTOR:
                count += 1
                self.renew(engine)
        return count

    def renew(self, engine: LinkEngine) -> None:
        """Have one link made anew in the background."""
        if engine.is_dialer:
            self._renew(self._links.address_of(engine))
        else:
            engine.ask_for_renewal()

    def asked(self, engine: LinkEngine) -> None:
        """The other side of a link that this side has dialed wants it made anew."""
        address, now = self._links.address_of(engine), self._clock.now()
        may_at = self._asked.get(address, -inf)
        if may_at > now + ASKED_SECONDS:
            return  # that was put off already, and counts for this too
        begin = max(now, may_at)
        self._asked = {other: at for other, at in self._asked.items() if at > now}
        self._asked[address] = begin + ASKED_SECONDS
        if begin > now:
            self._tasks.start(self._after(begin - now, address), f"dial {address} again soon")
        else:
            self._renew(address)

    async def _after(self, pause: float, address: str) -> None:
        await self._clock.alarm().wait(pause)
        self._renew(address)

    def _renew(self, address: str) -> None:
        self._waiting[address] = self._clock.now()
        if self._workers < min(AT_ONCE, len(self._waiting)):
            self._workers += 1
            self._tasks.start(self._work(), "make links anew")

    async def _work(self) -> None:
        try:
            while self._waiting:
                address, asked_at = next(iter(self._waiting.items()))
                del self._waiting[address]
                await self._try(address, asked_at)
        finally:
            self._workers -= 1

    async def _try(self, address: str, asked_at: float) -> None:
        for left in range(TRIES - 1, -1, -1):
            if not any(map(partial(self._is_older, address, asked_at), self._links)):
                return  # it has ended, or another one has taken its place that is newer
            try:
                await self._dial(address, DIAL_SECONDS)
            except Exception as error:  # noqa: BLE001  # a transport may raise anything; the link that there is stays
                if not left:
                    self._roster.tell(DialFailed(self._collector_id, address, text_of(error)))
                    return
                await self._clock.alarm().wait(AGAIN_SECONDS)
            else:
                return

    def _is_older(self, address: str, asked_at: float, engine: LinkEngine) -> bool:
        is_there = engine.is_dialer and is_in_use(engine) and self._links.address_of(engine) == address
        return is_there and engine.began <= asked_at


def is_in_use(engine: LinkEngine) -> bool:
    """Whether calls go over a link, and may go on doing so."""
    return engine.phase is Phase.OPEN and not engine.is_retiring and not engine.has_failed
