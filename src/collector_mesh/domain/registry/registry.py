"""The registry: what services of each namespace look like, and which changes of that are refused."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

from collector_mesh.domain.model.limits import check_labels
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.ports.registry_store import EntryKey, RegistryStore, StoredEntry
from collector_mesh.domain.registry.catalogue import Catalogue
from collector_mesh.domain.registry.deciding import Deciding, Plan, at_once
from collector_mesh.domain.registry.limits import MAX_BY, RegistryLimits
from collector_mesh.domain.registry.planning import Compare, Order
from collector_mesh.domain.registry.queries import Queries
from collector_mesh.domain.registry.reading import Reader, Schemas
from collector_mesh.domain.registry.removing import removal
from collector_mesh.domain.registry.results import (
    GivenFile,
    GivenService,
    HistoryPage,
    RegisteredFile,
    RegisteredService,
    Registration,
    ServicePage,
    Validity,
)
from collector_mesh.domain.registry.writing import Planned, planned

T = TypeVar("T")

Aside = Callable[[Callable[[], Planned]], Awaitable[Planned]]
"""Does a piece of work, and gives what comes of it, once the work is over, also where that is no longer wanted."""

QUICK_BYTES = 64 << 10
"""Descriptors up to this size, given and registered ones together, are compared at once: that takes some milliseconds."""

PAGE = 100
"""Entries of a page, where nothing else is asked for."""


class Registry:
    """Keeps what services look like, in a store, and decides what may be changed.

    Several may use one store: each write is decided on what the store has, and decided anew where that has changed meanwhile.

    Args:
        store: keeps it.
        schemas: reads descriptors.
        wall: gives the time of day, in seconds since 1970.
        compare: says what is incompatible.
        limits: how much is taken.
        aside: does what takes time, as to compare large files, where it keeps nobody else waiting.
        turn: entered around each write, so that those of one process come one after the other, as an `asyncio.Lock` has them;
            it may be entered again and again.
    """

    def __init__(
        self,
        store: RegistryStore,
        schemas: Schemas,
        *,
        wall: Callable[[], float],
        compare: Compare,
        limits: RegistryLimits = RegistryLimits(),  # noqa: B008  # frozen
        aside: Aside | None = None,
        turn: AbstractAsyncContextManager[Any] | None = None,
    ) -> None:
        self._store = store
        self._planning = Reader(schemas)
        """Used by one write at a time, wherever that is planned."""
        self._aside = aside or at_once
        self._wall = wall
        self._compare = compare
        self._limits = limits
        self._turn = turn or nullcontext()
        self._queries = Queries(Reader(schemas))
        self._deciding = Deciding(store)

    async def register_file(
        self,
        namespace: str,
        file: GivenFile,
        dependencies: Sequence[GivenFile] = (),
        *,
        by: str = "",
        labels: Mapping[str, str] | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> RegisteredFile:
        """Register a file, and what it needs that is not there yet. See `register`."""
        done = await self.register(
            namespace,
            files=(file,),
            dependencies=dependencies,
            by=by,
            labels=labels,
            force=force,
            dry_run=dry_run,
        )
        return done.files[0]

    async def register_service(
        self,
        namespace: str,
        service_name: str,
        data: bytes | None,
        file: GivenFile | None = None,
        dependencies: Sequence[GivenFile] = (),
        *,
        by: str = "",
        labels: Mapping[str, str] | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> RegisteredService:
        """Register a service, and the file that it is in. See `register`."""
        done = await self.register(
            namespace,
            dependencies=(file, *dependencies) if file is not None else dependencies,
            services=(GivenService(service_name, data),),
            by=by,
            labels=labels,
            force=force,
            dry_run=dry_run,
        )
        return done.services[0]

    async def register(
        self,
        namespace: str,
        *,
        files: Sequence[GivenFile] = (),
        dependencies: Sequence[GivenFile] = (),
        services: Sequence[GivenService] = (),
        by: str = "",
        labels: Mapping[str, str] | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> Registration:
        """Register files and services together: all of them, or none.

        Files that are imported and not given are looked for in the namespace, and then among those that everybody has.
        What is registered as it is given stays as it is, and has no history of it.

        Args:
            namespace: where.
            files: files that are registered by themselves.
            dependencies: files that services or other files need; they go again with the last that needs them.
            services: services, each in one of the files, or in a registered one, or by its descriptor alone.
            by: who registers them, for the history.
            labels: of files and services, but not of dependencies; None for those that they have, `{}` to remove them.
            force: whether to register them also where that is incompatible with what is registered.
            dry_run: whether to say only what would come of it; differences are in the result then, and no error.

        Raises:
            InvalidCallError: something is malformed, missing, contradicts itself, or is more than there may be.
            IncompatibleError: it is incompatible; it has every difference.
            ConflictError: registered files that need one of the given would no longer fit.
            UnavailableError: the store cannot be used now. Nothing was changed, but for what `executed` says.
        """
        check_name("namespace", namespace)
        if labels is not None:
            check_labels(labels)
        self._limits.check_given(len(file.data) for file in (*files, *dependencies))
        order = Order(
            namespace,
            tuple(files),
            tuple(dependencies),
            tuple(services),
            visible(by, MAX_BY),
            labels,
            self._wall(),
        )

        size = sum(len(file.data) for file in (*files, *dependencies))
        names = {file.schema.name for file in (*files, *dependencies)}

        def plan(catalogue: Catalogue, entries: Mapping[EntryKey, StoredEntry]) -> Planned:
            return planned(order, catalogue, entries, self._planning, self._compare)

        async def once() -> Registration:
            catalogue = await self._deciding.catalogue(namespace)
            around = catalogue.size_around(names, [one.name for one in services])
            is_quick = size + around <= QUICK_BYTES
            done = await self._deciding.decided(catalogue, plan, at_once if is_quick else self._aside)
            if done.differences and not (force or dry_run):
                raise done.error()
            write = done.write(self._limits.kept)
            if write is not None:
                self._limits.check_write(done.catalogue, write)
                if not dry_run:
                    await self._deciding.write(done.catalogue, write)
            return done.answer

        async with self._turn:
            return await self._deciding.again(namespace, once)

    async def deregister(self, namespace: str, name: str, *, by: str = "") -> str:
        """Remove a service, or a file, and what came with it alone. To register it again is a new start.

        Args:
            namespace: where.
            name: of the service, full or short, or of the file.
            by: who removes it, for the history.

        Returns:
            The id of what was removed.

        Raises:
            InvalidCallError: the namespace is malformed, or the name ambiguous.
            NotFoundError: there is none.
            ConflictError: other files or services need the file.
            UnavailableError: the store cannot be used now.
        """
        check_name("namespace", namespace)
        now, who = self._wall(), visible(by, MAX_BY)

        async def once() -> str:
            catalogue = await self._deciding.catalogue(namespace)
            key, write = removal(catalogue, name, who, now, self._limits.kept)
            await self._deciding.write(catalogue, write)
            return f"{namespace}/{key.name}"

        async with self._turn:
            return await self._deciding.again(namespace, once)

    async def lookup(self, namespace: str, name: str) -> RegisteredService:
        """Give a service, by its full or its short name.

        Raises:
            InvalidCallError: the namespace is malformed, or several services have this short name.
            NotFoundError: there is none.
            UnavailableError: the store cannot be used now.
        """
        return await self._query(namespace, lambda *known: self._queries.service(known, name))

    async def files(self, namespace: str, service: str) -> tuple[bytes, ...]:
        """Give the file of a service and all that it needs, each after those that it imports; none if it has no file.

        Raises:
            InvalidCallError, NotFoundError, UnavailableError: see `lookup`.
        """
        return await self._query(namespace, lambda *known: self._queries.closure(known, service))

    async def file(self, namespace: str, name: str) -> RegisteredFile:
        """Give a file.

        Raises:
            InvalidCallError: the namespace is malformed.
            NotFoundError: there is none.
            UnavailableError: the store cannot be used now.
        """
        return await self._query(namespace, lambda *known: self._queries.file(known, name))

    async def validate(self, namespace: str, service: str, method: str) -> Validity:
        """Say whether a service has a method.

        Raises:
            InvalidCallError: the namespace is malformed.
            UnavailableError: the store cannot be used now.
        """
        return await self._query(namespace, lambda *known: self._queries.validity(known, service, method))

    async def services(self, namespace: str = "", *, after: str = "", limit: int = PAGE) -> ServicePage:
        """Give services, newest first.

        Args:
            namespace: where; empty for everywhere.
            after: `after` of the page before; empty for the first one.
            limit: most of them, up to 1,000; a page also ends once its descriptors have some megabytes.

        Raises:
            InvalidCallError: an argument is malformed.
            UnavailableError: the store cannot be used now.
        """
        return await self._queries.services(self._store, namespace, after, limit)

    async def history(
        self, namespace: str = "", name: str = "", *, after: str = "", limit: int = PAGE
    ) -> HistoryPage:
        """Give what was changed, latest first.

        Args:
            namespace: where; empty for everywhere.
            name: of which service (full or short name, the full one of a removed one) or file; empty for all.
            after: `after` of the page before; empty for the first one.
            limit: most of them, up to 1,000.

        Raises:
            InvalidCallError, UnavailableError: see `lookup`.
        """
        page = await self._queries.history(self._store, namespace, name, after, limit)
        if page.changes or not (namespace and name.isidentifier()):
            return page
        full = await self._query(namespace, lambda catalogue, _: catalogue.find_service(name) or name)
        return await self._queries.history(self._store, namespace, full, after, limit)

    async def _query(self, namespace: str, plan: Plan[T]) -> T:
        check_name("namespace", namespace)
        return await self._deciding.query(namespace, plan)
