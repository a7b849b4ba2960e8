"""What is registered, and what a registry answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import attrs

from collector_mesh.domain.model.errors import ConflictError
from collector_mesh.domain.ports.registry_store import Action, EntryKind
from collector_mesh.domain.registry import schema
from collector_mesh.domain.registry.rules import MAX_DIFFERENCES

Outcome = Literal["unchanged", "registered", "changed"]
"""What became of an entry by registering it."""

_TOLD = 50
"""Differences that the text of an error names; its `differences` has all of them."""


class IncompatibleError(ConflictError):
    """What is to be registered does not go together with what is registered.

    Attributes:
        differences: what is different and would break programs that use what is registered, a line each.
    """

    differences: tuple[str, ...] = ()

    @classmethod
    def of(cls, what: str, differences: tuple[str, ...]) -> "IncompatibleError":
        """The error for something that has these differences."""
        told = "; ".join(differences[:_TOLD])
        more = "; " + and_more(differences, _TOLD) if len(differences) > _TOLD else ""
        count = "1 difference" if len(differences) == 1 else f"{_number(len(differences))} differences"
        error = cls(f"{what} is incompatible with what is registered, {count}: {told}{more}")
        error.differences = differences
        return error


def and_more(differences: Sequence[str], told: int) -> str:
    """How many differences there are beside those that were told."""
    # Where not all are listed, the last one says so.
    listed = min(len(differences), MAX_DIFFERENCES)
    at_least = "at least " if len(differences) > MAX_DIFFERENCES else ""
    return f"and {at_least}{listed - told + bool(at_least)} more"


def _number(count: int) -> str:
    return str(count) if count <= MAX_DIFFERENCES else f"more than {MAX_DIFFERENCES}"


@attrs.frozen
class GivenFile:
    """A file as it is given to a registry.

    Attributes:
        schema: what it says.
        data: the `FileDescriptorProto` itself.
    """

    schema: schema.File
    data: bytes


@attrs.frozen
class GivenService:
    """A service as it is given to a registry.

    Attributes:
        name: its full name, or its short one; empty where the descriptor says it.
        data: a `ServiceDescriptorProto`; None where it is in a file that is given or registered.
    """

    name: str = ""
    data: bytes | None = None


@attrs.frozen
class RegisteredFile:
    """A file of protobuf that is registered.

    Attributes:
        id: `NAMESPACE/NAME`.
        namespace: where.
        name: the path under which others import it.
        data: the `FileDescriptorProto`.
        message_names: the short names of its top-level messages, in the order of the file.
        dependencies: the files that it imports.
        created_at: when it was registered, in seconds since 1970.
        updated_at: when it was last changed, likewise.
        labels: what was said of it.
        outcome: what became of it by this call; `unchanged` for a query.
        differences: of a forced change, or of a dry run: what is incompatible with what was there.
    """

    id: str
    namespace: str
    name: str
    data: bytes = attrs.field(repr=False)
    message_names: tuple[str, ...]
    dependencies: tuple[str, ...]
    created_at: float
    updated_at: float
    labels: Mapping[str, str]
    outcome: Outcome = "unchanged"
    differences: tuple[str, ...] = ()


@attrs.frozen
class RegisteredService:
    """A service that is registered.

    Attributes:
        id: `NAMESPACE/SERVICE`.
        namespace: where.
        name: its full name.
        data: the `ServiceDescriptorProto`.
        method_names: short names, in the order of the descriptor.
        file: the name of the file that it is in; empty where it was registered without one.
        created_at: when it was registered, in seconds since 1970.
        updated_at: when it was last changed, likewise.
        labels: what was said of it.
        outcome: what became of it by this call, its files included; `unchanged` for a query.
        differences: of a forced change, or of a dry run: what is incompatible with what was there.
    """

    id: str
    namespace: str
    name: str
    data: bytes = attrs.field(repr=False)
    method_names: tuple[str, ...]
    file: str
    created_at: float
    updated_at: float
    labels: Mapping[str, str]
    outcome: Outcome = "unchanged"
    differences: tuple[str, ...] = ()


@attrs.frozen
class Registration:
    """What has become of what was given together.

    Attributes:
        files: those that were given by themselves, in their order; not those that came as dependencies.
        services: the services, in their order.
    """

    files: tuple[RegisteredFile, ...] = ()
    services: tuple[RegisteredService, ...] = ()


@attrs.frozen
class Validity:
    """Whether there is a method.

    Attributes:
        is_valid: whether there is.
        message: the same for people.
        takes: the full name of the message that it takes; empty where nobody has said so.
        gives: the full name of the message that it gives, likewise.
    """

    is_valid: bool
    message: str
    takes: str = ""
    gives: str = ""


@attrs.frozen
class ServicePage:
    """Some of the services, newest first.

    Attributes:
        services: the services.
        after: what to ask for the next page with; empty where this is the last one.
    """

    services: tuple[RegisteredService, ...]
    after: str = ""

    def __iter__(self) -> Iterator[RegisteredService]:
        return iter(self.services)

    def __len__(self) -> int:
        return len(self.services)


@attrs.frozen
class Change:
    """What was done to a file or a service.

    Attributes:
        number: later changes have greater ones.
        namespace: where.
        kind: `file` or `service`.
        name: of the file or the service.
        action: what was done.
        at: when, in seconds since 1970.
        by: who did it, as far as that is known.
        details: what was different afterwards, a line each.
        is_forced: whether it was incompatible, and was done all the same.
        version: which one of the changes under this name it is, from 1 on.
    """

    number: int
    namespace: str
    kind: EntryKind
    name: str
    action: Action
    at: float
    by: str
    details: tuple[str, ...] = ()
    is_forced: bool = False
    version: int = 1


@attrs.frozen
class HistoryPage:
    """Some of the changes, latest first.

    Attributes:
        changes: the changes.
        after: what to ask for the next page with; empty where this is the last one.
        dropped: how many older changes of what was asked for are no longer kept.
    """

    changes: tuple[Change, ...]
    after: str = ""
    dropped: int = 0

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)
