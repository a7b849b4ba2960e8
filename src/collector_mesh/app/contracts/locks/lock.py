"""What a lock file holds: how the contracts of a module were when they were last locked."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from collector_mesh.app.contracts.numbers import Numbered, Numbers
from collector_mesh.domain.registry.ranges import Ranges
from collector_mesh.domain.registry.schema import Enum, Field, File, Message, Method, Reserved, Service

FORMAT = 1
"""The version of the format; a later one may say what this one cannot read."""

FORMS = ("Decimal", "UUID", "date")
"""What a text may be that is not any text, by the types of Python."""

MAX_LOCK_BYTES = 4 << 20
"""A lock file of this size has some 40,000 members; more is not read."""


@attrs.frozen
class Shape:
    """What a lock file keeps of a contract.

    Attributes:
        file: its descriptors.
        required: the fields without which a message cannot be read, as `MESSAGE.FIELD`; protobuf does not know of them.
        forms: what the texts of a field are, as `MESSAGE.FIELD`, where they are not any: one of `FORMS`.
        nullable: the single fields that may be None, where that is known: a lock file does not keep it.
    """

    file: File
    required: frozenset[str] = frozenset()
    forms: Mapping[str, str] = MappingProxyType({})
    nullable: frozenset[str] = attrs.field(default=frozenset(), eq=False)


@attrs.frozen
class Lock:
    """The contracts of a lock file.

    Attributes:
        contracts: the shape of each contract, by `NAMESPACE/SERVICE`.
        is_mended: whether commas had to be set, or taken away, to read it.
    """

    contracts: Mapping[str, Shape] = MappingProxyType({})
    is_mended: bool = False


def key_of(namespace: str, service: str) -> str:
    """How a lock file names a contract: `NAMESPACE/SERVICE`, with the full name of the service."""
    return f"{namespace}/{service}"


def numbers_of(file: File) -> Numbers:
    """The numbers of a contract that is locked."""
    return Numbers(
        messages={
            message.name: Numbered({field.name: field.number for field in message.fields}, message.reserved)
            for message in file.messages
        },
        enums={
            enum.name: Numbered({value.name: value.number for value in enum.values}, enum.reserved)
            for enum in file.enums
        },
    )


def canonical(file: File) -> File:
    """A file as a lock file has it, so that two of them can be compared.

    Members are in the order of their numbers, everything else is in the order of names.
    """
    return attrs.evolve(
        file,
        imports=tuple(sorted(set(file.imports))),
        messages=tuple(map(_message, sorted(file.messages, key=_name))),
        enums=tuple(map(_enum, sorted(file.enums, key=_name))),
        services=tuple(map(_service, sorted(file.services, key=_name))),
    )


def _message(message: Message) -> Message:
    fields = [_field(field) for field in message.fields]
    fields.sort(key=lambda field: (field.number, field.name))
    return attrs.evolve(message, fields=tuple(fields), reserved=_reserved(message.reserved))


def _field(field: Field) -> Field:
    # A single message can be absent, whatever stands before it.
    can_be_absent = field.cardinality == "implicit" and field.type == "message"
    return attrs.evolve(field, cardinality="optional") if can_be_absent else field


def _enum(enum: Enum) -> Enum:
    values = sorted(enum.values, key=lambda value: (value.number, value.name))
    return attrs.evolve(enum, values=tuple(values), reserved=_reserved(enum.reserved))


def _service(service: Service) -> Service:
    return attrs.evolve(service, methods=tuple(sorted(service.methods, key=_name)))


def _reserved(reserved: Reserved) -> Reserved:
    return Reserved(tuple(Ranges(reserved.ranges)), tuple(sorted(set(reserved.names))))


def _name(one: Message | Enum | Service | Method) -> str:
    return one.name
