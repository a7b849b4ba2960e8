"""What registering something comes to: pure, from what is given and what is registered."""

from collections.abc import Callable, Iterable, Mapping

import attrs

from collector_mesh.domain.model.errors import ConflictError, InvalidCallError, quoted
from collector_mesh.domain.ports.registry_store import StoredEntry
from collector_mesh.domain.registry.edits import edits_of_file
from collector_mesh.domain.registry.limits import check_file_name
from collector_mesh.domain.registry.reading import Reader
from collector_mesh.domain.registry.results import GivenFile, GivenService, Outcome
from collector_mesh.domain.registry.schema import File, Schema, names_in
from collector_mesh.domain.registry.sight import Sight

Compare = Callable[[Schema, Schema], Iterable[str]]
"""Gives what is different in a new schema and breaks programs of the old one, a line each."""

_NAMED = 10
"""Files that an error names."""


@attrs.frozen
class Order:
    """What is to be registered together.

    Attributes:
        namespace: where.
        files: files that are registered by themselves.
        dependencies: files that come because others need them.
        services: services, in those files or in registered ones.
        by: who registers them.
        labels: of the files and services, but not of dependencies; None for those that they have.
        now: the time, in seconds since 1970.
    """

    namespace: str
    files: tuple[GivenFile, ...]
    dependencies: tuple[GivenFile, ...]
    services: tuple[GivenService, ...]
    by: str
    labels: Mapping[str, str] | None
    now: float

    def entry_after(
        self, entry: StoredEntry, before: StoredEntry | None, *, keeps_labels: bool
    ) -> StoredEntry:
        """An entry as it is kept, from one with the new facts and the one that is there."""
        labels = self.labels
        if keeps_labels or labels is None:
            labels = before.labels if before is not None else {}
        return attrs.evolve(
            entry,
            labels=dict(labels),
            created_at=before.created_at if before is not None else self.now,
            created=before.created if before is not None else 0,
        )


@attrs.frozen
class Decided:
    """What is to become of one entry.

    Attributes:
        entry: as it will be.
        outcome: what becomes of it.
        differences: what is incompatible with what was there.
        details: what is different, whether that is compatible or not.
    """

    entry: StoredEntry
    outcome: Outcome = "unchanged"
    differences: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def given_files(order: Order, reader: Reader) -> dict[str, GivenFile]:
    """All files that are given, by name, but for dependencies that everybody has.

    Raises:
        InvalidCallError: a name is malformed, or two are not the same and have the same name.
    """
    found: dict[str, GivenFile] = {}
    for file in (*order.files, *order.dependencies):
        name = file.schema.name
        check_file_name(name)
        if file not in order.files and reader.known_file(name) is not None:
            continue
        if found.setdefault(name, file).data != file.data:
            raise InvalidCallError(f"two files that are not the same have the name {quoted(name)}")
        reader.keep(file)
    return found


def decide_files(
    order: Order, given: Mapping[str, GivenFile], sight: Sight, compare: Compare
) -> dict[str, Decided]:
    """What is to become of the files that are given.

    Raises:
        InvalidCallError: they do not fit together.
        ConflictError: a registered file would no longer fit.
    """
    own = {file.schema.name for file in order.files}
    decided = {
        name: _decide_file(order, file, sight, compare, is_own=name in own) for name, file in given.items()
    }
    _check_dependents([name for name, one in decided.items() if one.outcome == "changed"], given, sight)
    return decided


def _decide_file(order: Order, file: GivenFile, sight: Sight, compare: Compare, *, is_own: bool) -> Decided:
    name = file.schema.name
    key = sight.catalogue.file_key(name)
    schema = sight.new_schema(name)
    before = sight.entry(key)
    new = StoredEntry(
        key,
        file.data,
        needs=tuple(dict.fromkeys(file.schema.imports)),
        offers=tuple(service.name for service in file.schema.services),
        labels={},
        created_at=order.now,
        updated_at=order.now,
        is_dependency=not is_own and (before is None or before.is_dependency),
    )
    new = order.entry_after(new, before, keeps_labels=not is_own)
    if before is None:
        return Decided(new, "registered")
    details = list(edits_of_entry(before, new))
    if before.data == new.data:
        return Decided(new, "changed", details=tuple(details)) if details else Decided(before)
    differences = compared(compare, lambda: sight.old_schema(name), schema)
    details += edits_of_file(sight.reader.file(before.data), file.schema)
    return Decided(new, "changed", differences, tuple(details))


def edits_of_entry(before: StoredEntry, after: StoredEntry) -> Iterable[str]:
    """What is different about an entry, but for its descriptor."""
    for name in sorted({*before.labels, *after.labels}):
        old, new = before.labels.get(name), after.labels.get(name)
        if old != new:
            yield f"label {name} is now {quoted(new)}" if new is not None else f"label {name} was removed"
    if before.is_dependency and not after.is_dependency:
        yield "was a dependency, and is now registered by itself"


def compared(compare: Compare, old: Callable[[], Schema], new: Schema) -> tuple[str, ...]:
    """What is incompatible. Where the old files no longer fit together this is all that can be said."""
    try:
        schema = old()
    except InvalidCallError as error:
        return (f"what is registered cannot be compared: {error}",)
    return tuple(dict.fromkeys(compare(schema, new)))


def _check_dependents(changed: Iterable[str], given: Mapping[str, GivenFile], sight: Sight) -> None:
    """See that files that are registered, and not given, fit to what changes."""
    others = [name for name in changed if _seen(sight.old(name)) != _seen(sight.new(name))]
    broken: dict[str, str] = {}
    for name in sight.catalogue.dependents(others):
        if name not in given:
            try:
                sight.new_schema(name)
            except InvalidCallError as error:
                broken[name] = str(error)
        if len(broken) == _NAMED:
            break
    if broken:
        told = "; ".join(f"{quoted(name)}: {problem}" for name, problem in broken.items())
        raise ConflictError(f"registered files would no longer fit to the given ones: {told}")


def _seen(file: File | None) -> object:
    """What a file has that can make one that imports it fit or not."""
    return file and (set(names_in(file)), file.package, file.imports, file.public_imports)
