"""What is wrong with a message that could not be read as a value: a second look, at all of it."""

from typing import Any

from collector_mesh.app.contracts.types import pydantic_models
from collector_mesh.app.contracts.types.flaws import EnoughError, Flaws
from collector_mesh.app.contracts.types.plan import NOTHING, EnumKind, Kind, Model, Slot
from collector_mesh.app.contracts.types.scalars import FlawError
from collector_mesh.domain.model.errors import text_of

_UNREADABLE = object()
"""In place of a value that cannot be read; what holds it is not made."""


def flaws_of_message(model: Model, message: Any, names: list[str]) -> Flaws:
    """What is wrong with a message.

    Args:
        model: what it was to be read as.
        message: an object of the class of its messages.
        names: how errors name the value; for arguments, each of them.
    """
    flaws = Flaws()
    look = _Look(flaws)
    try:
        if model.kind is None:
            for slot, name in zip(model.slots, names, strict=True):
                look.slot(model, slot, message, name)
        else:
            look.one(model, message, names[0])
    except EnoughError:
        pass
    return flaws


class _Look:
    def __init__(self, flaws: Flaws) -> None:
        self._flaws = flaws

    def one(self, kind: Kind, value: Any, path: str) -> Any:
        self._flaws.look()
        if isinstance(kind, Model):
            return self._model(kind, value, path)
        if isinstance(kind, EnumKind):
            for name, member in kind.values:
                if kind.numbers[name] == value and member is not None:
                    return member
            self._flaws.add(
                path,
                f"{value} is no number of {kind.kind.__name__}" if value else "is missing",
            )
            return _UNREADABLE
        try:
            return kind.read(value)
        except FlawError as error:
            self._flaws.add(path, str(error))
            return _UNREADABLE

    def slot(self, model: Model, slot: Slot, message: Any, path: str) -> Any:
        """The value of a field; `NOTHING` if it is for the class to fill."""
        name = f"f{model.numbers[slot.name]}"
        hinted = slot.hinted
        if slot.has_presence and not message.HasField(name):
            if slot.has_default:
                return slot.default
            if not hinted.may_be_none:
                self._flaws.add(path, "is missing")
                return _UNREADABLE
            return None
        field = getattr(message, name)
        if hinted.many == "one":
            return self.one(hinted.kind, field, path)
        if hinted.many == "dict":
            found = {key: self.one(hinted.kind, each, f"{path}[...]") for key, each in field.items()}
            return _UNREADABLE if any(each is _UNREADABLE for each in found.values()) else found
        items = [self.one(hinted.kind, each, f"{path}[{at}]") for at, each in enumerate(field)]
        if any(each is _UNREADABLE for each in items):
            return _UNREADABLE
        return tuple(items) if hinted.many == "tuple" else items

    def _model(self, model: Model, message: Any, path: str) -> Any:
        values = {
            slot.argument: self.slot(model, slot, message, f"{path}.{slot.name}") for slot in model.slots
        }
        if any(value is _UNREADABLE for value in values.values()):
            return _UNREADABLE
        arguments = {name: value for name, value in values.items() if value is not NOTHING}
        try:
            return model.make(arguments) if model.by_mapping else model.make(**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever the class wants to end, it is one value that it refuses
            told = pydantic_models.flaws_in(error)
            if told is None:
                self._flaws.add(path, text_of(error))
            else:
                for inner, text in told:
                    self._flaws.add(f"{path}{inner}", text)
            return _UNREADABLE
