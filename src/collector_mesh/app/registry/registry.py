"""A registry in this process."""

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from collector_mesh.domain.model.names import text_argument
from collector_mesh.domain.registry.every import Every
from collector_mesh.domain.registry.limits import RegistryLimits
from collector_mesh.domain.registry.memory_store import MemoryStore
from collector_mesh.domain.registry.registry import PAGE
from collector_mesh.domain.registry.registry import Registry as DomainRegistry
from collector_mesh.domain.registry.results import (
    GivenService,
    HistoryPage,
    RegisteredService,
    Registration,
    ServicePage,
    Validity,
)
from collector_mesh.domain.registry.rules import LEVELS, Level

if TYPE_CHECKING:
    from collector_mesh.app.registry.registrable import Registrable
    from collector_mesh.app.registry.watched_store import StoreWatcher
    from collector_mesh.domain.ports.registry_store import RegistryStore


class Registry(Every):
    """Keeps what services look like, in a file or in memory, and refuses changes that would break programs.

    It is entered once, and used in the event loop that it was entered in. `RegistryClient` has the same methods for a registry
    elsewhere.

    Args:
        path: the file that keeps it, made where there is none; None keeps it in memory.
        level: `wire_json` also keeps what JSON has of messages; `wire` only what is in their bytes.
        limits: how much is taken.
        store: what keeps it, in place of a file; it is used as it is, and not closed.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: the level is none, or both a path and a store are given.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        level: Level = "wire_json",
        limits: RegistryLimits | None = None,
        store: "RegistryStore | None" = None,
    ) -> None:
        if path is not None and not isinstance(path, str | os.PathLike):
            raise TypeError(f"path must be a str, a path or None, got {type(path).__qualname__}")
        if path is not None and not os.fspath(path):
            raise ValueError("path must not be empty; None keeps the registry in memory")
        if path == ":memory:":
            raise ValueError("path must be that of a file, got ':memory:'; None keeps the registry in memory")
        if path is not None and store is not None:
            raise ValueError("path and store cannot be given both")
        if level not in LEVELS:
            raise ValueError(f"level must be {' or '.join(map(repr, LEVELS))}, got {level!r}")
        self._path = path
        self._level = level
        self._limits = limits or RegistryLimits()
        self._store = store
        self._opened = AsyncExitStack()
        self._core: DomainRegistry | None = None
        self._was_entered = False
        self.watchers: list[StoreWatcher] = []
        """Are told when the store cannot be used, and when it can again."""

    def __repr__(self) -> str:
        return f"<Registry in {'memory' if self._path is None else repr(os.fspath(self._path))}>"

    async def __aenter__(self) -> Self:
        """Open it.

        Raises:
            RegistryError: the file cannot be used, as one that is no registry, or is damaged; it stays as it is.
            RuntimeError: it was entered before.
        """
        if self._was_entered:
            raise RuntimeError("a Registry can be entered once; make a new one")
        self._was_entered = True
        from collector_mesh.adapters.runtime.aside import aside
        from collector_mesh.adapters.wire.given_files import WireSchemas
        from collector_mesh.app.registry.watched_store import WatchedStore
        from collector_mesh.domain.registry.compatibility import differences

        store = self._store
        if store is None and self._path is not None:
            from collector_mesh.adapters.sqlite.registry_store import SqliteStore

            store = await self._opened.enter_async_context(SqliteStore(self._path))
        self._core = DomainRegistry(
            WatchedStore(MemoryStore() if store is None else store, self._tell),
            WireSchemas(),
            wall=time.time,
            compare=lambda old, new: [str(one) for one in differences(old, new, level=self._level)],
            limits=self._limits,
            aside=aside,
            turn=asyncio.Lock(),
        )
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Close it, after what was asked for before."""
        self._core = None
        await self._opened.aclose()

    @property
    def where(self) -> str:
        """The path of its file; empty where there is none."""
        return str(os.fspath(self._path)) if self._path is not None else ""

    def _tell(self, reason: str, seconds: float) -> None:
        for watcher in tuple(self.watchers):
            watcher(reason, seconds)

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self._core is not None

    @property
    def core(self) -> DomainRegistry:
        """What decides, for parts that have descriptors in bytes.

        Raises:
            RuntimeError: it is not open.
        """
        if self._core is None:
            raise RuntimeError(
                "the Registry is not open: use it within `async with Registry(...) as registry:`"
            )
        return self._core

    async def register(
        self,
        namespace: str,
        what: "Registrable",
        *,
        by: str = "",
        labels: Mapping[str, str] | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> Registration:
        """Register services and the files that they are in; all of them, or none.

        What is registered as it is given stays as it is, and has no history of it.

        Args:
            namespace: where.
            what: a contract, a generated `_pb2` module, a `FileDescriptor`, a `ServiceDescriptor`, a `FileDescriptorProto`, a
                `FileDescriptorSet`, or a serialized one. All services of a file are registered; a file without services is
                registered by itself. Imports that are not in it are looked for in the namespace.
            by: who registers it, for the history.
            labels: of the services, or of the files where there are none; None for those that they have, `{}` to remove them.
            force: whether to register it also where it is incompatible with what is registered.
            dry_run: whether to say only what would come of it; differences are in the result then, and no error.

        Raises:
            InvalidCallError: something is malformed, missing, contradicts itself, or is more than there may be.
            IncompatibleError: it is incompatible; it has every difference.
            ConflictError: registered files that need one of the given would no longer fit.
            RegistryError: the store cannot be used now. Nothing was changed, unless `executed` says `MAYBE`.
            TypeError: an argument is of the wrong type.
        """
        from collector_mesh.adapters.runtime.aside import aside
        from collector_mesh.adapters.wire.given_files import given_files, is_quick
        from collector_mesh.app.registry.registrable import registrable

        core = self.core
        given = registrable(what)
        self._limits.check_given(map(len, given.files))
        every = given.files
        files = given_files(every) if is_quick(every) else await aside(lambda: given_files(every))
        return await core.register(
            namespace,
            files=() if given.services else files,
            dependencies=files if given.services else (),
            services=[GivenService(name) for name in given.services],
            by=text_argument("by", by),
            labels=labels,
            force=force,
            dry_run=dry_run,
        )

    async def lookup(self, namespace: str, name: str) -> RegisteredService:
        """Give a service, by its full or its short name.

        Raises:
            InvalidCallError: a name is malformed, or several services have this short name.
            NotFoundError: there is none.
            RegistryError: the store cannot be used now.
        """
        return await self.core.lookup(namespace, text_argument("name", name))

    async def files(self, namespace: str, service: str) -> tuple[bytes, ...]:
        """Give the file of a service and all that it needs, as `FileDescriptorProto`s, each after those that it imports.

        Raises:
            InvalidCallError, NotFoundError, RegistryError: see `lookup`.
        """
        return await self.core.files(namespace, text_argument("service", service))

    async def validate(self, namespace: str, service: str, method: str) -> Validity:
        """Say whether a service has a method, and what it takes and gives.

        Raises:
            InvalidCallError: the namespace is malformed.
            RegistryError: the store cannot be used now.
        """
        service, method = text_argument("service", service), text_argument("method", method)
        return await self.core.validate(namespace, service, method)

    async def list(self, namespace: str = "", *, after: str = "", limit: int = PAGE) -> ServicePage:
        """Give services, newest first.

        Args:
            namespace: where; empty for everywhere.
            after: `after` of the page before; empty for the first one.
            limit: most of them, up to 1,000.

        Raises:
            InvalidCallError: an argument is malformed.
            RegistryError: the store cannot be used now.
        """
        return await self.core.services(namespace, after=text_argument("after", after), limit=limit)

    async def history(
        self, namespace: str = "", name: str = "", *, after: str = "", limit: int = PAGE
    ) -> HistoryPage:
        """Give what was changed, by whom and when, latest first.

        Args:
            namespace: where; empty for everywhere.
            name: of which service (full or short name, the full one of a removed one) or file; empty for all.
            after: `after` of the page before; empty for the first one.
            limit: most of them, up to 1,000.

        Raises:
            InvalidCallError: an argument is malformed.
            RegistryError: the store cannot be used now.
        """
        return await self.core.history(namespace, name, after=text_argument("after", after), limit=limit)

    async def deregister(self, namespace: str, name: str, *, by: str = "") -> str:
        """Remove a service, or a file, and what came with it alone. To register it again is a new start.

        Args:
            namespace: where.
            name: of the service, full or short, or of the file.
            by: who removes it, for the history.

        Returns:
            The id of what was removed.

        Raises:
            InvalidCallError: a name is malformed, or several services have this short name.
            NotFoundError: there is none.
            ConflictError: other files or services need the file.
            RegistryError: the store cannot be used now.
        """
        return await self.core.deregister(namespace, text_argument("name", name), by=text_argument("by", by))
