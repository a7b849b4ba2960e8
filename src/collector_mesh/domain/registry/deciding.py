"""Decisions on what a store has at one moment: made anew where it has changed meanwhile."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from collector_mesh.domain.model.errors import UnavailableError, quoted
from collector_mesh.domain.ports.registry_store import (
    EntryKey,
    RegistryStore,
    StaleRevisionError,
    StoredEntry,
    Write,
)
from collector_mesh.domain.registry.catalogue import Catalogue, Catalogues
from collector_mesh.domain.registry.sight import NotLoadedError

T = TypeVar("T")

ATTEMPTS = 64
"""Tries of something that somebody else's write has come in between each time; then it ends with 503.

Two programs that write without a pause come in between every other time; at 16 tries one of some hundred registrations failed.
"""

KNOWN_ENTRIES = 50_000
"""Entries whose names are known without a look into the store, about; each takes some hundred bytes."""

Plan = Callable[[Catalogue, Mapping[EntryKey, StoredEntry]], T]
"""Decides from a catalogue and the entries that were read; raises `NotLoadedError` where those are too few."""


async def at_once(work: Callable[[], T]) -> T:
    """Do a piece of work here and now."""
    return work()


class Deciding:
    """Has decisions made on what a store has, and written.

    Args:
        store: the store.
    """

    def __init__(self, store: RegistryStore) -> None:
        self._store = store
        self._catalogues = Catalogues(KNOWN_ENTRIES)

    async def catalogue(self, namespace: str) -> Catalogue:
        """What is registered in a namespace now."""
        while True:
            stored = await self._store.catalogue(namespace, self._catalogues.revision(namespace))
            if (found := self._catalogues.of(namespace, stored)) is not None:
                return found

    async def decided(
        self,
        catalogue: Catalogue,
        plan: Plan[T],
        do: Callable[[Callable[[], T]], Awaitable[T]] = at_once,
    ) -> T:
        """What a plan comes to.

        Args:
            catalogue: what is registered.
            plan: decides.
            do: does a piece of work; that may be in a thread.

        Raises:
            StaleRevisionError: the namespace has changed since.
        """
        entries: dict[EntryKey, StoredEntry] = {}
        while True:
            try:
                return await do(partial(plan, catalogue, entries))
            except NotLoadedError as missing:
                keys = missing.keys
            for key, entry in zip(keys, await self._store.read(keys), strict=True):
                if entry is None or entry.revision > catalogue.revision:
                    raise StaleRevisionError(f"namespace {quoted(catalogue.namespace)} has changed meanwhile")
                entries[key] = entry

    async def write(self, catalogue: Catalogue, write: Write) -> None:
        """Write what was decided on a catalogue.

        Raises:
            StaleRevisionError: the namespace has changed since.
        """
        revision = await self._store.write(write)
        self._catalogues.put(catalogue.after(write, revision))

    async def again(self, namespace: str, once: Callable[[], Awaitable[T]]) -> T:
        """Do something anew as often as the namespace has changed meanwhile, within bounds.

        Raises:
            UnavailableError: that was too often.
        """
        for _ in range(ATTEMPTS):
            try:
                return await once()
            except StaleRevisionError:
                continue
        raise UnavailableError(
            f"namespace {quoted(namespace)} was changed by others {ATTEMPTS} times meanwhile: try again"
        )

    async def query(self, namespace: str, plan: Plan[T]) -> T:
        """What a plan comes to that writes nothing."""

        async def once() -> T:
            return await self.decided(await self.catalogue(namespace), plan)

        return await self.again(namespace, once)
