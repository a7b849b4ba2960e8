"""Whether programs of two versions of an interface understand each other, and if not, where they do not.

The verdicts are those of `buf breaking`, of its categories WIRE_JSON and WIRE, except where docs/registry.md says otherwise.
Types are paired by their full names and fields by their numbers, wherever they stand in the files.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.registry.field_rules import FieldRules
from collector_mesh.domain.registry.ranges import Ranges
from collector_mesh.domain.registry.rules import Difference, Differences, Level
from collector_mesh.domain.registry.schema import (
    Enum,
    Field,
    File,
    Message,
    Method,
    Reserved,
    Schema,
    Service,
)

_MAX_PARTS = 5
"""Parts of a reserved range that a text names."""


def differences(old: Schema, new: Schema, *, level: Level = "wire_json") -> tuple[Difference, ...]:
    """What breaks between programs of two versions, in the order of the old files.

    Args:
        old: the version before, with all that it needs.
        new: the version now, with all that it needs.
        level: what has to go on.

    Returns:
        Each difference, `rules.MAX_DIFFERENCES` at most; then a last one says how many more there are.
    """
    found = Differences(level)
    _Comparison(old, new, found).run()
    return found.all()


class _Comparison:
    def __init__(self, old: Schema, new: Schema, found: Differences) -> None:
        self._old = old
        self._new = new
        self._found = found
        self._fields = FieldRules(old, new, found)

    def run(self) -> None:
        files = {file.name: file for file in self._new.files}
        for file in self._old.files:
            after = files.get(file.name)
            if after is not None and after.package != file.package:
                self._found.add(
                    "package_changed",
                    file.name,
                    f"{quoted(file.name)}: the package changed "
                    f"from {quoted(file.package)} to {quoted(after.package)}",
                )
            self._types(file)
            for service in file.services:
                self._service(file.name, service, self._new.services.get(service.name))

    def _types(self, file: File) -> None:
        for message in file.messages:
            now = self._new.messages.get(message.name)
            if now is not None:
                self._message(file.name, message, now)
        for enum in file.enums:
            other = self._new.enums.get(enum.name)
            if other is not None and other != enum:
                self._enum(file.name, enum, other)
        for extension in file.extensions:
            field, extends = extension.field, extension.extends
            after = self._new.extensions.get((extends, field.number))
            if after is not None:
                place = f"{quoted(file.name)}: the extension {quoted(field.name)} ({field.number}) of {quoted(extends)}"
                self._fields.compare(place, field.name, field, after.field)

    def _message(self, file: str, before: Message, after: Message) -> None:
        fields = {field.number: field for field in after.fields}
        removed: list[Field] = []
        for field in before.fields:
            now = fields.get(field.number)
            if now is None:
                removed.append(field)
            elif field.type == "enum" or (now is not field and now != field):
                # The default of one of an enum is a matter of the enum as well.
                self._fields.compare(
                    _place(file, before.name, field),
                    f"{before.name}.{field.name}",
                    field,
                    now,
                    is_in_entry=before.is_map_entry and after.is_map_entry,
                )
        if removed:
            self._removed(file, before, after, removed)
        if len(after.fields) != len(before.fields) - len(removed):
            self._added(file, before, after)
        if before.reserved != after.reserved:
            self._reserved(file, "message", before.name, before.reserved, after.reserved)
        if before.is_json and not after.is_json:
            self._json_lost(file, "message", before.name)

    def _removed(self, file: str, before: Message, after: Message, removed: Iterable[Field]) -> None:
        numbers, names = Ranges(after.reserved.ranges), frozenset(after.reserved.names)
        for field in removed:
            place, where = _place(file, before.name, field), f"{before.name}.{field.name}"
            if field.number not in numbers:
                self._found.add(
                    "field_removed",
                    where,
                    f"{place} was removed, and the number {field.number} is not reserved",
                )
            if field.name not in names:
                self._found.add(
                    "field_name_not_reserved",
                    where,
                    f"{place} was removed, and the name {quoted(field.name)} is not reserved",
                )
            if field.cardinality == "required":
                self._found.add(
                    "required_field_removed",
                    where,
                    f"{place} was removed, and older programs take no message without it",
                )

    def _added(self, file: str, before: Message, after: Message) -> None:
        numbers = {field.number for field in before.fields}
        for field in after.fields:
            if field.cardinality == "required" and field.number not in numbers:
                self._found.add(
                    "required_field_added",
                    f"{after.name}.{field.name}",
                    f"{_place(file, after.name, field)} was added and is required, and older programs do not send it",
                )

    def _enum(self, file: str, before: Enum, after: Enum) -> None:
        place = f"{quoted(file)}: the enum {quoted(before.name)}"
        old, new = _names_by_number(before), _names_by_number(after)
        numbers, reserved = Ranges(after.reserved.ranges), frozenset(after.reserved.names)
        for number, names in old.items():
            now = new.get(number)
            shown = " and ".join(quoted(name) for name in names)
            where = f"{before.name}.{next(iter(names))}"
            if now is None:
                if number not in numbers:
                    self._found.add(
                        "enum_value_removed",
                        where,
                        f"{place} lost the value {shown} = {number}, and the number {number} is not reserved",
                    )
                if not all(name in reserved for name in names):
                    self._found.add(
                        "enum_value_name_not_reserved",
                        where,
                        f"{place} lost the value {shown} = {number}, and the name is not reserved",
                    )
            elif not all(name in now for name in names):
                self._found.add(
                    "enum_value_renamed",
                    where,
                    f"{place} changed the name of the value {number} from {shown} "
                    f"to {' and '.join(quoted(name) for name in now)}",
                )
        if before.reserved != after.reserved:
            self._reserved(file, "enum", before.name, before.reserved, after.reserved)
        if before.is_json and not after.is_json:
            self._json_lost(file, "enum", before.name)

    def _json_lost(self, file: str, kind: str, name: str) -> None:
        self._found.add(
            "json_form_lost",
            name,
            f"{quoted(file)}: the {kind} {quoted(name)} was sure to have a form in JSON, and is not now, as in proto2",
        )

    def _reserved(self, file: str, kind: str, name: str, before: Reserved, after: Reserved) -> None:
        place = f"{quoted(file)}: the {kind} {quoted(name)}"
        ranges, names = Ranges(after.ranges), frozenset(after.names)
        for first, last in before.ranges:
            # There may be very many.
            missing = [_range(*part) for part in islice(ranges.missing(first, last), _MAX_PARTS + 1)]
            if missing:
                more = " and more" if len(missing) > _MAX_PARTS else ""
                self._found.add(
                    "reserved_taken_back",
                    name,
                    f"{place} reserved {_range(first, last)}, and no longer reserves "
                    f"{', '.join(missing[:_MAX_PARTS])}{more}",
                )
        for each in before.names:
            if each not in names:
                self._found.add(
                    "reserved_taken_back",
                    name,
                    f"{place} reserved the name {quoted(each)}, and no longer does",
                )

    def _service(self, file: str, before: Service, after: Service | None) -> None:
        # A service may be registered without a file.
        within = f"{quoted(file)}: " if file else ""
        if after is None:
            self._found.add(
                "service_removed",
                before.name,
                f"{within}the service {quoted(before.name)} was removed",
            )
            return
        methods = {method.name: method for method in after.methods}
        for method in before.methods:
            now = methods.get(method.name)
            place = f"{within}the method {quoted(method.name)} of {quoted(before.name)}"
            where = f"{before.name}.{method.name}"
            if now is None:
                self._found.add("method_removed", where, f"{place} was removed")
            elif now != method:
                self._method(place, where, method, now)

    def _method(self, place: str, where: str, before: Method, after: Method) -> None:
        changes: Mapping[str, tuple[str, str, str]] = {
            "request_type_changed": ("changed what it takes", quoted(before.takes), quoted(after.takes)),
            "response_type_changed": ("changed what it gives", quoted(before.gives), quoted(after.gives)),
            "client_streaming_changed": (
                "changed what it takes",
                _stream(is_stream=before.client_streaming),
                _stream(is_stream=after.client_streaming),
            ),
            "server_streaming_changed": (
                "changed what it gives",
                _stream(is_stream=before.server_streaming),
                _stream(is_stream=after.server_streaming),
            ),
            "idempotency_changed": (
                "changed its idempotency level",
                before.idempotency,
                after.idempotency,
            ),
        }
        for rule, (what, one, other) in changes.items():
            if one != other:
                self._found.add(rule, where, f"{place} {what} from {one} to {other}")


def _place(file: str, message: str, field: Field) -> str:
    return f"{quoted(file)}: the field {quoted(field.name)} ({field.number}) of {quoted(message)}"


def _names_by_number(enum: Enum) -> dict[int, dict[str, None]]:
    found: dict[int, dict[str, None]] = {}
    for value in enum.values:
        found.setdefault(value.number, {})[value.name] = None
    return found


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _stream(*, is_stream: bool) -> str:
    return "a stream" if is_stream else "one message"
