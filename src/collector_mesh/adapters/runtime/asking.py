"""What validators that ask a registry have in common: the loop that they ask in, and those who use them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.adapters.runtime.registry_types import RegistryTypes
from collector_mesh.adapters.runtime.tasks import LoopTasks
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import UnavailableError, clipped
from collector_mesh.domain.model.events import RegistryAway, RegistryBack, ValidatorUndecided
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.validator import HeldValidator, Lent
from collector_mesh.domain.registry.remembered import Answer, Times
from collector_mesh.domain.serving.asking import Asking


class AskingValidator:
    """A validator that asks a registry; see what derives from it.

    It belongs to the event loop that it is first used in, until it is closed, or that loop is. A collector closes its own
    when it stops; whoever uses one elsewhere calls `aclose`, or enters it with `async with`. It can be used again then, and
    has forgotten nothing.

    Args:
        registry: the registry, as errors and events name it.
        times: how long answers are kept.
    """

    def __init__(self, registry: str, times: Times) -> None:
        self._registry = registry
        self._clock: Clock = LoopClock()
        self._asking = Asking(
            self._ask,
            times,
            clock=self._clock,
            dice=SystemRandomness(),
            backoff=Backoff(),
            turned=self._turned,
            undecided=self._undecided,
        )
        self._holders: list[tuple[object, Observer | None]] = []
        """Those who use it, in order; a collector that has begun again may be told of the end of its first use after that."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own: LoopTasks | None = None
        """What runs its requests where no collector has lent its tasks."""
        self._lender: str | None = None
        self._lent: tuple[Tasks, asyncio.AbstractEventLoop] | None = None
        self._closed = 0
        """How many times it was."""
        self._away_since = 0.0

    @property
    def at_hand(self) -> Callable[[MethodKey], Allowed | None]:
        """Gives the answer that is known, None where the registry has to be asked; see the port."""
        # Nothing stands between a call and its answer.
        return self._asking.at_hand

    async def validate_service_method(
        self, namespace: str, service_name: str, method_name: str, /
    ) -> Allowed:
        """Say whether a method may be called, from what is remembered, else from what the registry says.

        Raises:
            NotFoundError: the registry does not have it.
            UnavailableError: that cannot be found out.
        """
        while True:
            if asyncio.get_running_loop() is not self._loop:
                self._open()
            closed = self._closed
            try:
                found = await self._asking.validate_service_method(namespace, service_name, method_name)
            except UnavailableError:
                if not self._goes_on(closed):
                    raise
            else:
                if not self._goes_on(closed):
                    return found

    @property
    def is_open(self) -> bool:
        """Whether it has a connection, or may have one: it was used, and not closed."""
        return self._loop is not None

    def begin_use(self, collector_id: str, lent: Lent) -> None:
        """See the port."""
        self._holders.append((collector_id, lent.observer))
        self._leave_ended_loop()
        loop = asyncio.get_running_loop()
        if not self.is_open and (self._lent is None or self._lent[1] is loop):
            self._lender, self._lent = collector_id, (lent.tasks, loop)
            self._clock = lent.clock
            self._asking.keep_time(lent.clock, lent.dice)

    async def end_use(self, collector_id: str) -> None:
        """See the port."""
        self._leave_out(collector_id)
        is_lender = self._lender == collector_id and not any(one == collector_id for one, _ in self._holders)
        if is_lender:
            self._lender = self._lent = None
        if asyncio.get_running_loop() is not self._loop:
            return
        try:
            if not self._holders:
                # Calls may wait for it still, where the collector has another one now.
                await self._asking.finish()
        finally:
            if is_lender or not self._holders:
                # Whoever still uses it begins anew, with tasks of its own.
                await self.aclose()

    async def aclose(self) -> None:
        """End what is under way, and close the connection. Has no effect where there is none."""
        if self._loop is None:
            return
        own, self._own, self._loop = self._own, None, None
        self._closed += 1
        self._asking.close()
        # What is opened while this waits is another connection.
        leave = self._parted()
        try:
            if own is not None:
                await own.close()
        finally:
            await leave()

    async def __aenter__(self) -> Self:
        """Make ready; nothing is asked yet."""
        self._holders.append((self, None))
        return self

    async def __aexit__(self, *_failure: object) -> None:
        """Close, unless a collector still uses it."""
        self._leave_out(self)
        if not self._holders:
            await self.aclose()

    def __repr__(self) -> str:
        away = f", away: {self._asking.away}" if self._asking.away else ""
        return f"<{type(self).__name__} {self._registry}{away}>"

    def types(self) -> RegistryTypes | None:
        """What tells the types of services that the same registry has, if anything does."""
        return None

    async def _ask(self, key: MethodKey) -> Answer:
        """Ask the registry about a method; it ends in time."""
        raise NotImplementedError

    def _parted(self) -> Callable[[], Awaitable[None]]:
        """Part from the connection; gives what closes it. The next question opens another one."""
        return _nothing

    def _open(self) -> None:
        self._leave_ended_loop()
        loop = asyncio.get_running_loop()
        if self._loop is not None:
            raise UnavailableError(f"the validator of {self._registry} belongs to another event loop")
        self._begin()
        self._loop = loop
        if self._lent is not None and self._lent[1] is loop:
            self._own, tasks = None, self._lent[0]
        else:
            self._own = tasks = LoopTasks(self._clock, max_threads=1)
        self._asking.open(tasks)

    def _leave_out(self, holder: object) -> None:
        place = next((at for at, (one, _) in enumerate(self._holders) if one == holder), None)
        if place is not None:
            del self._holders[place]

    def _goes_on(self, closed: int) -> bool:
        """Whether it was closed since then, as the collector has stopped that had begun to use it, and others use it."""
        return self._closed != closed and bool(self._holders)

    def _leave_ended_loop(self) -> None:
        """Where the loop has ended that it was used in, nothing is left of what it had there."""
        if self._loop is not None and self._loop.is_closed():
            self._asking.abandon()
            self._loop = self._own = self._lender = self._lent = None

    def _begin(self) -> None:
        """It is used in a loop from now on; what another one had is gone."""

    def _turned(self, away: str) -> None:
        now = self._clock.now()
        seconds, self._away_since = now - self._away_since, now
        for holder, observer in dict(self._holders).items():
            if observer is None:
                continue
            if away:
                observer.tell(RegistryAway(str(holder), self._registry, away, "validate"))
            else:
                observer.tell(RegistryBack(str(holder), self._registry, round(seconds, 3), "validate"))

    def _undecided(self, key: MethodKey, reason: str) -> None:
        for holder, observer in dict(self._holders).items():
            if observer is not None:
                observer.tell(ValidatorUndecided(str(holder), key, clipped(reason)))


async def _nothing() -> None:
    """There is no connection."""


if TYPE_CHECKING:
    _fits: type[HeldValidator] = AskingValidator
