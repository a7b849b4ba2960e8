"""What validators that ask a registry have in common: the loop that they ask in, and those who use them."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.adapters.runtime.registry_types import RegistryTypes
from collector_mesh.adapters.runtime.tasks import LoopTasks
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.model.events import RegistryAway, RegistryBack
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.validator import HeldValidator
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
        self._clock = LoopClock()
        self._asking = Asking(
            self._ask,
            times,
            clock=self._clock,
            dice=SystemRandomness(),
            backoff=Backoff(),
            turned=self._turned,
        )
        self._holders: dict[object, Observer | None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: LoopTasks | None = None
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
        if asyncio.get_running_loop() is not self._loop:
            self._open()
        return await self._asking.validate_service_method(namespace, service_name, method_name)

    @property
    def is_open(self) -> bool:
        """Whether it has a connection, or may have one: it was used, and not closed."""
        return self._tasks is not None

    def begin_use(self, collector_id: str, observer: Observer) -> None:
        """See the port."""
        self._holders[collector_id] = observer

    async def end_use(self, collector_id: str) -> None:
        """See the port."""
        self._holders.pop(collector_id, None)
        if not self._holders:
            await self.aclose()

    async def aclose(self) -> None:
        """End what is under way, and close the connection. Has no effect where there is none."""
        tasks, self._tasks, self._loop = self._tasks, None, None
        if tasks is None:
            return
        self._asking.close()
        try:
            await tasks.close()
        finally:
            await self._leave()

    async def __aenter__(self) -> Self:
        """Make ready; nothing is asked yet."""
        self._holders[self] = None
        return self

    async def __aexit__(self, *_failure: object) -> None:
        """Close, unless a collector still uses it."""
        self._holders.pop(self, None)
        if not self._holders:
            await self.aclose()

    def __repr__(self) -> str:
        away = f", away: {self._asking.away}" if self._asking.away else ""
        return f"<{type(self).__name__} {self._registry}{away}>"

    def types(self) -> RegistryTypes:
        """What tells the types of services that the same registry has."""
        raise NotImplementedError

    async def _ask(self, key: MethodKey) -> Answer:
        """Ask the registry about a method; it ends in time."""
        raise NotImplementedError

    async def _leave(self) -> None:
        """Close the connection."""

    def _open(self) -> None:
        if self._loop is not None:
            if not self._loop.is_closed():
                raise UnavailableError(f"the validator of {self._registry} belongs to another event loop")
            self._asking.abandon()
        self._begin()
        self._loop = asyncio.get_running_loop()
        self._tasks = LoopTasks(self._clock, max_threads=1)
        self._asking.open(self._tasks)

    def _begin(self) -> None:
        """It is used in a loop from now on; what another one had is gone."""

    def _turned(self, away: str) -> None:
        now = self._clock.now()
        seconds, self._away_since = now - self._away_since, now
        for holder, observer in list(self._holders.items()):
            if observer is None:
                continue
            if away:
                observer.tell(RegistryAway(str(holder), self._registry, away, "validate"))
            else:
                observer.tell(RegistryBack(str(holder), self._registry, round(seconds, 3), "validate"))


if TYPE_CHECKING:
    _fits: type[HeldValidator] = AskingValidator
