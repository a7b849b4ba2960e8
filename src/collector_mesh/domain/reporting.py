"""Tells the observer what has been counted, every now and then, and what repeats not each time."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.events import CHANGING, REPEATING, BreakerOpened, BreakerShut, Counted, Event
from collector_mesh.domain.policies.repeats import Repeats
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Task, Tasks

_FREE = 16
"""Changes of one kind of one peer, or failures of one kind of one method, that are told in each minute, however many there are."""

_MOST_CHANGING = 1024
"""Peers and methods that are kept apart, as many as there may be links."""


class Reporting:
    """Reports counts while the collector is open, and once more at its end.

    Args:
        collector_id: of this collector.
        counts: what is counted.
        observer: who is told.
        tasks: runs it.
        clock: wakes it.
        interval: seconds between two reports; nothing is told while nothing has changed.
    """

    def __init__(
        self,
        collector_id: str,
        counts: Counts,
        *,
        observer: Observer,
        tasks: Tasks,
        clock: Clock,
        interval: float,
    ) -> None:
        self._collector_id = collector_id
        self._counts = counts
        self._observer = observer
        self._tasks = tasks
        self._clock = clock
        self._interval = interval
        self._told: Mapping[str, int] = {}
        self._task: Task | None = None

    def start(self) -> None:
        """Begin to report."""
        self._task = self._tasks.start(self._report(), "report counts")

    async def close(self) -> None:
        """Report for the last time."""
        if self._task is not None:
            await self._task.stop()
        self._tell()

    def breaker_turned(self, standing: Standing, is_open: bool) -> None:  # noqa: FBT001  # as a standing tells it
        """Count and tell that the breaker of a peer has opened or shut."""
        peer_id, namespace = standing.peer_id, standing.namespace
        if is_open:
            self._counts.breakers_opened += 1
            seconds = standing.breaker.probes_at - self._clock.now()
            self._observer.tell(BreakerOpened(self._collector_id, peer_id, namespace, seconds))
        else:
            self._counts.breakers_shut += 1
            self._observer.tell(BreakerShut(self._collector_id, peer_id, namespace))

    async def _report(self) -> None:
        alarm = self._clock.alarm()
        while True:
            await alarm.wait(self._interval)
            self._tell()

    def _tell(self) -> None:
        counts = self._counts.as_mapping()
        if counts != self._told:
            self._told = counts
            self._observer.tell(Counted(self._collector_id, counts))


class Rationed:
    """An observer before another one, who hears less of what others can repeat at will.

    Args:
        observer: who is told.
        clock: the time.
        kinds: what is not told each time.
        repeats: decides which are told.
    """

    def __init__(
        self,
        observer: Observer,
        clock: Clock,
        kinds: Collection[type[Event]] = REPEATING,
        repeats: Repeats | None = None,
    ) -> None:
        self._observer = observer
        self._clock = clock
        self._kinds = kinds
        self._repeats = repeats or Repeats()

    def tell(self, event: Event) -> None:
        """See the port; what repeats is told with its number."""
        if type(event) in self._kinds:
            times = self._repeats.heard(_kind(event), _source(event), self._clock.now())
            if not times:
                return
            event = attrs.evolve(event, times=times)
        self._observer.tell(event)


def for_people(observer: Observer, clock: Clock) -> Rationed:
    """An observer whose words people read: of changes of state it hears as many as somebody reads."""
    return Rationed(observer, clock, CHANGING, Repeats(free=_FREE, most=_MOST_CHANGING))


def _kind(event: Event) -> str:
    details = (str(getattr(event, name, "")) for name in ("limit", "hook", "where", "balancer"))
    return f"{type(event).__name__} {''.join(details)}"


def _source(event: Event) -> str:
    """Whose it is: of what strangers do the host alone, since whoever connects again comes from another port."""
    about = (str(getattr(event, name, "")) for name in ("namespace", "name", "key"))
    if type(event) in CHANGING:
        error = getattr(event, "error", None)
        return " ".join((getattr(event, "peer", ""), *about, "" if error is None else type(error).__name__))
    address: str = getattr(event, "address", "")
    return " ".join((address.rpartition(":")[0], *about))


if TYPE_CHECKING:
    _fits: type[Observer] = Rationed
