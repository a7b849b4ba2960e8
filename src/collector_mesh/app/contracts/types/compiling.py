"""Functions that write and read the values of a contract, compiled for its types: they run in each call.

They take the straight way. Whatever is wrong with a value ends in some exception; what it was is found out by another look,
see `write_flaws` and `read_flaws`. The text that is compiled has numbers, and names of attributes that were checked to be
such; everything else is handed in as objects.
"""

from collections.abc import Callable, Iterator
from keyword import iskeyword
from typing import Any

import attrs

from collector_mesh.adapters.wire.described.weight import SMALLEST, weight_of
from collector_mesh.app.contracts.types.budget import Budget, length_of
from collector_mesh.app.contracts.types.endless import MAX_DEPTH
from collector_mesh.app.contracts.types.plan import NOTHING, EnumKind, Kind, Model, Plan, Slot
from collector_mesh.app.contracts.types.scalars import FlawError, Scalar
from collector_mesh.app.contracts.types.several import as_dict, as_items

_EXACT = {"int": {int}, "float": {float}, "str": {str}, "bytes": {bytes}}
"""What several values may be without a look at each; what they hold is left to the message, which refuses it."""


@attrs.frozen(eq=False)
class Compiled:
    """The functions for one model.

    Attributes:
        fields: takes a value, how deep it is in others, and what is left to be written, and gives a mapping of the fields of
            its message; for arguments of a method, a sequence of them.
        value: takes a message, and gives the value; for arguments, a tuple of them.
    """

    fields: Callable[[Any, int, Budget], dict[str, Any]]
    value: Callable[[Any], Any]


def compiled(plan: Plan) -> dict[str, Compiled]:
    """The functions for each model of a contract whose types are numbered, by the full names of their messages."""
    writer = _Source(plan)
    lines = [line for model in plan.models for line in (*writer.writing(model), *writer.reading(model))]
    namespace = writer.objects
    exec(compile("\n".join(lines), "<contract>", "exec"), namespace)  # noqa: S102  # see above
    return {
        model.name: Compiled(namespace[f"w{place}"], namespace[f"r{place}"])
        for place, model in enumerate(plan.models)
    }


def too_deep() -> None:
    """Refuse a value that is in too many others."""
    raise FlawError(f"is more than {MAX_DEPTH} messages deep")


def refuse(*_what: object) -> Any:
    """Refuse a value; what is wrong with it is found out by another look."""
    raise FlawError("does not fit")


class _Source:
    """The text of the functions, and the objects that it names."""

    def __init__(self, plan: Plan) -> None:
        self._places = {id(model): place for place, model in enumerate(plan.models)}
        self.objects: dict[str, Any] = {
            "refuse": refuse,
            "too_deep": too_deep,
            "as_items": as_items,
            "as_dict": as_dict,
            "length_of": length_of,
            "attribute": getattr,
        }

    def _name(self, prefix: str, value: Any) -> str:
        """The name under which the text knows an object."""
        name = f"{prefix}{id(value)}"
        self.objects[name] = value
        return name

    # ---- writing -------------------------------------------------------------------------------------

    def writing(self, model: Model) -> Iterator[str]:
        """The function that gives the fields of a value."""
        yield f"def w{self._places[id(model)]}(v, d, b):"
        if model.kind is not None:
            kind = self._name("C", model.kind)
            yield f"  if type(v) is not {kind} and not issubclass(type(v), {kind}): refuse(v)"
            yield f"  if d > {MAX_DEPTH}: too_deep()"
            yield from (f"  x{at} = {_attribute(slot)}" for at, slot in enumerate(model.slots))
            # One that stands in no other is there once.
            yield f"  if d > 1:\n    b.left -= {' + '.join([str(SMALLEST), *_lengths(model)])}"
            yield f"    b.memory -= {weight_of(len(model.slots))}\n    if b.left < 0 or b.memory < 0: b.over()"
        elif model.slots:
            yield f"  {', '.join(f'x{at}' for at in range(len(model.slots)))}, = v"
        yield "  return {"
        for at, slot in enumerate(model.slots):
            yield f'    "f{model.numbers[slot.name]}": {self._written(slot, f"x{at}")},'
        yield "  }"

    def _written(self, slot: Slot, value: str) -> str:
        hinted = slot.hinted
        if hinted.many == "one":
            written = self._one(hinted.kind, value, "d + 1")
            # A message takes None for a field that is absent.
            return f"None if {value} is None else {written}" if hinted.may_be_none else written
        if hinted.many == "dict":
            key = "k" if hinted.key is None else self._one(hinted.key, "k", "")
            one = self._one(hinted.kind, "y", "d + 2")
            one = f"b.text({one})" if _is_text(hinted.kind) else one
            several = f"{{{key}: {one} for k, y in as_dict(b.messages({value})).items()}}"
            several = f"b.texts({several})" if hinted.key is not None and _is_text(hinted.key) else several
            # An entry is a message, too.
            is_deep = isinstance(hinted.kind, Scalar) and slot.is_message
            return f"{several} if d < {MAX_DEPTH} or not {value} else too_deep()" if is_deep else several
        taken = "messages" if isinstance(hinted.kind, Scalar) and slot.is_message else "items"
        items = f'as_items(b.{taken}({value}), "{hinted.many}")'
        one = self._one(hinted.kind, "y", "d + 1")
        one = f"b.text({one})" if _is_text(hinted.kind) else one
        several = f"[{one} for y in {items}]"
        exact = _EXACT.get(hinted.kind.name) if isinstance(hinted.kind, Scalar) else None
        if exact is None:
            return several
        kind = "tuple" if hinted.many == "tuple" else "list"
        types, taken = self._name("T", exact), "texts" if _is_text(hinted.kind) else "items"
        return f"b.{taken}({value}) if type({value}) is {kind} and {{*map(type, {value})}} <= {types} else {several}"

    def _one(self, kind: Kind, value: str, depth: str) -> str:
        if isinstance(kind, Model):
            return f"w{self._places[id(kind)]}({value}, {depth}, b)"
        if isinstance(kind, EnumKind):
            numbers = {member.name: kind.numbers[name] for name, member in kind.values if member is not None}
            self.objects[f"N{id(kind)}"] = numbers
            cls = self._name("C", kind.kind)
            return f"N{id(kind)}[{value}._name_] if type({value}) is {cls} else refuse({value})"
        if kind.name == "bool":
            return f"{value} if {value} is True or {value} is False else refuse({value})"
        write = self._name("W", kind.write)
        if not kind.is_plain:
            return f"{write}({value})"
        return f"{value} if type({value}) is {kind.kind.__name__} else {write}({value})"

    # ---- reading -------------------------------------------------------------------------------------

    def reading(self, model: Model) -> Iterator[str]:
        """The function that gives the value of a message."""
        yield f"def r{self._places[id(model)]}(m):"
        if model.kind is None:
            values = [self._read_or_default(model, slot) for slot in model.slots]
            yield f"  return ({''.join(f'{value}, ' for value in values)})"
            return
        make = self._name("K", model.make)
        is_direct = not model.by_mapping and not any(_is_made_by_class(slot) for slot in model.slots)
        if is_direct and all(_is_name(slot.argument) for slot in model.slots):
            yield f"  return {make}("
            for slot in model.slots:
                yield f"    {slot.argument}={self._read_or_default(model, slot)},"
            yield "  )"
            return
        yield "  a = {}"
        for slot in model.slots:
            has = f'm.HasField("f{model.numbers[slot.name]}")'
            leave = slot.has_presence and slot.has_default
            before = f"if {has}: " if leave else ""
            read = self._read(model, slot) if leave else self._read_or_default(model, slot)
            yield f"  {before}a[{slot.argument!a}] = {read}"
        yield f"  return {make}({'' if model.by_mapping else '**'}a)"

    def _read_or_default(self, model: Model, slot: Slot) -> str:
        read = self._read(model, slot)
        if not slot.has_presence:
            return read
        has = f'm.HasField("f{model.numbers[slot.name]}")'
        if slot.has_default and slot.default is not NOTHING:
            return f"{read} if {has} else {self._name('D', slot)}.default"
        return f"{read} if {has} else {'None' if slot.hinted.may_be_none else 'refuse()'}"

    def _read(self, model: Model, slot: Slot) -> str:
        field = f"m.f{model.numbers[slot.name]}"
        hinted = slot.hinted
        if hinted.many == "one":
            return self._one_read(hinted.kind, field)
        read = self._one_read(hinted.kind, "y")
        if hinted.many == "dict":
            return f"dict({field})" if read == "y" else f"{{k: {read} for k, y in {field}.items()}}"
        several = f"list({field})" if read == "y" else f"[{read} for y in {field}]"
        return f"tuple({several})" if hinted.many == "tuple" else several

    def _one_read(self, kind: Kind, value: str) -> str:
        if isinstance(kind, Model):
            return f"r{self._places[id(kind)]}({value})"
        if isinstance(kind, EnumKind):
            members = {kind.numbers[name]: member for name, member in kind.values if member is not None}
            self.objects[f"E{id(kind)}"] = members
            return f"E{id(kind)}[{value}]"
        if kind.is_plain or kind.name == "bool":
            return value
        return f"{self._name('R', kind.read)}({value})"


def _is_text(kind: Kind) -> bool:
    """Whether a value may have any number of bytes."""
    return isinstance(kind, Scalar) and kind.type in {"string", "bytes"}


def _lengths(model: Model) -> Iterator[str]:
    """The bytes of what a value of a model itself holds."""
    for at, slot in enumerate(model.slots):
        if slot.hinted.many == "one" and _is_text(slot.hinted.kind) and slot.hinted.kind.is_plain:  # type: ignore[union-attr]  # it is a scalar
            size = f"len(x{at}) if type(x{at}) is {slot.hinted.kind.name} else length_of(x{at})"
            yield f"(0 if x{at} is None else {size})" if slot.hinted.may_be_none else f"({size})"


def _attribute(slot: Slot) -> str:
    return f"v.{slot.attribute}" if _is_name(slot.attribute) else f"attribute(v, {slot.attribute!a})"


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier() and not iskeyword(text) and not text.startswith("__")


def _is_made_by_class(slot: Slot) -> bool:
    """Whether an absent field is for the class to fill."""
    return slot.has_presence and slot.has_default and slot.default is NOTHING
