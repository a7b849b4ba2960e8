"""Inputs that are nearly right: messages with odd fields, and bytes that were messages before they were changed."""

import random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from collector_mesh.adapters.wire.connect_layout import varint

TEXTS = (
    *("", "a", "texts", "Texts", "Echo", "texts-1", "127.0.0.1:9", "x" * 200, "a\nb", "\x1b[31m", "é"),
    *("..", "a/b", "\u202e", "\0", "127.0.0.1:99999", "[::1]:5", "*", "true", "idempotent"),
)
NUMBERS = (
    *(0, 1, 2, 3, 127, 128, 255, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53),
    *(2**63 - 1, 2**63, 2**64 - 1),
)
_POOL = 1000
_USES = 100
"""A message is used so often before a new one is made: making one takes ten times as long as reading it."""

_CHANGED = 0.5
_NOISE = 0.03
_DEEP = 0.01
_PIECES = (b"\x0b", b"\x0c", b"\xfa\xff\xff\xff\x0f", b"\x80" * 12, b"\xed\xa0\x80", b"\xc3\x28")


class Inputs:
    """Inputs out of one seed.

    Args:
        seed: decides all of them.
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self._pools: dict[type[Message], list[bytes]] = {}
        self._uses: dict[type[Message], int] = {}

    def bytes_for(self, kind: type[Message]) -> bytes:
        """Bytes for somebody who reads a message of a class."""
        throw = self.dice.random()
        if throw < _NOISE:
            return self.dice.randbytes(self.dice.randrange(200))
        if throw < _NOISE + _DEEP:
            return nested(self.dice.choice((5, 99, 101, 500, 2000)))
        data = self._pooled(kind)
        return self.changed(data) if self.dice.random() < _CHANGED else data

    def text(self) -> str:
        """A text that may be none of those that are allowed."""
        dice = self.dice
        if dice.random() < 0.9:
            return dice.choice(TEXTS)
        signs = (dice.randrange(32, 127), dice.randrange(0x300), dice.randrange(0xE000, 0xFFFF))
        return "".join(chr(dice.choice(signs)) for _ in range(dice.randrange(9)))

    def message(self, kind: type[Message], *, share: float | None = None, depth: int = 0) -> Message:
        """A message with some of its fields filled in."""
        made = kind()
        share = self.dice.choice((0.1, 0.3, 0.5, 0.8)) if share is None else share
        for field in made.DESCRIPTOR.fields:
            if self.dice.random() < share:
                self._fill(made, field, share, depth)
        return made

    def changed(self, data: bytes) -> bytes:
        """Some bytes of it are others, doubled or gone."""
        dice, found = self.dice, bytearray(data)
        for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
            at = dice.randrange(len(found)) if found else 0
            kind = dice.randrange(7)
            if kind == 0 and found:
                found[at] ^= 1 << dice.randrange(8)
            elif kind == 1 and found:
                found[at] = dice.randrange(256)
            elif kind == 2:
                del found[at : at + dice.randrange(1, 9)]
            elif kind == 3:
                found[at:at] = dice.randbytes(dice.randrange(1, 9))
            elif kind == 4:
                del found[at:]
            elif kind == 5:
                found[at:at] = found[max(0, at - 12) : at]
            else:
                found[at:at] = dice.choice(_PIECES)
        return bytes(found)

    def _pooled(self, kind: type[Message]) -> bytes:
        if self._uses.get(kind, 0) <= 0:
            self._pools[kind] = [self.message(kind).SerializeToString() for _ in range(_POOL)]
            self._uses[kind] = _POOL * _USES
        self._uses[kind] -= 1
        return self.dice.choice(self._pools[kind])

    def _fill(self, message: Any, field: Any, share: float, depth: int) -> None:
        kind = field.message_type
        many = self.dice.choice((0, 1, 1, 2, 3, 8)) if field.is_repeated else 1
        target = getattr(message, field.name)
        for _ in range(many):
            if kind is not None and kind.GetOptions().map_entry:
                self._put(target, kind.fields_by_name["value"], share, depth)
            elif kind is not None and depth < 4:
                inner = self.message(GetMessageClass(kind), share=share, depth=depth + 1)
                (target.add() if field.is_repeated else target).CopyFrom(inner)
            elif kind is None:
                value = self._value(field)
                if field.is_repeated:
                    target.append(value)
                else:
                    setattr(message, field.name, value)

    def _put(self, entries: Any, field: Any, share: float, depth: int) -> None:
        """Put something into a map, whose values are of a field."""
        key = self._writable()
        if field.message_type is not None:
            inner = self.message(GetMessageClass(field.message_type), share=share, depth=depth + 1)
            entries[key].CopyFrom(inner)
        else:
            is_text = field.cpp_type == FieldDescriptor.CPPTYPE_STRING
            entries[key] = self._writable() if is_text else self.dice.choice(NUMBERS)

    def _writable(self) -> str:
        return self.text().encode("utf-8", "ignore").decode()

    def _value(self, field: Any) -> Any:
        dice, kind = self.dice, field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_STRING:
            is_bytes = field.type == FieldDescriptor.TYPE_BYTES
            return dice.randbytes(dice.randrange(30)) if is_bytes else self._writable()
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return dice.random() < 0.5
        if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
            return dice.choice((0.0, 1.5, float("nan"), float("inf"), -1e30))
        number = dice.choice(NUMBERS) if dice.random() < 0.3 else dice.randrange(5)
        bits = {
            FieldDescriptor.CPPTYPE_UINT32: 32,
            FieldDescriptor.CPPTYPE_INT32: 31,
            FieldDescriptor.CPPTYPE_INT64: 63,
            FieldDescriptor.CPPTYPE_ENUM: 2,
        }.get(kind, 64)
        return number % (1 << bits)


def nested(depth: int) -> bytes:
    """A message in a message in a message."""
    data = b""
    for _ in range(depth):
        data = b"\x12" + varint(len(data)) + data
    return data
