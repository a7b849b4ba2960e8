"""What registering a service comes to: in which file it is, and what becomes of what is registered."""

from collections.abc import Mapping

import attrs

from collector_mesh.domain.model.errors import AmbiguousError, InvalidCallError, quoted
from collector_mesh.domain.model.names import check_identifiers
from collector_mesh.domain.ports.registry_store import EntryKey, StoredEntry
from collector_mesh.domain.registry.edits import edits_of_service
from collector_mesh.domain.registry.indexes import short_name
from collector_mesh.domain.registry.planning import Compare, Decided, Order, compared, edits_of_entry
from collector_mesh.domain.registry.results import GivenFile, GivenService
from collector_mesh.domain.registry.schema import File, Method, Schema, Service
from collector_mesh.domain.registry.sight import Sight


@attrs.frozen
class Placed:
    """A service that is to be registered, and where it is.

    Attributes:
        service: itself, under its full name.
        data: its descriptor.
        file: the file that it is in; empty for none.
    """

    service: Service
    data: bytes
    file: str = ""


def place(given: GivenService, files: Mapping[str, GivenFile], sight: Sight) -> Placed:
    """Find out which service is meant.

    Raises:
        InvalidCallError: its name is malformed, no file has it, several do, or the file has another one.
    """
    own = sight.reader.service(given.data) if given.data is not None else None
    name = given.name or (own.name if own is not None else "")
    check_identifiers("service descriptor name", name)
    if own is not None and short_name(own.name) != short_name(name):
        raise InvalidCallError(f"service {quoted(name)} has the descriptor of {quoted(own.name)}")
    file, full = _offered(name, files)
    if file:
        return _in_file(file, full, own, sight)
    if files:
        told = ", ".join(map(quoted, list(files)[:3])) + (", …" if len(files) > 3 else "")
        raise InvalidCallError(f"service {quoted(name)} is in none of the given files: {told}")
    if own is not None and given.data is not None and _is_there(name, given.data, sight):
        return Placed(_in_full(own, name), given.data)
    file, full = sight.catalogue.file_that_offers(name)
    if file:
        return _in_file(file, full, own, sight)
    if own is None or given.data is None:
        raise InvalidCallError(f"service {quoted(name)} is in no registered file: give the file that has it")
    return Placed(_in_full(own, name), given.data)


def decide_service(order: Order, placed: Placed, sight: Sight, compare: Compare) -> Decided:
    """What is to become of a service. Where one without a file is registered under its short name, it takes its place."""
    catalogue = sight.catalogue
    key = catalogue.service_key(placed.service.name)
    before = sight.entry(key)
    if before is None and placed.file and (bare := bare_before(placed, sight)):
        before = sight.entry(catalogue.service_key(bare))
    new = StoredEntry(
        key,
        placed.data,
        needs=(placed.file,) if placed.file else (),
        offers=(),
        labels={},
        created_at=order.now,
        updated_at=order.now,
    )
    new = order.entry_after(new, before, keeps_labels=False)
    if before is None:
        return Decided(new, "registered")
    details = list(edits_of_entry(before, new))
    if before.needs != new.needs:
        details.append(f"is now in the file {placed.file}" if placed.file else "is in no file now")
    if not details and before.key == key and before.data == new.data:
        return Decided(before)
    differences: tuple[str, ...] = ()
    if before.needs != new.needs or (not placed.file and before.data != new.data):
        # Otherwise the file was compared, which has it.
        after = _alone(sight.new_schema(placed.file) if placed.file else Schema(), placed.service)
        differences = compared(compare, lambda: _schema_of(before, placed.service.name, sight), after)
    old = _in_full(sight.reader.service(before.data), placed.service.name)
    details += edits_of_service(old, _in_full(placed.service, placed.service.name))
    return Decided(
        new, "changed", differences, tuple(details or ["options, or the order of its methods, have changed"])
    )


def follow(order: Order, key: EntryKey, file: str, sight: Sight, compare: Compare) -> Decided | None:
    """What becomes of a registered service that is not given, as its file is changed; None if nothing there has it now."""
    for one in sight.new_schema(file).files:
        for service in one.services:
            if service.name == key.name:
                placed = Placed(service, sight.reader.service_data(sight.data(one.name), service), one.name)
                # Labels are only given to what is registered by its name.
                return decide_service(attrs.evolve(order, labels=None), placed, sight, compare)
    return None


def bare_before(placed: Placed, sight: Sight) -> str:
    """The name of the service without a file that this one takes the place of, empty if there is none."""
    short = short_name(placed.service.name)
    head = sight.catalogue.services.get(short)
    is_bare = head is not None and not head.needs and short != placed.service.name
    return short if placed.file and is_bare else ""


def type_name(name: str) -> str:
    """The name of a type that may stand as `SCOPE/NAME`, where no file says what that is in full."""
    return name.rpartition("/")[2]


def _offered(name: str, files: Mapping[str, GivenFile]) -> tuple[str, str]:
    offered = {service.name: file for file, one in files.items() for service in one.schema.services}
    if name in offered:
        return offered[name], name
    found = [full for full in offered if short_name(full) == name]
    if len(found) > 1:
        raise AmbiguousError(
            f"several of the given files have a service {quoted(name)}: {', '.join(found[:5])}"
        )
    return (offered[found[0]], found[0]) if found else ("", "")


def _is_there(name: str, data: bytes, sight: Sight) -> bool:
    """Whether a service without a file is registered exactly so, whatever files were registered since."""
    entry = sight.entry(sight.catalogue.service_key(name))
    return entry is not None and not entry.needs and entry.data == data


def _in_file(file: str, full: str, own: Service | None, sight: Sight) -> Placed:
    service = sight.new_schema(file).services[full]
    if own is not None and not _is_same(own, service):
        raise InvalidCallError(
            f"the descriptor of service {quoted(full)} is not as it is in the file {quoted(file)}: "
            + "; ".join(edits_of_service(service, _in_full(own, full))[:5])
        )
    return Placed(service, sight.reader.service_data(sight.data(file), service), file)


def _is_same(own: Service, service: Service) -> bool:
    """Whether a service by itself, in which names of types may be short, is the one of a file."""
    return len(own.methods) == len(service.methods) and all(
        attrs.evolve(one, takes="", gives="") == attrs.evolve(other, takes="", gives="")
        and _may_be(one.takes, other.takes)
        and _may_be(one.gives, other.gives)
        for one, other in zip(own.methods, service.methods, strict=True)
    )


def _may_be(name: str, full: str) -> bool:
    # Some programs leave the types of methods away where they have no file for them.
    return not name or f".{full}".endswith(f".{type_name(name)}")


def _in_full(service: Service, name: str) -> Service:
    def method(one: Method) -> Method:
        return attrs.evolve(one, takes=type_name(one.takes), gives=type_name(one.gives))

    return Service(name, tuple(map(method, service.methods)))


def _schema_of(entry: StoredEntry, name: str, sight: Sight) -> Schema:
    """A registered service under the name that it will have, with what it needs and nothing beside it."""
    schema = sight.old_schema(entry.needs[0]) if entry.needs else Schema()
    return _alone(schema, _in_full(sight.reader.service(entry.data), name))


def _alone(schema: Schema, service: Service) -> Schema:
    """A schema with one service in place of all that are in it."""
    known = schema.services.get(service.name, service)
    return Schema(
        (*(attrs.evolve(file, services=()) for file in schema.files), File(name="", services=(known,)))
    )
