"""Files of protobuf made by dice: of all syntaxes, with nested types, maps, oneofs, enums, groups, extensions and services."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import attrs

from collector_mesh.domain.registry.schema import (
    Cardinality,
    Enum,
    EnumValue,
    Extension,
    Field,
    FieldType,
    File,
    Message,
    Method,
    Reserved,
    Schema,
    Service,
    Syntax,
)

SCALARS: tuple[FieldType, ...] = (
    "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32",
    "sfixed64", "bool", "string", "bytes",
)  # fmt: skip
KEYS: tuple[FieldType, ...] = tuple(one for one in SCALARS if one not in {"double", "float", "bytes"})
SYNTAXES: tuple[Syntax, ...] = ("proto2", "proto3", "editions")

_DEFAULTS: dict[FieldType, Sequence[str]] = {
    "string": ("", "a", "0"),
    "bytes": ("", "a", "\\001", "0"),
    "bool": ("", "true", "false"),
    "double": ("", "0", "1", "0.1", "-inf", "nan"),
    "float": ("", "0", "1", "0.1", "-inf", "nan"),
}

T = TypeVar("T")


class Maker:
    """Makes files.

    Args:
        dice: what decides.
    """

    def __init__(self, dice: Random) -> None:
        self.dice = dice

    def schema(self, package: str, path: str) -> Schema:
        """One or two files: the second one imports the first one."""
        syntax = self.dice.choice(SYNTAXES)
        file = self.file(package, f"{path}.proto", syntax)
        if self.dice.random() < 0.6:
            return Schema((file,))
        below = self.file(f"{package}.base", f"{path}_base.proto", self.dice.choice(SYNTAXES))
        messages = [one for one in below.messages if not one.is_map_entry]
        enums = [one for one in below.enums if syntax != "proto3" or not one.is_closed]
        first, *others = file.messages
        added = [self._of_message(syntax, "other", self.free_number(first), self.dice.choice(messages).name)]
        if enums:
            added.append(
                Field(
                    "kind", self.free_number(first, added), "enum", self.dice.choice(enums).name, "repeated"
                )
            )
        named = tuple(attrs.evolve(one, json_name=one.name) for one in added)
        file = attrs.evolve(
            file,
            imports=(below.name,),
            messages=(attrs.evolve(first, fields=(*first.fields, *named)), *others),
        )
        return Schema((below, file))

    def file(self, package: str, name: str, syntax: Syntax) -> File:
        """A file by itself."""
        dice = self.dice
        names = [f"{package}.M{index}" for index in range(dice.randint(2, 4))]
        if dice.random() < 0.5:
            names.insert(1, f"{names[0]}.Inner")
        enums = [self.enum(f"{package}.E{index}", syntax) for index in range(dice.randint(1, 2))]
        if dice.random() < 0.5:
            enums.insert(0, self.enum(f"{names[0]}.Kind", syntax))
        messages: list[Message] = []
        for one in names:
            messages += self.message(one, syntax, names, enums)
        services = [self.service(f"{package}.S{index}", names) for index in range(dice.randint(0, 2))]
        return File(
            name=name,
            package=package,
            syntax=syntax,
            messages=tuple(messages),
            enums=tuple(enums),
            services=tuple(services),
            extensions=tuple(self._extensions(package, syntax, messages)),
        )

    def message(
        self, name: str, syntax: Syntax, names: Sequence[str], enums: Sequence[Enum]
    ) -> list[Message]:
        """A message, and those within it: the entries of maps, and a group."""
        dice = self.dice
        entries: list[Message] = []
        fields: list[Field] = []
        numbers = dice.sample(range(1, 40), dice.randint(1, 6))
        for index, number in enumerate(numbers):
            fields.append(self.field(name, f"f{index}_x", number, syntax, names, enums, entries))
        fields = self._in_oneof(fields, syntax)
        if syntax == "proto2" and dice.random() < 0.2:
            entries.append(
                Message(f"{name}.Box", (Field("in_box", 1, "int32", "", "optional", json_name="inBox"),))
            )
            entries[-1] = attrs.evolve(entries[-1], is_json=False)
            box = Field(
                "box", 45, "group", f"{name}.Box", dice.choice(("optional", "repeated")), json_name="box"
            )
            fields = [box, *fields]
        reserved = Reserved(
            tuple(
                (first, first + dice.randint(0, 3)) for first in dice.sample((50, 60, 70), dice.randint(0, 2))
            ),
            tuple(dice.sample(("old", "older"), dice.randint(0, 2))),
        )
        extensions = ((100, 199),) if syntax != "proto3" and dice.random() < 0.3 else ()
        is_json = syntax != "proto2"
        return [Message(name, tuple(fields), reserved, extensions, is_json=is_json), *entries]

    def field(
        self,
        message: str,
        name: str,
        number: int,
        syntax: Syntax,
        names: Sequence[str],
        enums: Sequence[Enum],
        entries: list[Message],
    ) -> Field:
        """A field that may be anything; the entry of a map is added to `entries`."""
        dice, chance = self.dice, self.dice.random()
        json_name = "".join(part.capitalize() for part in name.split("_"))
        json_name = json_name[0].lower() + json_name[1:]
        if chance < 0.12:
            entry = f"{message}.{json_name[0].upper()}{json_name[1:]}Entry"
            entries.append(self.entry(entry, syntax, names, enums))
            return Field(name, number, "message", entry, "map", json_name=json_name)
        if chance < 0.3:
            return attrs.evolve(
                self._of_message(syntax, name, number, dice.choice(names)), json_name=json_name
            )
        cardinality = self.cardinality(syntax)
        if chance < 0.45:
            if syntax == "editions" and cardinality == "implicit":
                cardinality = "optional"
            enum = dice.choice(enums)
            default = (
                dice.choice(enum.values).name
                if cardinality in {"optional", "required"} and syntax != "proto3" and dice.random() < 0.3
                else ""
            )
            return Field(name, number, "enum", enum.name, cardinality, json_name=json_name, default=default)
        kind = dice.choice(SCALARS)
        has_default = syntax != "proto3" and cardinality in {"optional", "required"} and dice.random() < 0.3
        default = dice.choice(_DEFAULTS.get(kind, ("", "0", "7"))) if has_default else ""
        return Field(name, number, kind, "", cardinality, json_name=json_name, default=default)

    def entry(self, name: str, syntax: Syntax, names: Sequence[str], enums: Sequence[Enum]) -> Message:
        """The entry of a map."""
        dice, chance = self.dice, self.dice.random()
        value = Field("value", 2, dice.choice(SCALARS), "", "optional", json_name="value")
        if chance < 0.3:
            value = attrs.evolve(value, type="message", type_name=dice.choice(names))
        elif chance < 0.5 and (usable := [one for one in enums if not one.values[0].number]):
            value = attrs.evolve(value, type="enum", type_name=dice.choice(usable).name)
        key = Field("key", 1, dice.choice(KEYS), "", "optional", json_name="key")
        return Message(name, (key, value), is_map_entry=True, is_json=syntax != "proto2")

    def cardinality(self, syntax: Syntax) -> Cardinality:
        """One that fields of a syntax may have, but for maps."""
        if syntax == "proto2":
            return self.dice.choice(("optional", "optional", "required", "repeated"))
        if syntax == "proto3":
            return self.dice.choice(("implicit", "implicit", "optional", "repeated"))
        return self.dice.choice(("implicit", "optional", "optional", "required", "repeated"))

    def enum(self, name: str, syntax: Syntax) -> Enum:
        """An enum."""
        dice = self.dice
        prefix = name.rpartition(".")[2].upper()
        is_closed = syntax == "proto2" or (syntax == "editions" and dice.random() < 0.3)
        numbers = [0, *dice.sample(range(1, 9), dice.randint(1, 4))]
        if is_closed and dice.random() < 0.3:
            numbers = numbers[1:]
        values = [EnumValue(f"{prefix}_{number}", number) for number in numbers]
        has_alias = dice.random() < 0.2
        if has_alias:
            values.append(EnumValue(f"{prefix}_ALSO", numbers[-1]))
        reserved = Reserved(
            tuple((first, first + dice.randint(0, 3)) for first in dice.sample((20, 30), dice.randint(0, 2))),
            tuple(dice.sample((f"{prefix}_OLD", f"{prefix}_OLDER"), dice.randint(0, 2))),
        )
        return Enum(name, tuple(values), reserved, has_alias, is_closed, syntax != "proto2")

    def service(self, name: str, names: Sequence[str]) -> Service:
        """A service."""
        dice = self.dice
        return Service(
            name,
            tuple(
                Method(
                    f"Do{index}",
                    dice.choice(names),
                    dice.choice(names),
                    dice.random() < 0.3,
                    dice.random() < 0.3,
                    dice.choice(("unknown", "unknown", "no_side_effects", "idempotent")),
                )
                for index in range(dice.randint(0, 3))
            ),
        )

    def free_number(self, message: Message, others: Sequence[Field] = ()) -> int:
        """A number that a message does not have yet."""
        taken = {field.number for field in (*message.fields, *others)}
        return self.dice.choice([number for number in range(1, 49) if number not in taken])

    def _of_message(self, syntax: Syntax, name: str, number: int, type_name: str) -> Field:
        kind: FieldType = "group" if syntax == "editions" and self.dice.random() < 0.2 else "message"
        cardinality = self.cardinality(syntax)
        return Field(name, number, kind, type_name, "optional" if cardinality == "implicit" else cardinality)

    def _in_oneof(self, fields: list[Field], syntax: Syntax) -> list[Field]:
        if self.dice.random() < 0.6:
            return fields
        name = self.dice.choice(("pick", "choice"))
        changed = [
            attrs.evolve(field, cardinality="optional", oneof=name)
            if field.cardinality in {"implicit", "optional"}
            and not (syntax == "proto3" and field.cardinality == "optional" and field.type in SCALARS)
            and self.dice.random() < 0.5
            else field
            for field in fields
        ]
        # Compilers want them side by side.
        return sorted(changed, key=lambda field: field.oneof)

    def _extensions(self, package: str, syntax: Syntax, messages: Sequence[Message]) -> list[Extension]:
        if syntax == "proto3":
            return []
        return [
            Extension(
                message.name,
                Field(f"{package}.ext{index}", 100 + index, self.dice.choice(SCALARS), "", "optional"),
            )
            for index, message in enumerate(messages)
            if message.extensions and self.dice.random() < 0.7
        ]
