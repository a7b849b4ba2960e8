"""What is made of the types of a contract: its descriptors, and the codecs of its methods."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from collector_mesh.app.contracts.locks.lock import FORMS, Shape
from collector_mesh.app.contracts.numbers import Numbers
from collector_mesh.app.contracts.types.analysis import planned
from collector_mesh.app.contracts.types.descriptors import file_for, numbered
from collector_mesh.app.contracts.types.interface import Described, MethodCodec, ServiceTypes
from collector_mesh.app.contracts.types.plan import Plan
from collector_mesh.app.contracts.types.scalars import Scalar
from collector_mesh.domain.registry.schema import File

if TYPE_CHECKING:
    from collector_mesh.app.contracts.types.codec import Building


def described(service: ServiceTypes, numbers: Numbers | None = None) -> "DescribedTypes":
    """Make descriptors and codecs of the types of a contract; nothing of protobuf is loaded yet.

    Args:
        service: the types.
        numbers: those of the lock file; None for numbers in the order of definition. What has none gets the next free one:
            `Locked.check` sees whether the lock file has all of the contract.

    Raises:
        ContractError: a type cannot travel; the text names all that cannot.
    """
    plan = planned(service)
    given = Numbers.none() if numbers is None else numbers
    numbered(plan, given)
    return DescribedTypes(plan, given)


class DescribedTypes:
    """The descriptors and codecs of a contract; see `described`."""

    def __init__(self, plan: Plan, numbers: Numbers) -> None:
        self._plan = plan
        self._numbers = numbers
        self._methods = {method.types.name: method for method in plan.methods}
        self._codecs: dict[str, MethodCodec] = {}

    @cached_property
    def file(self) -> File:
        """Its descriptors, as plain values."""
        return file_for(self._plan, self._numbers)

    @property
    def shape(self) -> Shape:
        """What a lock file keeps of it."""
        models = self._plan.models
        needed = [f"{model.name}.{slot.name}" for model in models for slot in model.slots if slot.is_required]
        may_be_none = [
            f"{model.name}.{slot.name}" for model in models for slot in model.slots if slot.hinted.may_be_none
        ]
        forms = {
            f"{model.name}.{slot.name}": slot.hinted.kind.name
            for model in models
            for slot in model.slots
            if isinstance(slot.hinted.kind, Scalar) and slot.hinted.kind.name in FORMS
        }
        return Shape(self.file, frozenset(needed), forms, frozenset(may_be_none))

    @property
    def classes(self) -> Mapping[str, type]:
        """The classes that messages and enums are made of, by their full names."""
        models = {model.name: model.kind for model in self._plan.models if model.kind is not None}
        return {**models, **{enum.name: enum.kind for enum in self._plan.enums}}

    @cached_property
    def service_descriptor(self) -> Any:
        """The descriptor of the service, in a pool of its own."""
        from collector_mesh.adapters.wire.message_classes import service_of

        return service_of(self.file, self._plan.service.full_name)

    @cached_property
    def _building(self) -> "Building":
        from collector_mesh.app.contracts.types.codec import Building

        return Building(self._plan)

    def codec(self, method: str) -> MethodCodec:
        """The codec of a method.

        Raises:
            KeyError: the contract has no such method.
        """
        found = self._codecs.get(method)
        if found is None:
            from collector_mesh.app.contracts.types.codec import Codec

            found = self._codecs.setdefault(method, Codec(self._methods[method], self._building))
        return found


if TYPE_CHECKING:
    _fits: type[Described] = DescribedTypes
