"""Keeps up with names that stand for several peers, and says which addresses are wanted because of them."""

from collections.abc import Awaitable, Callable, Iterable, Iterator

import attrs

from collector_mesh.domain.model.errors import text_of
from collector_mesh.domain.model.events import LimitReached, NameChanged, NameFailed
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.peers.absence import Absence
from collector_mesh.domain.ports.clock import Alarm, Clock
from collector_mesh.domain.ports.names import Found, Names
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Task, Tasks

LOOK_SECONDS = 10.0
"""A name is looked up again after as much time at most."""

LEAST_SECONDS = 1.0
"""And after as much at least, whatever its time to live; unless a dial fails."""

GAP_SECONDS = 0.5
"""Between two looks that failed dials ask for."""

MAX_MEMBERS = 256
"""Addresses of one name that are dialed."""

_JITTER = 0.2
_FIRST_PAUSE, _UNFOUND_PAUSE = 0.5, 2.0


@attrs.define(eq=False)
class _Followed:
    """A name that is followed."""

    name: str
    since: float
    alarm: Alarm
    task: Task | None = None
    members: dict[str, None] = attrs.field(factory=dict)
    """The addresses that are used, as far as they belong to it still."""
    skipped: dict[str, None] = attrs.field(factory=dict)
    """Those that are not dialed: whoever is there was disconnected, or is this collector."""
    is_found: bool = False
    failures: int = 0
    told: str = ""
    """Why the last look has failed, as the observer knows it."""
    is_too_large: bool = False


class Following:
    """Follows names.

    Args:
        collector_id: of this collector.
        names: finds out where they lead.
        begin: has an address kept connected from now on, because of a name.
        end: is told that an address does not belong to any name anymore.
        changed: told that a name leads elsewhere than before: whoever is there may be connected already.
        is_up: whether a peer is connected.
        tasks: looks in the background.
        clock: tells the time.
        dice: spread looks.
        observer: told of what is found, and of what is not.
    """

    def __init__(
        self,
        collector_id: str,
        names: Names,
        *,
        begin: Callable[[str, str], None],
        end: Callable[[str], Awaitable[None]],
        changed: Callable[[], None],
        is_up: Callable[[str], bool],
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        observer: Observer,
    ) -> None:
        self.names = names
        self.own_address = ""
        """Where this collector listens: nobody else is there."""
        self._collector_id = collector_id
        self._begin = begin
        self._end = end
        self._changed = changed
        self._is_up = is_up
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._observer = observer
        self._followed: dict[str, _Followed] = {}
        self._of: dict[str, dict[str, None]] = {}
        """The names that an address belongs to."""
        self._same: dict[str, str] = {}
        """Addresses at which a peer is that is kept connected at another one, and who that is."""

    # ---- questions -----------------------------------------------------------------------------------

    def follows(self, name: str) -> bool:
        """Whether a name is followed."""
        return name in self._followed

    def has(self, address: str) -> bool:
        """Whether an address belongs to a name."""
        return address in self._of

    def members(self, name: str) -> tuple[str, ...]:
        """The addresses of a name that are used, and the ids of those that are kept at another address."""
        followed = self._followed.get(name)
        return () if followed is None else tuple(followed.members)

    def same(self, address: str) -> str:
        """Who was found at an address and is kept connected at another one, empty if nobody."""
        return self._same.get(address, "")

    def why_none(self, name: str) -> str:
        """Why a name leads nowhere, empty if it does."""
        followed = self._followed.get(name)
        return "" if followed is None else followed.told

    @property
    def unfound(self) -> Iterator[Absence]:
        """The names that have not led anywhere yet."""
        for followed in self._followed.values():
            if not followed.is_found:
                yield Absence(followed.name, followed.since)

    # ---- what happens --------------------------------------------------------------------------------

    def follow(self, name: str) -> None:
        """Have whoever a name leads to kept connected from now on."""
        if name not in self._followed:
            followed = _Followed(name, self._clock.now(), self._clock.alarm())
            self._followed[name] = followed
            followed.task = self._tasks.start(self._keep_up(followed), f"follow {name}")

    async def leave(self, name: str) -> None:
        """Follow a name no longer; those that were kept because of it alone are let go."""
        followed = self._followed.pop(name)
        if followed.task is not None:
            await followed.task.stop()
        await self._drop(followed, list(followed.members))

    async def close(self) -> None:
        """Follow nothing anymore."""
        for followed in self._followed.values():
            if followed.task is not None:
                await followed.task.stop()

    def look(self, addresses: Iterable[str]) -> None:
        """Dials have failed, or calls wait: look at once where the names of these addresses, or these names, lead."""
        for address in addresses:
            for name in (address, *self._of.get(address, ())):
                followed = self._followed.get(name)
                if followed is not None:
                    followed.alarm.ring()

    def is_same(self, address: str, peer_id: str) -> None:
        """Whoever is at an address is kept connected at another one."""
        if address in self._of:
            self._same[address] = peer_id

    def skip(self, address: str) -> None:
        """Do not dial an address, as long as it belongs to its names."""
        for name in self._of.get(address, ()):
            self._followed[name].skipped[address] = None

    def has_gone(self, peer_id: str) -> None:
        """A peer has gone: it may be back at another of its addresses."""
        for address, at_other in list(self._same.items()):
            if at_other == peer_id:
                del self._same[address]
                for name in list(self._of.get(address, ()))[:1]:
                    if address not in self._followed[name].skipped:
                        self._begin(address, name)

    # ---- looking -------------------------------------------------------------------------------------

    async def _keep_up(self, followed: _Followed) -> None:
        alarm = followed.alarm
        while True:
            pause = await self._look(followed)
            looked_at = self._clock.now()
            if await alarm.wait(pause):
                gap = self._dice.uniform(GAP_SECONDS * (1 - _JITTER), GAP_SECONDS)
                await self._clock.alarm().wait(max(0.0, looked_at + gap - self._clock.now()))

    async def _look(self, followed: _Followed) -> float:
        """Look where a name leads; gives how many seconds later to look again."""
        try:
            found = await self.names.find(followed.name)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong, what was known stays
            self._has_failed(followed, text_of(error))
            longest = LOOK_SECONDS if followed.is_found else _UNFOUND_PAUSE
            pause = min(longest, _FIRST_PAUSE * 2.0 ** min(followed.failures, 16))
        else:
            followed.failures, followed.told = 0, ""
            await self._take(followed, found)
            pause = min(max(LEAST_SECONDS, found.seconds), LOOK_SECONDS)
        return self._dice.uniform(pause * (1 - _JITTER), pause)

    def _has_failed(self, followed: _Followed, reason: str) -> None:
        followed.failures += 1
        if reason != followed.told:
            followed.told = reason
            self._observer.tell(NameFailed(self._collector_id, followed.name, visible(reason)))

    async def _take(self, followed: _Followed, found: Found) -> None:
        listed = dict.fromkeys(found.addresses)
        for address in list(followed.skipped):
            if address not in listed:
                del followed.skipped[address]
        wanted = self._chosen(followed, [address for address in listed if address != self.own_address])
        new = [address for address in wanted if address not in followed.members]
        gone = [] if found.is_partial else [address for address in followed.members if address not in wanted]
        followed.is_found = True
        for address in new:
            followed.members[address] = None
            self._of.setdefault(address, {})[followed.name] = None
        for address in wanted:
            same = self._same.get(address)
            if address not in followed.skipped and not (same is not None and self._is_up(same)):
                self._begin(address, followed.name)
        await self._drop(followed, gone)
        if new or gone:
            self._changed()
            self._observer.tell(
                NameChanged(self._collector_id, followed.name, len(followed.members), len(new), len(gone))
            )

    def _chosen(self, followed: _Followed, addresses: list[str]) -> dict[str, None]:
        """Those that are used: of too many some at random, and those first that are used already."""
        is_too_large = len(addresses) > MAX_MEMBERS
        if is_too_large and not followed.is_too_large:
            name = visible(followed.name)
            self._observer.tell(LimitReached(self._collector_id, "addresses of a name", MAX_MEMBERS, name))
        followed.is_too_large = is_too_large
        if not is_too_large:
            return dict.fromkeys(addresses)
        chosen = [address for address in addresses if address in followed.members][:MAX_MEMBERS]
        others = [address for address in addresses if address not in followed.members]
        while others and len(chosen) < MAX_MEMBERS:
            place = self._dice.below(len(others))
            others[place], others[-1] = others[-1], others[place]
            chosen.append(others.pop())
        return dict.fromkeys(chosen)

    async def _drop(self, followed: _Followed, addresses: list[str]) -> None:
        for address in addresses:
            followed.members.pop(address, None)
            followed.skipped.pop(address, None)
            names = self._of.get(address)
            if names is None:
                continue
            names.pop(followed.name, None)
            if not names:
                del self._of[address]
                self._same.pop(address, None)
                await self._end(address)
