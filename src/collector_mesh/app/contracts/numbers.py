"""The numbers that the fields of messages and the values of enums have, and those that new ones get.

In protobuf a member is known by its number. So a number stays with its member, and is never given to another one.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import attrs

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.registry.ranges import Range, Ranges
from collector_mesh.domain.registry.schema import FIRST_OWN_NUMBER, LAST_OWN_NUMBER, MAX_NUMBER, Reserved

MIN_VALUE_NUMBER, MAX_VALUE_NUMBER = -(1 << 31), (1 << 31) - 1
"""The numbers that a value of an enum may have."""

_NOTHING: Mapping[str, int] = MappingProxyType({})
_NONE_RESERVED = Reserved()
_OF_PROTOBUF = ((FIRST_OWN_NUMBER, LAST_OWN_NUMBER),)


@attrs.frozen
class Numbered:
    """The members of a message or an enum, with their numbers.

    Attributes:
        numbers: by the names of the members.
        reserved: numbers and names that no member may have.
    """

    numbers: Mapping[str, int] = _NOTHING
    reserved: Reserved = _NONE_RESERVED


@attrs.frozen
class Numbers:
    """What is known of the numbers of one contract.

    Attributes:
        messages: by full names.
        enums: by full names.
    """

    messages: Mapping[str, Numbered] = MappingProxyType({})
    enums: Mapping[str, Numbered] = MappingProxyType({})

    @classmethod
    def none(cls) -> "Numbers":
        """Those of a contract without a lock file: members are numbered in the order in which they are defined."""
        return cls()

    def of_message(self, name: str, fields: Sequence[str]) -> Numbered:
        """The numbers of the fields that a message has now, and what it may never use again.

        A field that is new gets the lowest free number. Those of fields that it has no more are reserved.

        Args:
            name: the full name of the message.
            fields: the names of its fields, in the order of definition.

        Raises:
            ContractError: no number is left.
        """
        known = self.messages.get(name, Numbered())
        return _numbered(name, known, fields, first=1, last=MAX_NUMBER, unusable=_OF_PROTOBUF)

    def of_enum(self, name: str, values: Sequence[str]) -> Numbered:
        """The numbers of the values that an enum has now, and what it may never use again; see `of_message`.

        Args:
            name: the full name of the enum.
            values: the names of its values; the first one, which stands for none, gets 0.

        Raises:
            ContractError: no number is left.
        """
        known = _with_zero(self.enums.get(name, Numbered()), values)
        return _numbered(name, known, values, first=0, last=MAX_VALUE_NUMBER, unusable=())


def _with_zero(known: Numbered, names: Sequence[str]) -> Numbered:
    """Numbers of which 0 is that of the first member, whatever a file says that was edited by hand."""
    if not names:
        return known
    numbers = {name: number for name, number in known.numbers.items() if number and name != names[0]}
    parts = [
        part
        for first, last in known.reserved.ranges
        for part in ((first, min(last, -1)), (max(first, 1), last))
    ]
    ranges = tuple((first, last) for first, last in parts if first <= last)
    return Numbered({names[0]: 0, **numbers}, Reserved(ranges, known.reserved.names))


def _numbered(
    owner: str, known: Numbered, names: Sequence[str], *, first: int, last: int, unusable: Sequence[Range]
) -> Numbered:
    wanted = frozenset(names)
    gone = {name: number for name, number in known.numbers.items() if name not in wanted}
    taken = [(number, number) for number in known.numbers.values()]
    used = Ranges([*taken, *known.reserved.ranges, *unusable])
    free = (number for start, end in used.missing(first, last) for number in range(start, end + 1))
    numbers = {}
    for name in names:
        number = known.numbers.get(name)
        if number is None and (number := next(free, None)) is None:
            raise ContractError(
                f"{owner}.{quoted(name)} cannot have a number: all up to {last} are taken or reserved"
            )
        numbers[name] = number
    # A name that is used again is free again; its old number is not.
    kept = [name for name in known.reserved.names if name not in wanted]
    reserved = Reserved(
        tuple(Ranges([*known.reserved.ranges, *((number, number) for number in gone.values())])),
        tuple(sorted({*kept, *gone})),
    )
    return Numbered(numbers, reserved)
