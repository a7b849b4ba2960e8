"""Looks for one of several collectors that answers: who is silent is not waited for."""

from collections.abc import Callable, Coroutine
from typing import Any

from collector_mesh.domain.model.errors import MeshError, UnavailableError, clipped, error_for, text_of
from collector_mesh.domain.ports.addresses import Addresses
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Task, Tasks

SILENCE_SECONDS = 0.25
"""Silence after which the next address is dialed beside those that were.

Source: the connection attempt delay of RFC 8305 (Happy Eyeballs), section 8.
"""

ALL_SECONDS = 0.75
"""Within this time all addresses have been dialed, however many there are and whoever is silent."""


class Search:
    """Dials addresses, one at random first, and the next when one has failed or is silent; who answers first counts.

    It is used once.

    Args:
        addresses: where to; asked again once a dial has failed, where they may change.
        dial: dials one.
        tasks: dials several at once.
        clock: tells the time.
        dice: choose the order.
        last: an address that is dialed after all others, as it has just been in vain.
    """

    def __init__(
        self,
        addresses: Addresses,
        dial: Callable[[str], Coroutine[Any, Any, None]],
        *,
        tasks: Tasks,
        clock: Clock,
        dice: Randomness,
        last: str = "",
    ) -> None:
        self._addresses = addresses
        self._dial = dial
        self._tasks = tasks
        self._now = clock.now
        self._dice = dice
        self._last = last
        self._alarm = clock.alarm()
        self._dialing: dict[str, Task] = {}
        self._found = ""
        self._failures: dict[str, Exception] = {}
        self._asking: Task | None = None
        self._is_asking = False
        self._why_none = ""

    async def first(self) -> str:
        """The address that has answered first.

        Raises:
            MeshError: none has; the text names all of them.
        """
        try:
            return await self._first()
        finally:
            for task in [*self._dialing.values(), *([self._asking] if self._asking is not None else [])]:
                await task.stop()

    async def _first(self) -> str:
        if self._addresses.may_change and not self._addresses.known():
            self._why_none = await self._addresses.refresh()
        elif self._addresses.is_due:
            self._begin_to_ask()
        waiting: list[str] = []
        latest, next_at = "", self._now()
        while not self._found:
            waiting += self._new(waiting)
            if waiting and (latest in self._failures or self._now() >= next_at):
                latest = waiting.pop(0)
                self._dialing[latest] = self._tasks.start(self._try(latest), f"dial {latest}")
                many = len(self._dialing) + len(waiting)
                next_at = self._now() + min(SILENCE_SECONDS, ALL_SECONDS / many)
            elif not waiting and len(self._failures) == len(self._dialing) and not self._is_asking:
                raise self._failed()
            else:
                await self._alarm.wait(max(0.0, next_at - self._now()) if waiting else _LONG_SECONDS)
        return self._found

    def _new(self, waiting: list[str]) -> list[str]:
        """Addresses that have become known, in the order in which they are dialed."""
        known = self._addresses.known()
        if len(known) == len(self._dialing) + len(waiting) and not self._addresses.may_change:
            return []
        new = [address for address in known if address not in self._dialing and address not in waiting]
        for end in range(len(new) - 1, 0, -1):
            chosen = self._dice.below(end + 1)
            new[end], new[chosen] = new[chosen], new[end]
        if self._last in new:
            new.remove(self._last)
            new.append(self._last)
        return new

    async def _try(self, address: str) -> None:
        try:
            await self._dial(address)
        except Exception as error:  # noqa: BLE001  # a transport of a user's may raise anything
            self._failures[address] = error
            if self._addresses.may_change and self._asking is None:
                self._begin_to_ask()
        else:
            self._found = self._found or address
        finally:
            self._alarm.ring()

    def _begin_to_ask(self) -> None:
        self._is_asking = True
        self._asking = self._tasks.start(self._ask(), f"ask where {self._addresses.text} is")

    async def _ask(self) -> None:
        try:
            self._why_none = await self._addresses.refresh()
        finally:
            self._is_asking = False
            self._alarm.ring()

    @property
    def so_far(self) -> str:
        """Where it was dialed in vain until now, and why; empty where nothing has failed."""
        return "; ".join(
            told if address in (told := str(error)) else f"{address}: {told}"
            for address, error in self._errors().items()
        )

    def _errors(self) -> dict[str, MeshError]:
        return {
            address: error if isinstance(error, MeshError) else UnavailableError(text_of(error))
            for address, error in self._failures.items()
        }

    def _failed(self) -> MeshError:
        errors = self._errors()
        if len(errors) == 1 and not self._addresses.may_change:
            (error,) = errors.values()
            return error_for(error.code, str(error), error.details)
        if not errors:
            why = f": {self._why_none}" if self._why_none else ""
            return UnavailableError(clipped(f"no address is known for {self._addresses.text}{why}"))
        codes = {error.code for error in errors.values()}
        code = codes.pop() if len(codes) == 1 else UnavailableError.code
        return error_for(
            code, clipped(f"no collector can be used at {self._addresses.text}: {self.so_far}"), {}
        )


_LONG_SECONDS = 3600.0
