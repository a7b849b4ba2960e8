"""What a serialized message would take in memory, found out before it is read.

A message in a message may have two bytes, and takes room for all the fields of its type.
"""

from collections.abc import Mapping

from google.protobuf.descriptor import Descriptor

from collector_mesh.adapters.wire.described.messages import DescriptorError
from collector_mesh.domain.model.texts import visible

MAX_MEMORY = 1 << 30
"""Bytes that a message of others may take, about."""

MAX_PARTS = 4_000_000
"""Fields in a serialized message, and in those within it: each is looked at."""

_MESSAGE = 64
_FIELD = 16

SMALLEST = 2
"""Bytes of a field that is a message, with its tag."""


class TooLargeError(DescriptorError):
    """A message has more values than can be shown."""


class Weights:
    """Knows how much room messages take, by their types.

    Args:
        max_memory: bytes that a message may take, about; `MAX_MEMORY` by default.
        max_parts: fields in its bytes, and in those of the messages within it; `MAX_PARTS` by default.
    """

    def __init__(self, *, max_memory: int | None = None, max_parts: int | None = None) -> None:
        self._max_memory = MAX_MEMORY if max_memory is None else max_memory
        self._max_parts = MAX_PARTS if max_parts is None else max_parts
        self._inner: dict[str, Mapping[int, Descriptor]] = {}
        self._heaviest: dict[str, int] = {}

    def check(self, kind: Descriptor, data: bytes) -> None:
        """Look at a serialized message before it is read; what is none is left to the reading.

        Raises:
            TooLargeError: it would take too much.
        """
        if len(data) // SMALLEST * self._heaviest_in(kind) <= self._max_memory:
            return
        try:
            self._look(kind, data)
        except IndexError:
            # It ends in the middle of a field, or has what is none.
            return

    def _look(self, kind: Descriptor, data: bytes) -> None:
        name, memory, parts = kind.full_name, 0, 0
        waiting = [(0, len(data), kind)]
        while waiting:
            at, end, kind = waiting.pop()
            inner = self._messages_of(kind)
            around: list[Mapping[int, Descriptor]] = []
            while at < end:
                parts += 1
                if memory > self._max_memory or parts > self._max_parts:
                    raise TooLargeError(f"{len(data)} bytes of {visible(name)} would take too much memory")
                tag, at = varint(data, at)
                found, form = inner.get(tag >> 3), tag & 7
                if form == 2:
                    size, at = varint(data, at)
                    if found is not None:
                        memory += _weight(found)
                        if size:
                            waiting.append((at, min(at + size, end), found))
                    at += size
                elif form == 3:
                    around.append(inner)
                    inner = {} if found is None else self._messages_of(found)
                    memory += 0 if found is None else _weight(found)
                elif form == 4 and around:
                    inner = around.pop()
                else:
                    at = after_number(data, at, form)

    def _messages_of(self, kind: Descriptor) -> Mapping[int, Descriptor]:
        """The types of the fields that are messages, by their numbers."""
        found = self._inner.get(kind.full_name)
        if found is None:
            found = {
                field.number: field.message_type for field in kind.fields if field.message_type is not None
            }
            self._inner[kind.full_name] = found
        return found

    def _heaviest_in(self, kind: Descriptor) -> int:
        """How much the heaviest of the messages takes that may be in one of a type, itself included."""
        known = self._heaviest.get(kind.full_name)
        if known is None:
            seen = {kind.full_name: kind}
            waiting = [kind]
            while waiting:
                for inner in self._messages_of(waiting.pop()).values():
                    if inner.full_name not in seen:
                        seen[inner.full_name] = inner
                        waiting.append(inner)
            known = self._heaviest[kind.full_name] = max(map(_weight, seen.values()))
        return known


def _weight(kind: Descriptor) -> int:
    return weight_of(len(kind.fields))


def weight_of(fields: int) -> int:
    """Bytes of memory that a message takes, about, by how many fields its type has."""
    return _MESSAGE + _FIELD * fields


def after_number(data: bytes, at: int, form: int) -> int:
    """Where a value ends that has no length before it, as the form of its tag says.

    Raises:
        IndexError: it is none, or does not end.
    """
    if form == 0:
        return varint(data, at)[1]
    if form in {1, 5}:
        return at + (8 if form == 1 else 4)
    raise IndexError  # it is no message


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in the bytes of a message, and where it ends.

    Raises:
        IndexError: there is none, or it does not end.
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError
