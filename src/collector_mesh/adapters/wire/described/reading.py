"""From JSON to a message whose type is known by its descriptor; what does not fit is named by its path."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from collector_mesh.adapters.wire.described import shapes
from collector_mesh.adapters.wire.described.documents import Object
from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import new_message, type_of, usable
from collector_mesh.adapters.wire.described.scalars import bytes_of, key_of, said, scalar_of, text_of
from collector_mesh.adapters.wire.described.shapes import ShapeError, UnknownTypeError, below, quoted


class Reader:
    """Makes messages of JSON.

    Args:
        files: where types are, above all those of what is in an `Any`.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._known: dict[str, Mapping[str, FieldDescriptor]] = {}
        self._required: dict[str, list[FieldDescriptor]] = {}
        self._special: dict[str, Callable[[Message, Any, str, int], None]] = {
            shapes.ANY: self._any,
            shapes.DURATION: _duration,
            shapes.FIELD_MASK: _mask,
            shapes.LIST: self._list,
            shapes.STRUCT: self._struct,
            shapes.TIMESTAMP: _timestamp,
            shapes.VALUE: self._value,
        }

    def read(self, kind: Descriptor, value: Any) -> bytes:
        """A message of a type, serialized.

        Args:
            kind: the type.
            value: as `documents.parsed` gives it.

        Raises:
            ShapeError: it does not fit; `UnknownTypeError` if the type of an `Any` is not known.
            DescriptorError: the type cannot be used.
        """
        with usable(kind):
            made = new_message(kind)
            self._read(made, value, "", 0)
            return made.SerializeToString(deterministic=True)

    def _read(self, made: Message, value: Any, path: str, depth: int) -> None:
        if depth > shapes.MAX_DEPTH:
            raise ShapeError(path, f"is nested more than {shapes.MAX_DEPTH} deep")
        kind = type_of(made)
        special = self._files.special(kind)
        if special in shapes.WRAPPERS:
            made.value = scalar_of(kind.fields_by_name["value"], value, path)  # type: ignore[attr-defined]
        elif special:
            self._special[special](made, value, path, depth)
        else:
            self._fields(
                made, _object(value, path, f"an object with the fields of {kind.full_name}"), path, depth
            )
            self._check_required(made, kind, path)

    def _fields(self, made: Message, value: Object, path: str, depth: int) -> None:
        kind = type_of(made)
        known = self._known.get(kind.full_name)
        if known is None:
            known = self._known[kind.full_name] = shapes.fields_by_name(kind)
        given: dict[int, str] = {}
        alternatives: dict[str, str] = {}
        for key, item in value.items():
            field = self._extension(kind, key, path) if key.startswith("[") else known.get(key)
            if field is None:
                raise ShapeError(path, _unknown(key, kind))
            if (before := given.get(field.number)) is not None:
                raise ShapeError(path, f"{quoted(before)} and {quoted(key)} are the same field")
            given[field.number] = key
            where = below(path, key)
            if item is None and not _takes_null(field, self._files):
                continue
            oneof = field.containing_oneof
            if oneof is not None and (other := alternatives.setdefault(oneof.name, key)) != key:
                raise ShapeError(
                    path, f"{quoted(other)} and {quoted(key)} exclude each other (oneof {oneof.name})"
                )
            self._field(made, field, item, where, depth)

    def _check_required(self, made: Message, kind: Descriptor, path: str) -> None:
        """Fields of proto2 that have to be there."""
        required = self._required.get(kind.full_name)
        if required is None:
            required = [field for field in kind.fields if field.is_required]
            self._required[kind.full_name] = required
        for field in required:
            if not made.HasField(field.name):
                raise ShapeError(below(path, field.json_name), "is required")

    def _field(self, made: Message, field: FieldDescriptor, value: Any, path: str, depth: int) -> None:
        if shapes.is_map(field):
            self._map(_of(made, field), field, value, path, depth)
        elif field.is_repeated:
            into = _of(made, field)
            for position, item in enumerate(_array(value, path)):
                where = f"{path}[{position}]"
                if field.message_type is None:
                    into.append(scalar_of(field, item, where))
                else:
                    self._read(into.add(), item, where, depth + 1)
        elif field.message_type is not None:
            inner = _of(made, field)
            inner.SetInParent()
            self._read(inner, value, path, depth + 1)
        elif field.is_extension:
            _extensions(made)[field] = scalar_of(field, value, path)
        else:
            setattr(made, field.name, scalar_of(field, value, path))

    def _map(self, into: Any, field: FieldDescriptor, value: Any, path: str, depth: int) -> None:
        assert field.message_type is not None  # of an entry
        keys, values = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        seen: dict[Any, str] = {}
        for text, item in _object(value, path, "an object, as the field is a map").items():
            where = f"{path}[{quoted(text)}]"
            key = key_of(keys, text, where)
            if key in seen:
                raise ShapeError(path, f"{quoted(seen[key])} and {quoted(text)} are the same key")
            seen[key] = text
            if values.message_type is None:
                into[key] = scalar_of(values, item, where)
            else:
                self._read(into[key], item, where, depth + 1)

    def _extension(self, kind: Descriptor, key: str, path: str) -> FieldDescriptor | None:
        found = self._files.extension(key[1:-1]) if key.endswith("]") else None
        extended = None if found is None else found.containing_type
        if extended is not None and extended.full_name != kind.full_name:
            raise ShapeError(path, f"{quoted(key)} extends {extended.full_name}, not {kind.full_name}")
        return found

    def _any(self, made: Message, value: Any, path: str, depth: int) -> None:
        given = _object(value, path, f'an object with "{shapes.TYPE_KEY}" and what is in it')
        url = given.get(shapes.TYPE_KEY)
        if not isinstance(url, str) or not shapes.type_of(url):
            if not given:
                return  # an Any with nothing in it
            raise ShapeError(
                path,
                f'an Any needs "{shapes.TYPE_KEY}", such as "type.googleapis.com/google.protobuf.Int64Value"',
            )
        if "/" not in url:
            raise ShapeError(below(path, shapes.TYPE_KEY), f"expected a type URL with a /, got {said(url)}")
        made.type_url = text_of(url, path)  # type: ignore[attr-defined]
        rest = Object({key: item for key, item in given.items() if key != shapes.TYPE_KEY})
        if rest.keys() == {shapes.RAW_KEY}:
            made.value = bytes_of(rest[shapes.RAW_KEY], below(path, shapes.RAW_KEY))  # type: ignore[attr-defined]
            return
        kind = self._files.message(shapes.type_of(url))
        if kind is None:
            raise UnknownTypeError(path, shapes.type_of(url))
        inner = new_message(kind)
        if self._files.special(kind):
            if rest.keys() != {shapes.VALUE_KEY}:
                raise ShapeError(
                    path, f'a {kind.full_name} in an Any stands in the one field "{shapes.VALUE_KEY}"'
                )
            self._read(inner, rest[shapes.VALUE_KEY], below(path, shapes.VALUE_KEY), depth + 1)
        else:
            self._read(inner, rest, path, depth + 1)
        made.value = inner.SerializeToString(deterministic=True)  # type: ignore[attr-defined]

    def _struct(self, made: Any, value: Any, path: str, depth: int) -> None:
        for key, item in _object(value, path, "an object").items():
            self._read(made.fields[text_of(key, path)], item, below(path, key), depth + 1)

    def _list(self, made: Any, value: Any, path: str, depth: int) -> None:
        for position, item in enumerate(_array(value, path)):
            self._read(made.values.add(), item, f"{path}[{position}]", depth + 1)

    def _value(self, made: Any, value: Any, path: str, depth: int) -> None:
        if value is None:
            made.null_value = 0
        elif isinstance(value, bool):
            made.bool_value = value
        elif isinstance(value, str):
            made.string_value = text_of(value, path)
        elif isinstance(value, dict):
            made.struct_value.SetInParent()
            self._read(made.struct_value, value, path, depth + 1)
        elif isinstance(value, list):
            made.list_value.SetInParent()
            self._read(made.list_value, value, path, depth + 1)
        else:
            made.number_value = scalar_of(made.DESCRIPTOR.fields_by_name["number_value"], value, path)


def _of(made: Message, field: FieldDescriptor) -> Any:
    return _extensions(made)[field] if field.is_extension else getattr(made, field.name)


def _extensions(made: Any) -> Any:
    return made.Extensions


def _object(value: Any, path: str, expected: str) -> Object:
    if not isinstance(value, Object):
        raise ShapeError(path, f"expected {expected}, got {said(value)}")
    if value.twice is not None:
        raise ShapeError(path, f"the key {quoted(value.twice)} stands there twice")
    return value


def _array(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise ShapeError(path, f"expected an array, got {said(value)}")
    return value


def _takes_null(field: FieldDescriptor, files: Files) -> bool:
    """Whether null is a value of a field, and not that there is none."""
    if field.is_repeated:
        return False
    if field.enum_type is not None:
        return bool(field.enum_type.full_name == "google.protobuf.NullValue")
    return field.message_type is not None and files.special(field.message_type) == shapes.VALUE


def _unknown(key: str, kind: Descriptor) -> str:
    names = sorted({field.json_name for field in kind.fields})
    text = f"{kind.full_name} has no field {quoted(key)}"
    return text + shapes.alternatives(key, names, "fields")


def _timestamp(made: Any, value: Any, path: str, _depth: int) -> None:
    found = shapes.read_timestamp(value) if isinstance(value, str) else None
    if found is None:
        raise ShapeError(path, f'expected a time such as "2026-01-31T12:00:00.5Z", got {said(value)}')
    made.seconds, made.nanos = found


def _duration(made: Any, value: Any, path: str, _depth: int) -> None:
    found = shapes.read_duration(value) if isinstance(value, str) else None
    if found is None:
        raise ShapeError(path, f'expected a number of seconds such as "1.5s", got {said(value)}')
    made.seconds, made.nanos = found


def _mask(made: Any, value: Any, path: str, _depth: int) -> None:
    found = shapes.read_mask(text_of(value, path)) if isinstance(value, str) else None
    if found is None:
        raise ShapeError(path, f'expected paths such as "user.displayName,photo", got {said(value)}')
    made.paths.extend(found)
