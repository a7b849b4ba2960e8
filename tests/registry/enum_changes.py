"""Changes to an enum, and to what is reserved, made by dice."""

from collections.abc import Callable, Mapping

import attrs
from tests.registry.made_files import Maker

from collector_mesh.domain.registry.schema import Enum, EnumValue, Reserved


def other_reserved(maker: Maker, reserved: Reserved) -> Reserved:
    """Less, other or more than before."""
    ranges, names = list(reserved.ranges), list(reserved.names)
    chance = maker.dice.random()
    if chance < 0.25 and ranges:
        ranges.pop(maker.dice.randrange(len(ranges)))
    elif chance < 0.5 and ranges:
        first, last = ranges.pop()
        middle = (first + last) // 2
        ranges += [
            one for one in ((first, middle), (middle + maker.dice.randint(1, 2), last)) if one[0] <= one[1]
        ]
    elif chance < 0.75 and names:
        names.pop()
    else:
        ranges.append((300, 310))
    return Reserved(tuple(ranges), tuple(names))


def remove_value(maker: Maker, enum: Enum) -> Enum | None:
    """With its number reserved, its name, both, or neither."""
    gone = maker.dice.choice(enum.values)
    ranges, names = enum.reserved.ranges, enum.reserved.names
    if maker.dice.random() < 0.6:
        ranges = (*ranges, (gone.number, gone.number))
    if maker.dice.random() < 0.6:
        names = (*names, gone.name)
    values = tuple(value for value in enum.values if value is not gone)
    return attrs.evolve(enum, values=values, reserved=Reserved(ranges, names))


def rename_value(maker: Maker, enum: Enum) -> Enum | None:
    """It keeps its number."""
    at = maker.dice.randrange(len(enum.values))
    value = EnumValue(f"{enum.values[at].name}_NEW", enum.values[at].number)
    return attrs.evolve(enum, values=(*enum.values[:at], value, *enum.values[at + 1 :]))


def renumber_value(maker: Maker, enum: Enum) -> Enum | None:
    """It keeps its name."""
    at = maker.dice.randrange(len(enum.values))
    value = EnumValue(enum.values[at].name, maker.dice.randint(0, 9))
    return attrs.evolve(enum, values=(*enum.values[:at], value, *enum.values[at + 1 :]))


def add_value(maker: Maker, enum: Enum) -> Enum | None:
    """At the end, or first, where that is the default."""
    value = EnumValue(f"{enum.values[0].name}_MORE", maker.dice.randint(10, 15))
    values = (value, *enum.values) if enum.is_closed and maker.dice.random() < 0.3 else (*enum.values, value)
    return attrs.evolve(enum, values=values)


def add_alias(maker: Maker, enum: Enum) -> Enum | None:
    """A second name of a value."""
    value = maker.dice.choice(enum.values)
    return attrs.evolve(
        enum, values=(*enum.values, EnumValue(f"{value.name}_ALIAS", value.number)), allows_alias=True
    )


def shuffle_values(maker: Maker, enum: Enum) -> Enum | None:
    """In another order; that of the first one is the default."""
    return attrs.evolve(enum, values=tuple(maker.dice.sample(enum.values, len(enum.values))))


def reserve_values(maker: Maker, enum: Enum) -> Enum | None:
    """As for messages."""
    return attrs.evolve(enum, reserved=other_reserved(maker, enum.reserved))


def open_or_close(_maker: Maker, enum: Enum) -> Enum | None:
    """Which only files of editions can say."""
    return attrs.evolve(enum, is_closed=not enum.is_closed)


ENUM_CHANGES: Mapping[str, Callable[[Maker, Enum], Enum | None]] = {
    "remove_value": remove_value,
    "rename_value": rename_value,
    "renumber_value": renumber_value,
    "add_value": add_value,
    "add_alias": add_alias,
    "shuffle_values": shuffle_values,
    "reserve_values": reserve_values,
    "open_or_close": open_or_close,
}
