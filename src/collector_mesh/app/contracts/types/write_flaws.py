"""What is wrong with a value that could not be written: a second look, at all of it."""

from contextlib import suppress
from typing import Any

from collector_mesh.app.contracts.types.endless import MAX_DEPTH
from collector_mesh.app.contracts.types.flaws import EnoughError, Flaws
from collector_mesh.app.contracts.types.plan import EnumKind, Kind, Model, Slot
from collector_mesh.app.contracts.types.scalars import FlawError, wrong
from collector_mesh.app.contracts.types.several import as_dict, as_items
from collector_mesh.domain.model.errors import text_of


def flaws_of_value(kind: Kind, value: Any, path: str) -> Flaws:
    """What is wrong with a value of a model."""
    flaws = Flaws()
    with suppress(EnoughError):
        _Look(flaws).one(kind, value, path, 1)
    return flaws


def flaws_of_arguments(model: Model, values: tuple[Any, ...], names: list[str]) -> Flaws:
    """What is wrong with the arguments of a method, or with its result."""
    flaws = Flaws()
    look = _Look(flaws)
    try:
        for slot, value, name in zip(model.slots, values, names, strict=True):
            look.slot(slot, value, name, 1)
    except EnoughError:
        pass
    return flaws


class _Look:
    def __init__(self, flaws: Flaws) -> None:
        self._flaws = flaws

    def one(self, kind: Kind, value: Any, path: str, depth: int) -> None:
        self._flaws.look()
        try:
            if isinstance(kind, Model):
                self._model(kind, value, path, depth)
            elif isinstance(kind, EnumKind):
                if type(value) is not kind.kind:
                    raise wrong(value, kind.kind.__name__)
            else:
                kind.write(value)
        except FlawError as error:
            self._flaws.add(path, str(error))

    def slot(self, slot: Slot, value: Any, path: str, depth: int) -> None:
        hinted = slot.hinted
        if hinted.many == "one":
            if value is not None or not hinted.may_be_none:
                self.one(hinted.kind, value, path, depth + 1)
            return
        try:
            if hinted.many == "dict":
                if depth >= MAX_DEPTH and value and slot.is_message:
                    raise FlawError(f"is more than {MAX_DEPTH} messages deep")
                for key, each in as_dict(value).items():
                    # The key itself is a value, too.
                    if hinted.key is not None:
                        self.one(hinted.key, key, f"a key of {path}", depth)
                    self.one(hinted.kind, each, f"{path}[...]", depth + 2)
                return
            for at, each in enumerate(as_items(value, hinted.many)):
                self.one(hinted.kind, each, f"{path}[{at}]", depth + 1)
        except FlawError as error:
            self._flaws.add(path, str(error))

    def _model(self, model: Model, value: Any, path: str, depth: int) -> None:
        if model.kind is None or not issubclass(type(value), model.kind):
            raise wrong(value, model.shown)
        if depth > MAX_DEPTH:
            raise FlawError(f"is more than {MAX_DEPTH} messages deep")
        for slot in model.slots:
            inner = f"{path}.{slot.name}"
            try:
                part = getattr(value, slot.attribute)
            except AttributeError:
                self._flaws.add(inner, "is not set")
            except Exception as error:  # noqa: BLE001  # it may be a property
                self._flaws.add(inner, f"cannot be had: {text_of(error)}")
            else:
                self.slot(slot, part, inner, depth)
