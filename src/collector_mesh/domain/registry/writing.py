"""What is decided about all that is registered together, as one write and one answer."""

from collections.abc import Iterable, Mapping

import attrs

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.ports.registry_store import EntryKey, Kept, StoredChange, StoredEntry, Write
from collector_mesh.domain.registry.answers import file_answer, service_answer
from collector_mesh.domain.registry.catalogue import Catalogue
from collector_mesh.domain.registry.edits import bounded
from collector_mesh.domain.registry.planning import Compare, Decided, Order, decide_files, given_files
from collector_mesh.domain.registry.reading import Reader
from collector_mesh.domain.registry.results import IncompatibleError, Outcome, Registration
from collector_mesh.domain.registry.service_planning import bare_before, decide_service, follow, place
from collector_mesh.domain.registry.sight import Sight


@attrs.frozen
class Planned:
    """What is decided about an order.

    Attributes:
        order: the order.
        catalogue: what was registered.
        files: what is to become of each file, by its name.
        services: what is to become of each service, in their order, each with all files that it needs.
        followers: what is to become of other services, as their files are changed.
        removed: services that go, and why.
        answer: what is said of it, as it is once this is written.
    """

    order: Order
    catalogue: Catalogue
    files: Mapping[str, Decided]
    services: tuple[tuple[Decided, tuple[str, ...]], ...]
    followers: tuple[Decided, ...]
    removed: Mapping[EntryKey, str]
    answer: Registration

    @property
    def _all(self) -> tuple[Decided, ...]:
        return (*self.files.values(), *(decided for decided, _ in self.services), *self.followers)

    @property
    def differences(self) -> tuple[str, ...]:
        """What is incompatible, a line each."""
        return tuple(dict.fromkeys(line for decided in self._all for line in decided.differences))

    def error(self) -> IncompatibleError:
        """That it is incompatible."""
        asked = [f"service {quoted(decided.entry.key.name)}" for decided, _ in self.services]
        asked += [f"file {quoted(file.schema.name)}" for file in self.order.files]
        what = ", ".join(asked[:3]) + (f" and {len(asked) - 3} more" if len(asked) > 3 else "")
        return IncompatibleError.of(f"{what} of namespace {quoted(self.order.namespace)}", self.differences)

    def write(self, kept: Kept) -> Write | None:
        """What is to be written; None where everything is as it was given."""
        decided = [one for one in self._all if one.outcome != "unchanged"]
        if not decided:
            return None
        order = self.order
        changes = [
            StoredChange(
                one.entry.key,
                "registered" if one.outcome == "registered" else "changed",
                order.now,
                order.by,
                bounded((*one.differences, *one.details)),
                is_forced=bool(one.differences),
            )
            for one in decided
        ]
        put = tuple(one.entry for one in decided)
        unneeded = tuple(
            key for key in self.catalogue.left_over(self.removed, put) if key.name not in self.files
        )
        removed = {**self.removed, **dict.fromkeys(unneeded, "nothing needs it any longer")}
        changes += (
            StoredChange(key, "deregistered", order.now, order.by, (why,)) for key, why in removed.items()
        )
        return Write(order.namespace, self.catalogue.revision, put, tuple(removed), tuple(changes), kept)


@attrs.frozen
class _Answering:
    """What is said of an order.

    Args:
        files: what is to become of each file, by its name.
        reader: reads descriptors.
    """

    files: Mapping[str, Decided]
    reader: Reader

    def of(self, order: Order, services: Iterable[tuple[Decided, tuple[str, ...]]]) -> Registration:
        """The answer, as it is once this is written."""
        files = (self.files[file.schema.name] for file in order.files)
        return Registration(
            tuple(file_answer(one.entry, self.reader, one.outcome, one.differences) for one in files),
            tuple(
                service_answer(
                    one.entry,
                    self.reader,
                    self._outcome(one, needs),
                    tuple(dict.fromkeys((*self._differences(needs), *one.differences))),
                )
                for one, needs in services
            ),
        )

    def _outcome(self, service: Decided, needs: tuple[str, ...]) -> Outcome:
        if service.outcome != "unchanged":
            return service.outcome
        of_files = (self.files[name].outcome for name in needs if name in self.files)
        return "changed" if any(outcome != "unchanged" for outcome in of_files) else "unchanged"

    def _differences(self, needs: tuple[str, ...]) -> list[str]:
        return [line for name in needs if name in self.files for line in self.files[name].differences]


def planned(
    order: Order,
    catalogue: Catalogue,
    entries: Mapping[EntryKey, StoredEntry],
    reader: Reader,
    compare: Compare,
) -> Planned:
    """Decide about an order.

    Raises:
        NotLoadedError: entries are needed that were not read.
        InvalidCallError: something is malformed, missing, or contradicts itself.
        ConflictError: registered files would no longer fit.
    """
    given = given_files(order, reader)
    sight = Sight(catalogue, entries, given, reader)
    files = decide_files(order, given, sight, compare)
    services: dict[EntryKey, tuple[Decided, tuple[str, ...]]] = {}
    removed: dict[EntryKey, str] = {}
    for one in order.services:
        placed = place(one, given, sight)
        decided = decide_service(order, placed, sight, compare)
        needs = tuple(file.name for file in sight.new_schema(placed.file).files) if placed.file else ()
        services[decided.entry.key] = (decided, needs)
        if bare := bare_before(placed, sight):
            removed[catalogue.service_key(bare)] = "a service with a file takes its place"
    followers: list[Decided] = []
    for name in [name for name, one in files.items() if one.outcome == "changed"]:
        for key in catalogue.users(name):
            if key.kind != "service" or key in services:
                continue
            if (now := follow(order, key, name, sight, compare)) is None:
                removed[key] = f"its file {name} has it no longer"
            else:
                followers.append(now)
    each = tuple(services.values())
    answer = _Answering(files, reader).of(order, each)
    return Planned(order, catalogue, files, each, tuple(followers), removed, answer)
