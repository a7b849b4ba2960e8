"""From a message whose type is known by its descriptor to JSON, in the form that protobuf fixes."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from collector_mesh.adapters.wire.described import shapes
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import DescriptorError, new_message, type_of, usable
from collector_mesh.adapters.wire.described.scalars import json_key, json_of
from collector_mesh.adapters.wire.described.weight import TooLargeError, Weights
from collector_mesh.domain.model.texts import visible

MAX_VALUES = 1_000_000
"""That are made of one message: each takes a hundred times the bytes that it had."""


_ABSENT = object()
"""In the place of a value that is not there."""


class Writer:
    """Makes JSON of messages.

    Args:
        files: where types are, above all those of what is in an `Any`.
        defaults: whether fields are written that have no value and cannot say so.
    """

    def __init__(self, files: Files, *, defaults: bool = False) -> None:
        self._files = files
        self._defaults = defaults
        self._left = MAX_VALUES
        self._weights = Weights()
        self._names: dict[str, Mapping[str, str]] = {}
        self._without_presence: dict[str, list[FieldDescriptor]] = {}
        self.unknown: set[str] = set()
        """Full names of types that were not known: what is in an `Any` of these is written in base64."""
        self._special: dict[str, Callable[[Any, int], Any]] = {
            shapes.ANY: self._any,
            shapes.DURATION: self._duration,
            shapes.FIELD_MASK: self._mask,
            shapes.LIST: self._list,
            shapes.STRUCT: self._struct,
            shapes.TIMESTAMP: self._timestamp,
            shapes.VALUE: self._value,
        }

    def read(self, kind: Descriptor, data: bytes) -> Any:
        """JSON for a serialized message.

        Raises:
            DescriptorError: it is no such message, the type cannot be used, or there is too much in it.
        """
        with usable(kind):
            self._weights.check(kind, data)
            made = new_message(kind)
            try:
                made.ParseFromString(data)
            except (DecodeError, UnicodeDecodeError) as error:
                raise DescriptorError(f"{len(data)} bytes are no {visible(kind.full_name)}") from error
            return self._json(made, 0)

    def _json(self, message: Message, depth: int) -> Any:
        if depth > shapes.MAX_DEPTH:
            raise TooLargeError(f"messages are nested more than {shapes.MAX_DEPTH} deep")
        kind = type_of(message)
        special = self._files.special(kind)
        if special in shapes.WRAPPERS:
            return json_of(kind.fields_by_name["value"], message.value)  # type: ignore[attr-defined]
        if special:
            return self._special[special](message, depth)
        return self._fields(message, depth)

    def _fields(self, message: Message, depth: int) -> dict[str, Any]:
        kind = type_of(message)
        names = self._names.get(kind.full_name)
        if names is None:
            names = self._names[kind.full_name] = shapes.json_names(kind)
        there = cast("list[tuple[FieldDescriptor, Any]]", message.ListFields())
        self._count(len(there))
        if self._defaults:
            there = [*there, *self._absent(kind, {field.number for field, _ in there})]
        # As they stand in the proto file, and what extends the message after them.
        there.sort(key=lambda each: (each[0].is_extension, each[0].index))
        return {
            f"[{field.full_name}]" if field.is_extension else names[field.name]: _default(field)
            if value is _ABSENT
            else self._field(field, value, depth)
            for field, value in there
        }

    def _absent(self, kind: Descriptor, there: set[int]) -> list[tuple[FieldDescriptor, Any]]:
        """The fields that have no value and cannot say so."""
        without = self._without_presence.get(kind.full_name)
        if without is None:
            without = [field for field in kind.fields if not field.has_presence]
            self._without_presence[kind.full_name] = without
        # Also those that are there: each is looked at.
        self._count(len(without))
        return [(field, _ABSENT) for field in without if field.number not in there]

    def _field(self, field: FieldDescriptor, value: Any, depth: int) -> Any:
        if shapes.is_map(field):
            assert field.message_type is not None  # of an entry
            keys, values = (field.message_type.fields_by_name[name] for name in ("key", "value"))
            self._count(len(value))
            return {json_key(keys, key): self._one(values, value[key], depth) for key in sorted(value)}
        if field.is_repeated:
            self._count(len(value))
            return [self._one(field, item, depth) for item in value]
        return self._one(field, value, depth)

    def _one(self, field: FieldDescriptor, value: Any, depth: int) -> Any:
        return json_of(field, value) if field.message_type is None else self._json(value, depth + 1)

    def _count(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise TooLargeError(f"more than {MAX_VALUES} values are in it")

    def _any(self, message: Any, depth: int) -> Any:
        if not message.type_url and not message.value:
            return {}
        head = {shapes.TYPE_KEY: message.type_url}
        inner = self._inner(message)
        if inner is None:
            return head | {shapes.RAW_KEY: base64.b64encode(message.value).decode()}
        written = self._json(inner, depth + 1)
        # A field may have the name of the type, and takes nobody in.
        return head | ({shapes.VALUE_KEY: written} if self._files.special(type_of(inner)) else written) | head

    def _inner(self, message: Any) -> Message | None:
        """What is in an `Any`; None if its type is not known, or it is none of that type."""
        name = shapes.type_of(message.type_url)
        try:
            kind = self._files.message(name) if name else None
            if kind is None:
                self.unknown.add(name)
                return None
            self._weights.check(kind, message.value)
            inner = new_message(kind)
            inner.ParseFromString(message.value)
        except (DecodeError, UnicodeDecodeError, DescriptorError):
            return None
        return inner

    def _struct(self, message: Any, depth: int) -> Any:
        self._count(len(message.fields))
        return {key: self._json(message.fields[key], depth + 1) for key in sorted(message.fields)}

    def _list(self, message: Any, depth: int) -> Any:
        self._count(len(message.values))
        return [self._json(item, depth + 1) for item in message.values]

    def _value(self, message: Any, depth: int) -> Any:
        which = message.WhichOneof("kind")
        if which is None or which == "null_value":
            return None
        value = getattr(message, which)
        return (
            self._json(value, depth + 1)
            if which in {"struct_value", "list_value"}
            else json_of(message.DESCRIPTOR.fields_by_name[which], value)
        )

    # What is out of range is shown as it has come.

    def _timestamp(self, message: Any, depth: int) -> Any:
        text = shapes.write_timestamp(message.seconds, message.nanos)
        return self._fields(message, depth) if text is None else text

    def _duration(self, message: Any, depth: int) -> Any:
        text = shapes.write_duration(message.seconds, message.nanos)
        return self._fields(message, depth) if text is None else text

    def _mask(self, message: Any, depth: int) -> Any:
        text = shapes.write_mask(list(message.paths))
        return self._fields(message, depth) if text is None else text


def _default(field: FieldDescriptor) -> Any:
    if shapes.is_map(field):
        return {}
    return [] if field.is_repeated else json_of(field, field.default_value)
