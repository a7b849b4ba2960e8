"""How much memory the messages of a value would take, found out without writing it: what stands in many places is looked at once."""

from typing import Any

from collector_mesh.adapters.wire.described.weight import weight_of
from collector_mesh.adapters.wire.message_classes import MAX_MEMORY
from collector_mesh.app.contracts.types.budget import OverBudgetError
from collector_mesh.app.contracts.types.endless import MAX_DEPTH
from collector_mesh.app.contracts.types.plan import Model, Slot
from collector_mesh.app.contracts.types.several import as_dict, as_items


def check_weight(model: Model, value: Any) -> None:
    """See that the messages of a value are not more than may be written.

    What is wrong with the value otherwise is left to the writing.

    Raises:
        OverBudgetError: they are more.
    """
    look = _Look()
    try:
        weight = look.arguments(model, value) if model.kind is None else look.model(model, value, 1)
    except Exception:  # noqa: BLE001  # the writing ends in the same
        return
    if weight > MAX_MEMORY:
        raise OverBudgetError


class _Look:
    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[int, Any]] = {}

    def arguments(self, model: Model, values: Any) -> int:
        """The weight of what the arguments of a method hold."""
        return sum(self._slot(slot, value, 1) for slot, value in zip(model.slots, values, strict=True))

    def model(self, model: Model, value: Any, depth: int) -> int:
        """The weight of a value of a model."""
        if depth > MAX_DEPTH:
            return 0
        key = (id(model), id(value))
        if (known := self._known.get(key)) is not None:
            return known[0]
        weight = weight_of(len(model.slots))
        for slot in model.slots:
            if isinstance(slot.hinted.kind, Model):
                weight += self._slot(slot, getattr(value, slot.attribute), depth)
        # The value is kept, so that no other one gets its identity.
        self._known[key] = (weight, value)
        return weight

    def _slot(self, slot: Slot, value: Any, depth: int) -> int:
        kind, many = slot.hinted.kind, slot.hinted.many
        if not isinstance(kind, Model) or value is None:
            return 0
        if many == "one":
            return self.model(kind, value, depth + 1)
        if many == "dict":
            return sum(weight_of(2) + self.model(kind, each, depth + 2) for each in as_dict(value).values())
        return sum(self.model(kind, each, depth + 1) for each in as_items(value, many))
