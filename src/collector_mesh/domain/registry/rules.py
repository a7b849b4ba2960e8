"""The rules by which two versions of an interface can break each other's programs, and what is told of a broken one."""

from collections.abc import Mapping
from typing import Literal, get_args

import attrs

Level = Literal["wire_json", "wire"]
"""What has to go on between programs of the old and of the new version: messages in both forms, or in the binary one alone."""

LEVELS: tuple[Level, ...] = get_args(Level)
"""All of them, the usual one first."""

MAX_DIFFERENCES = 1000
"""Differences that are listed; of others only the number is told."""


@attrs.frozen
class Rule:
    """A rule.

    Attributes:
        name: its name, in words of our own.
        meaning: what may not be, in one line.
        buf: the rules of `buf breaking` that find the same.
        is_of_json: whether it holds at the level `wire_json` only.
        is_ours: whether buf has it for generated code alone, in its categories FILE and PACKAGE.
    """

    name: str
    meaning: str
    buf: tuple[str, ...]
    is_of_json: bool = False
    is_ours: bool = False


RULES: tuple[Rule, ...] = (
    Rule("package_changed", "a file changes its package", ("FILE_SAME_PACKAGE",)),
    Rule(
        "field_removed",
        "a field is removed, and its number is not reserved",
        ("FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",),
    ),
    Rule(
        "field_name_not_reserved",
        "a field is removed, and its name is not reserved",
        ("FIELD_NO_DELETE_UNLESS_NAME_RESERVED",),
        is_of_json=True,
    ),
    Rule("field_renamed", "a field changes its name", ("FIELD_SAME_NAME",), is_of_json=True),
    Rule(
        "field_json_name_changed",
        "a field changes its name in JSON",
        ("FIELD_SAME_JSON_NAME",),
        is_of_json=True,
    ),
    Rule(
        "field_type_changed",
        "a field changes its type to one that is written in another way, or to another message or enum",
        ("FIELD_WIRE_JSON_COMPATIBLE_TYPE", "FIELD_WIRE_COMPATIBLE_TYPE"),
    ),
    Rule(
        "field_cardinality_changed",
        "a field changes between a single one, a required one, and several (for JSON also a map)",
        (
            "FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY",
            "FIELD_WIRE_COMPATIBLE_CARDINALITY",
            "MESSAGE_SAME_REQUIRED_FIELDS",
        ),
    ),
    Rule("field_oneof_changed", "a field moves into a oneof, or out of it", ("FIELD_SAME_ONEOF",)),
    Rule("field_default_changed", "a field changes its default", ("FIELD_SAME_DEFAULT",)),
    Rule(
        "required_field_added",
        "a required field is added: older programs do not send it",
        ("MESSAGE_SAME_REQUIRED_FIELDS",),
    ),
    Rule(
        "required_field_removed",
        "a required field is removed: older programs wait for it",
        ("MESSAGE_SAME_REQUIRED_FIELDS",),
    ),
    Rule(
        "reserved_taken_back",
        "a number or a name is reserved no longer",
        ("RESERVED_MESSAGE_NO_DELETE", "RESERVED_ENUM_NO_DELETE"),
    ),
    Rule(
        "enum_value_removed",
        "a value of an enum is removed, and its number is not reserved",
        ("ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",),
    ),
    Rule(
        "enum_value_name_not_reserved",
        "a value of an enum is removed, and its name is not reserved",
        ("ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED",),
        is_of_json=True,
    ),
    Rule(
        "enum_value_renamed",
        "a value of an enum loses a name",
        ("ENUM_VALUE_SAME_NAME",),
        is_of_json=True,
    ),
    Rule(
        "json_form_lost",
        "a message or an enum is no longer sure to have a form in JSON, as those of proto2 are not",
        ("MESSAGE_SAME_JSON_FORMAT", "ENUM_SAME_JSON_FORMAT"),
        is_of_json=True,
    ),
    Rule("service_removed", "a service is removed", ("SERVICE_NO_DELETE",), is_ours=True),
    Rule("method_removed", "a method is removed", ("RPC_NO_DELETE",), is_ours=True),
    Rule("request_type_changed", "a method takes another message", ("RPC_SAME_REQUEST_TYPE",)),
    Rule("response_type_changed", "a method gives another message", ("RPC_SAME_RESPONSE_TYPE",)),
    Rule(
        "client_streaming_changed",
        "a method takes one message and no stream any more, or the other way round",
        ("RPC_SAME_CLIENT_STREAMING",),
    ),
    Rule(
        "server_streaming_changed",
        "a method gives one message and no stream any more, or the other way round",
        ("RPC_SAME_SERVER_STREAMING",),
    ),
    Rule(
        "idempotency_changed",
        "a method says something else of being run twice",
        ("RPC_SAME_IDEMPOTENCY_LEVEL",),
    ),
)

_BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}

MORE = "more"
"""The rule of the last difference, where there are more than are listed."""


@attrs.frozen
class Difference:
    """One thing that breaks programs of the other version.

    Attributes:
        rule: the name of the rule.
        where: the full name of what differs, such as `acme.shop.Order.note`; the path, of a file.
        text: what it is, in plain words, with the file and both values.
    """

    rule: str
    where: str
    text: str

    def __str__(self) -> str:
        return self.text


class Differences:
    """Collects differences.

    Args:
        level: what has to go on.
    """

    def __init__(self, level: Level) -> None:
        self.level = level
        self._found: list[Difference] = []
        self._count = 0

    def add(self, rule: str, where: str, text: str) -> None:
        """Take a difference, if its rule holds at this level."""
        if _BY_NAME[rule].is_of_json and self.level != "wire_json":
            return
        self._count += 1
        if len(self._found) < MAX_DIFFERENCES:
            self._found.append(Difference(rule, where, text))

    def all(self) -> tuple[Difference, ...]:
        """Those that were found; if there are too many, a last one says how many more there are."""
        more = self._count - len(self._found)
        if not more:
            return tuple(self._found)
        return (*self._found, Difference(MORE, "", f"and {more} more differences"))
