"""Keeps what a collector serves registered: at the start, after changes, and again when the registry has lost it."""

from collections.abc import Sequence

from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    MeshError,
    OutcomeUnknownError,
    OverloadedError,
    UnavailableError,
)
from collector_mesh.domain.model.events import Registered, RegistrationRefused, RegistryAway, RegistryBack
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.registering import Offer, Offering, RegisteringPlace, ServiceName
from collector_mesh.domain.ports.tasks import Task, Tasks

_LOOK_SECONDS = 20.0
"""How often it is looked whether the registry still has a service; a connection without a request is closed after 60 s."""

_REFUSED_SECONDS = 60.0
"""After which time a service is registered again that was refused: somebody may have made room for it."""

_NAMED = 16
"""Services that an event names."""

_AT_ONCE = 16
"""Services that are looked at before others have their turn."""

_OF_THE_SERVICE = frozenset({400, 403, 404, 409, 413, 500})
"""Codes that say something of the service, and nothing of the registry."""

_AGAIN = (UnavailableError, DeadlineExceededError, OutcomeUnknownError, OverloadedError)


class Registrar:
    """Registers what a collector serves, in the background, for as long as it runs.

    Nothing waits for it. What is refused is told once, and tried again now and then; while the registry is away it is dialed
    with growing pauses.

    Args:
        collector_id: of this collector.
        address: of the registry, as events name it.
        offering: what there is to register.
        place: the registry.
        tasks: run it.
        clock: the time.
        dice: spreads requests.
        observer: told what becomes of it.
        backoff: the pauses while the registry is away.
    """

    def __init__(
        self,
        collector_id: str,
        address: str,
        offering: Offering,
        place: RegisteringPlace,
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        observer: Observer,
        backoff: Backoff,
    ) -> None:
        self._collector_id = collector_id
        self._address = address
        self._offering = offering
        self._place = place
        self._tasks = tasks
        self._clock = clock
        self._dice = dice
        self._observer = observer
        self._backoff = backoff
        self._alarm = clock.alarm()
        self._done: dict[ServiceName, Offer] = {}
        """What the registry has."""
        self._refused: dict[ServiceName, tuple[Offer, str, float]] = {}
        """What it does not take: why, and when it is tried again."""
        self._late: dict[ServiceName, None] = {}
        """What it has not answered for: it comes after all others, of these the one first that has waited longest."""
        self._seen = -1
        """The number of changes up to which all is done."""
        self._away_since: float | None = None
        self._background: list[Task] = []

    def start(self) -> None:
        """Begin."""
        self._background = [
            self._tasks.start(self._run(), "register services"),
            self._tasks.start(self._watch(), "watch a registry"),
        ]

    def ring(self) -> None:
        """What is served has changed."""
        self._alarm.ring()

    async def close(self) -> None:
        """End; what is registered stays so."""
        background, self._background = self._background, []
        for task in background:
            await task.stop()

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                await self._round()
                self._answers()
                attempt = 0
                await self._alarm.wait(self._dice.uniform(_LOOK_SECONDS / 2, _LOOK_SECONDS))
            except _AGAIN as error:
                self._is_away(str(error))
                attempt += 1
                await self._clock.alarm().wait(self._backoff.pause(attempt, dice=self._dice))
            except MeshError as error:
                # It is there, and does not even say what it has.
                self._is_away(str(error))
                attempt = 0
                await self._alarm.wait(_REFUSED_SECONDS)

    async def _watch(self) -> None:
        while True:
            await self._place.lost()
            self._alarm.ring()
            await self._clock.alarm().wait(1.0)

    async def _round(self) -> None:
        """Do what there is to do, whatever it takes."""
        if self._done and self._seen == self._offering.changes:
            await self._look()
        changes = self._offering.changes
        names = self._offering.services()
        self._forget(frozenset(names))
        is_new = self._seen != changes
        changed: list[str] = []
        try:
            for number, name in enumerate(self._in_turn(names), 1):
                if not number % _AT_ONCE:
                    # Each is described for that, and calls go on meanwhile.
                    await self._clock.alarm().wait(0)
                offer = self._missing(name, is_new=is_new)
                if offer is not None and await self._register(offer):
                    changed.append(str(name))
        finally:
            if changed:
                event = Registered(self._collector_id, self._address, len(changed), tuple(changed[:_NAMED]))
                self._observer.tell(event)
        self._seen = changes

    def _in_turn(self, names: Sequence[ServiceName]) -> list[ServiceName]:
        """Services, so that one for which the registry never has an answer does not keep others back."""
        return [*(name for name in names if name not in self._late), *self._late]

    async def _look(self) -> None:
        """See whether the registry still has one of the services: if not, it may have none."""
        names = list(self._done)
        offer = self._done[names[self._dice.below(len(names))]]
        if not await self._place.has(offer):
            self._done.clear()
            self._refused.clear()

    def _missing(self, name: ServiceName, *, is_new: bool) -> Offer | None:
        """A service that is to be registered now; None where it is so, is not served anymore, or was refused lately."""
        if name in self._done and not is_new:
            return None
        offer = self._offering.offer(name)
        if offer is None or self._done.get(name) == offer:
            return None
        refused = self._refused.get(name)
        if refused is not None and refused[0] == offer and self._clock.now() < refused[2]:
            return None
        return offer

    async def _register(self, offer: Offer) -> bool:
        """Register a service; gives whether it is new to the registry."""
        self._late.pop(offer.name, None)
        try:
            has_changed = await self._place.register(offer)
        except MeshError as error:
            if error.code not in _OF_THE_SERVICE:
                self._late[offer.name] = None
                raise
            reason = str(error)
            before = self._refused.get(offer.name)
            self._refused[offer.name] = offer, reason, self._clock.now() + _REFUSED_SECONDS
            self._done.pop(offer.name, None)
            if before is None or before[:2] != (offer, reason):
                self._observer.tell(
                    RegistrationRefused(
                        self._collector_id,
                        self._address,
                        str(offer.name),
                        reason,
                    )
                )
            return False
        self._refused.pop(offer.name, None)
        self._done[offer.name] = offer
        return has_changed

    def _forget(self, names: frozenset[ServiceName]) -> None:
        for table in (self._done, self._refused, self._late):
            for name in [name for name in table if name not in names]:
                del table[name]

    def _is_away(self, reason: str) -> None:
        if self._away_since is None:
            self._away_since = self._clock.now()
            self._observer.tell(RegistryAway(self._collector_id, self._address, reason, "register"))

    def _answers(self) -> None:
        if self._away_since is not None:
            seconds, self._away_since = self._clock.now() - self._away_since, None
            self._observer.tell(
                RegistryBack(self._collector_id, self._address, round(seconds, 3), "register")
            )
