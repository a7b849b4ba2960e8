"""What a registry is asked, answered from what is in its store."""

from collections.abc import Mapping

from collector_mesh.domain.model.errors import AmbiguousError, NotFoundError, quoted
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.ports.registry_store import EntryKey, Position, RegistryStore, StoredEntry
from collector_mesh.domain.registry.answers import change_answer, file_answer, service_answer
from collector_mesh.domain.registry.catalogue import Catalogue
from collector_mesh.domain.registry.limits import check_file_name
from collector_mesh.domain.registry.paging import limit_of, number_of, position_of, position_text
from collector_mesh.domain.registry.reading import Reader
from collector_mesh.domain.registry.results import (
    HistoryPage,
    RegisteredFile,
    RegisteredService,
    ServicePage,
    Validity,
)
from collector_mesh.domain.registry.sight import Sight

PAGE_BYTES = 2 << 20
"""Of descriptors on a page; it ends with the service that reaches it, which may be the last one of all."""

Known = tuple[Catalogue, Mapping[EntryKey, StoredEntry]]
"""What is registered in a namespace, and those entries of it that were read."""


class Queries:
    """Answers from a catalogue and the entries that were read; raises `NotLoadedError` where that are too few.

    Args:
        reader: reads descriptors.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def service(self, known: Known, name: str) -> RegisteredService:
        """See `Registry.lookup`."""
        return service_answer(self._service(known, name), self._reader)

    def file(self, known: Known, name: str) -> RegisteredFile:
        """See `Registry.file`."""
        catalogue, _ = known
        entry = self._sight(known).entry(catalogue.file_key(name))
        if entry is None:
            raise NotFoundError(f"file {catalogue.namespace}/{_shown(name)} not found")
        return file_answer(entry, self._reader)

    def closure(self, known: Known, name: str) -> tuple[bytes, ...]:
        """See `Registry.files`; they were put together when they were registered, and are in order here without a look into them."""
        catalogue, _ = known
        sight = self._sight(known)
        begun: set[str] = set()
        done: dict[str, None] = {}
        waiting = list(self._service(known, name).needs)
        while waiting:
            file = waiting[-1]
            if file in begun:
                # All that it imports is done.
                done[waiting.pop()] = None
                continue
            begun.add(file)
            waiting += (one for one in self._imports(catalogue, file) if one not in begun)
        return tuple(sight.data(file) for file in done)

    def validity(self, known: Known, service: str, method: str) -> Validity:
        """See `Registry.validate`."""
        try:
            entry = self._service(known, service)
        except (NotFoundError, AmbiguousError) as error:
            return Validity(is_valid=False, message=str(error))
        methods = self._reader.service(entry.data).methods
        found = next((one for one in methods if one.name == method), None)
        if found is None:
            message = f"method {_shown(method)} not found on service {entry.key.namespace}/{_shown(service)}"
            return Validity(is_valid=False, message=message)
        takes, gives = found.takes, found.gives
        return Validity(
            is_valid=True,
            message="Method is valid",
            takes="" if "/" in takes else takes,
            gives="" if "/" in gives else gives,
        )

    async def services(self, store: RegistryStore, namespace: str, after: str, limit: int) -> ServicePage:
        """See `Registry.services`."""
        if namespace:
            check_name("namespace", namespace)
        most = limit_of(limit)
        # One more tells whether there is a next page.
        found = await store.newest("service", namespace, position_of(after), most + 1, PAGE_BYTES)
        shown = found[:most]
        is_cut = len(found) > most or sum(len(entry.data) for entry in found) >= PAGE_BYTES
        return ServicePage(
            tuple(service_answer(entry, self._reader) for entry in shown),
            position_text(Position(shown[-1].created, shown[-1].key.namespace, shown[-1].key.name))
            if is_cut
            else "",
        )

    async def history(
        self, store: RegistryStore, namespace: str, name: str, after: str, limit: int
    ) -> HistoryPage:
        """See `Registry.history`."""
        if namespace:
            check_name("namespace", namespace)
        if name:
            check_file_name(name, "name")  # that of a service is such a one as well
        most = limit_of(limit)
        found = await store.changes(namespace, name, number_of(after), most + 1)
        shown = found.changes[:most]
        return HistoryPage(
            tuple(map(change_answer, shown)),
            str(shown[-1].number) if len(found.changes) > most else "",
            found.dropped,
        )

    def _imports(self, catalogue: Catalogue, file: str) -> tuple[str, ...]:
        if (head := catalogue.files.get(file)) is not None:
            return head.needs
        known = self._reader.known_file(file)
        return known.schema.imports if known is not None else ()

    def _sight(self, known: Known) -> Sight:
        return Sight(*known, {}, self._reader)

    def _service(self, known: Known, name: str) -> StoredEntry:
        catalogue, _ = known
        full = catalogue.find_service(name)
        entry = self._sight(known).entry(catalogue.service_key(full)) if full else None
        if entry is None:
            raise NotFoundError(f"service {catalogue.namespace}/{_shown(name)} not found")
        return entry


def _shown(name: str) -> str:
    """A name as it was asked for, which may be anything: without quotes where it is none that needs them."""
    return name if name.isidentifier() or name.replace(".", "").isidentifier() else quoted(name)
