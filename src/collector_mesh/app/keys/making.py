"""Makes what keeps idempotency keys, at the first call that has one."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from os import PathLike
from typing import TYPE_CHECKING

from collector_mesh.app.options import Options
from collector_mesh.app.settings import Settings
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Tasks

if TYPE_CHECKING:
    from collector_mesh.domain.peers.admission import Admission
    from collector_mesh.domain.ports.key_store import KeyRules, KeyStore
    from collector_mesh.domain.serving.keyed import KeyedCalls


def make_key_store(options: Options) -> "KeyStore | None":
    """The store that was given, or that at a path; None where each start has one of its own in memory."""
    keys = options.keys
    if isinstance(keys, str | PathLike):
        from collector_mesh.adapters.sqlite.key_store import SqliteKeyStore

        return SqliteKeyStore(keys)
    return keys


@asynccontextmanager
async def open_keys(store: "KeyStore | None", admission: "Admission") -> AsyncIterator[None]:
    """Have a store open that has to be, and others told of it.

    One that several collectors of this process share is open as long as one of them is.
    """
    async with AsyncExitStack() as opened:
        if store is not None:
            if hasattr(type(store), "__aenter__"):
                await opened.enter_async_context(store)  # type: ignore[arg-type]  # just looked
            admission.key_store = store.store_id or admission.incarnation
        yield


def make_own_store(admission: "Admission") -> Callable[[], str]:
    """Gives the store of this collector, as others are told of it."""
    return lambda: admission.key_store


def make_key_rules(settings: Settings) -> "KeyRules":
    """How much is kept, and for how long."""
    # Collectors of whom no call has a key do not need what this imports.
    from collector_mesh.domain.ports.key_store import KeyRules

    return KeyRules(settings.key_seconds, settings.max_keys, settings.max_key_bytes)


def make_keyed_calls(
    options: Options,
    settings: Settings,
    store: "KeyStore | None",
    admission: "Admission",
    tasks: Tasks,
    clock: Clock,
    observer: Observer,
) -> "KeyedCalls":
    """What runs calls with a key once."""
    from collector_mesh.domain.serving.keyed import KeyedCalls

    if store is None:
        from collector_mesh.domain.serving.memory_keys import MemoryKeyStore

        store = MemoryKeyStore()
    return KeyedCalls(
        options.collector_id,
        store,
        admission.incarnation,
        make_key_rules(settings),
        grace=settings.key_grace,
        tasks=tasks,
        clock=clock,
        observer=observer,
    )
