"""Changes to files of protobuf, made by dice: each is what people do to their files, alone or several at once."""

from collections.abc import Callable
from random import Random

import attrs
from tests.registry.enum_changes import ENUM_CHANGES, other_reserved
from tests.registry.field_changes import FIELD_CHANGES
from tests.registry.made_files import SYNTAXES, Maker
from tests.registry.oracle import Change
from tests.registry.service_changes import SERVICE_CHANGES, Kind

from collector_mesh.adapters.wire.schemas import file_proto, read_file
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.closure import linked
from collector_mesh.domain.registry.schema import (
    Enum,
    EnumValue,
    Field,
    File,
    Message,
    Reserved,
    Schema,
    Service,
)


def made(seed: int) -> Change:
    """Two versions of an interface: what changes first goes by the seed, so that each change is made again and again."""
    maker = Maker(Random(seed))
    name = f"c{seed}"
    kinds = list(CHANGES)
    first = kinds[seed % len(kinds)]
    while True:
        old = maker.schema(name, name)
        if (step := _step(maker, old, first)) is not None:
            break
    new, names = step, [first]
    for kind in maker.dice.sample(kinds, maker.dice.choice((0, 0, 1, 2))):
        if (step := _step(maker, new, kind)) is not None:
            new = step
            names.append(kind)
    return Change(name, old, new, names)


def _step(maker: Maker, schema: Schema, kind: str) -> Schema | None:
    """A schema after a change of a kind; None where that is none, or not what compilers take."""
    at = maker.dice.randrange(len(schema.files))
    after = CHANGES[kind](maker, schema.files[at])
    if after is None:
        return None
    changed = _fitting(Schema((*schema.files[:at], after, *schema.files[at + 1 :])))
    return None if changed == schema else changed


def _fitting(schema: Schema) -> Schema | None:
    """A schema as it is read again, if compilers would take it."""
    try:
        return linked(read_file(file_proto(file)) for file in schema.files)
    except InvalidCallError:
        return None


def of_field(change: Callable[[Maker, File, Message, Field], Field | None]) -> Kind:
    """A change of one field."""

    def run(maker: Maker, file: File) -> File | None:
        message = maker.dice.choice(file.messages)
        if not message.fields:
            return None
        at = maker.dice.randrange(len(message.fields))
        after = change(maker, file, message, message.fields[at])
        if after is None:
            return None
        fields = (*message.fields[:at], after, *message.fields[at + 1 :])
        return with_message(
            file, attrs.evolve(message, fields=tuple(sorted(fields, key=lambda one: one.oneof)))
        )

    return run


def with_message(file: File, message: Message) -> File:
    """A file with another message of the same name."""
    messages = tuple(message if one.name == message.name else one for one in file.messages)
    return attrs.evolve(file, messages=messages)


def remove_field(maker: Maker, file: File) -> File | None:
    """With its number reserved, its name, both, or neither."""
    message = maker.dice.choice([one for one in file.messages if not one.is_map_entry])
    if not message.fields:
        return None
    gone = maker.dice.choice(message.fields)
    ranges, names = message.reserved.ranges, message.reserved.names
    if maker.dice.random() < 0.6:
        ranges = (*ranges, (gone.number, gone.number))
    if maker.dice.random() < 0.6:
        names = (*names, gone.name)
    fields = tuple(field for field in message.fields if field is not gone)
    file = with_message(file, attrs.evolve(message, fields=fields, reserved=Reserved(ranges, names)))
    if gone.cardinality == "map":
        messages = tuple(one for one in file.messages if one.name != gone.type_name)
        file = attrs.evolve(file, messages=messages)
    return file


def add_field(maker: Maker, file: File) -> File | None:
    """Of any type."""
    message = maker.dice.choice([one for one in file.messages if not one.is_map_entry])
    entries: list[Message] = []
    names = [one.name for one in file.messages if not one.is_map_entry]
    field = maker.field(
        message.name, "added_x", maker.free_number(message), file.syntax, names, file.enums, entries
    )
    if maker.dice.random() < 0.2 and field.cardinality in {"implicit", "optional"}:
        field = attrs.evolve(field, cardinality="optional", oneof="pick")
    fields = sorted((*message.fields, field), key=lambda one: one.oneof)
    file = with_message(file, attrs.evolve(message, fields=tuple(fields)))
    return attrs.evolve(file, messages=(*file.messages, *entries))


def change_reserved(maker: Maker, file: File) -> File | None:
    """Take something back, split a range, or reserve more."""
    message = maker.dice.choice([one for one in file.messages if not one.is_map_entry])
    return with_message(file, attrs.evolve(message, reserved=other_reserved(maker, message.reserved)))


def of_enum(change: Callable[[Maker, Enum], Enum | None]) -> Kind:
    """A change of one enum."""

    def run(maker: Maker, file: File) -> File | None:
        at = maker.dice.randrange(len(file.enums))
        after = change(maker, file.enums[at])
        return (
            None
            if after is None
            else attrs.evolve(file, enums=(*file.enums[:at], after, *file.enums[at + 1 :]))
        )

    return run


def move_enum(maker: Maker, file: File) -> File | None:
    """Into a message, with all fields that have it; it may lose a value on the way, or get one."""
    enum = maker.dice.choice(file.enums)
    scope = file.messages[0].name
    if enum.name.startswith(f"{scope}."):
        return None
    name = f"{scope}.{enum.name.rpartition('.')[2]}{maker.dice.choice(('', '', 'Too'))}"
    values = maker.dice.choice(
        (
            enum.values,
            enum.values,
            enum.values[:-1],
            (*enum.values, EnumValue("ONE_MORE", 17)),
            (*enum.values[:-1], EnumValue(enum.values[-1].name, 18)),
        )
    )
    moved = attrs.evolve(enum, name=name, values=values)
    file = attrs.evolve(file, enums=tuple(moved if one is enum else one for one in file.enums))
    return renamed(file, {enum.name: name})


def rename_message(maker: Maker, file: File) -> File | None:
    """With all that has it for its type."""
    message = maker.dice.choice([one for one in file.messages if not one.is_map_entry])
    types = [*(one.name for one in file.messages), *(one.name for one in file.enums)]
    names = {
        name: name.replace(message.name, f"{message.name}New", 1)
        for name in types
        if name == message.name or name.startswith(f"{message.name}.")
    }
    return renamed(file, names)


def change_package(_maker: Maker, file: File) -> File | None:
    """With all names in it."""
    package = f"{file.package}.moved"
    types = [*(one.name for one in file.messages), *(one.name for one in file.enums)]
    names = {
        name: name.replace(file.package, package, 1)
        for name in (*types, *(service.name for service in file.services))
    }
    extensions = tuple(
        attrs.evolve(
            one, field=attrs.evolve(one.field, name=one.field.name.replace(file.package, package, 1))
        )
        for one in file.extensions
    )
    return renamed(attrs.evolve(file, package=package, extensions=extensions), names)


def renamed(file: File, names: dict[str, str]) -> File:
    """A file with other names, wherever they are used in it."""

    def field(one: Field) -> Field:
        return attrs.evolve(one, type_name=names.get(one.type_name, one.type_name))

    return attrs.evolve(
        file,
        messages=tuple(
            attrs.evolve(one, name=names.get(one.name, one.name), fields=tuple(map(field, one.fields)))
            for one in file.messages
        ),
        enums=tuple(attrs.evolve(one, name=names.get(one.name, one.name)) for one in file.enums),
        services=tuple(
            Service(
                names.get(one.name, one.name),
                tuple(
                    attrs.evolve(
                        method,
                        takes=names.get(method.takes, method.takes),
                        gives=names.get(method.gives, method.gives),
                    )
                    for method in one.methods
                ),
            )
            for one in file.services
        ),
        extensions=tuple(
            attrs.evolve(one, extends=names.get(one.extends, one.extends), field=field(one.field))
            for one in file.extensions
        ),
    )


def change_syntax(maker: Maker, file: File) -> File | None:
    """With what the other one takes for granted."""
    syntax = maker.dice.choice(SYNTAXES)
    return attrs.evolve(
        file,
        syntax=syntax,
        extensions=() if syntax == "proto3" else file.extensions,
        enums=tuple(attrs.evolve(one, is_closed=syntax == "proto2") for one in file.enums),
    )


CHANGES: dict[str, Kind] = {
    **{name: of_field(change) for name, change in FIELD_CHANGES.items()},
    "remove_field": remove_field,
    "add_field": add_field,
    "change_reserved": change_reserved,
    **{name: of_enum(change) for name, change in ENUM_CHANGES.items()},
    "move_enum": move_enum,
    "rename_message": rename_message,
    "change_package": change_package,
    "change_syntax": change_syntax,
    **SERVICE_CHANGES,
}
