"""What a contract says: names, and what each method takes and gives."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from threading import RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.domain.model.errors import attribute_of, is_a
from collector_mesh.domain.model.kinds import UNARY, Kind
from collector_mesh.domain.model.names import MethodKey

if TYPE_CHECKING:
    from collector_mesh.app.contracts.types.interface import Described, MethodTypes

T = TypeVar("T")

_ATTRIBUTE = "__collector_mesh_contract__"
_IMPLEMENTS = "__collector_mesh_implements__"


@attrs.frozen
class Member:
    """A method of a contract.

    Attributes:
        owner: the name of the contract, as errors name it.
        attribute: the name of the method in Python.
        name: of the method in the mesh.
        idempotent: whether it may run twice for one call.
        function: what declares it in a class; None where a descriptor does.
        kind: how many messages go in and come out.
        aliases: further names that an implementation, or a caller, may use in place of `attribute`.
        fields: names by which callers may give fields of the request that are options of a call too.
    """

    owner: str
    attribute: str
    name: str
    idempotent: bool = False
    function: Callable[..., Any] | None = attrs.field(default=None, eq=False, repr=False)
    kind: Kind = UNARY
    aliases: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    def found_in(self, kind: type) -> str:
        """The name under which a class has this method; empty if it has none."""
        missing = object()
        for name in (self.attribute, *self.aliases):
            if inspect.getattr_static(kind, name, missing) not in (missing, None):
                return name
        return ""


class Declaration(ABC):
    """What a contract says. Its types are looked at when they are needed first; until then protobuf is not needed.

    Args:
        title: the name of the contract, as errors name it.
        namespace: of the service.
        service: its full name.
        members: its methods, by their names in Python.
    """

    has_free_names = False
    """Whether an implementation may name its parameters as it likes: the contract has no names for them."""
    type_names: Mapping[Any, str] = MappingProxyType({})
    """The names of types in protobuf, where those are not the names of their classes."""

    def __init__(self, title: str, namespace: str, service: str, members: Mapping[str, Member]) -> None:
        self.title = title
        self.namespace = namespace
        self.service = service
        self.members = members
        self._lock = RLock()
        self._types: dict[str, MethodTypes] = {}
        self._described: Described | None = None
        self._kept: dict[str, Any] = {}

    def key(self, member: Member) -> MethodKey:
        """The names of a method in the mesh."""
        return MethodKey(self.namespace, self.service, member.name)

    def types(self, member: Member) -> "MethodTypes":
        """What a method takes and gives.

        Raises:
            ContractError: an annotation cannot be resolved, or can be none of a contract.
        """
        found = self._types.get(member.attribute)
        if found is None:
            found = self._types[member.attribute] = self._find_types(member)
        return found

    def described(self) -> "Described":
        """Its descriptors and codecs, which are made once.

        Raises:
            ContractError: a type can be none of a contract, or the lock file does not fit.
        """
        if self._described is None:
            with self._lock:
                if self._described is None:
                    self._described = self._describe()
        return self._described

    def kept(self, attribute: str, make: Callable[[], T]) -> T:
        """What all clients have in common for a method; it is made once."""
        found: T | None = self._kept.get(attribute)
        return self._kept.setdefault(attribute, make()) if found is None else found

    @abstractmethod
    def _find_types(self, member: Member) -> "MethodTypes": ...

    @abstractmethod
    def _describe(self) -> "Described": ...


def declaration_of(contract: object) -> Declaration:
    """What a contract says.

    Args:
        contract: a subclass of `Contract`, or what `contract_of` gives.

    Raises:
        ContractError: it is no contract.
    """
    found = given_declaration(contract)
    if found is None:
        name = attribute_of(contract, "__qualname__")
        what = name if is_a(name, str) else type(contract).__qualname__
        raise ContractError(
            f"{what} is no contract: a contract is a class as Shop in 'class Shop(Contract, namespace=\"shop\")', or"
            " what contract_of gives"
        )
    return found


def given_declaration(contract: object) -> Declaration | None:
    """What a contract says, None of anything else."""
    # Not of an instance, which is a client.
    found = attribute_of(contract, _ATTRIBUTE) if _may_be_contract(contract) else None
    return found if is_a(found, Declaration) else None  # type: ignore[return-value]  # just looked


def _may_be_contract(contract: object) -> bool:
    return is_a(contract, type) or _ATTRIBUTE in (attribute_of(contract, "__dict__") or {})  # type: ignore[operator]  # a dict


def set_declaration(contract: object, declaration: Declaration) -> None:
    """Take down what a contract says."""
    setattr(contract, _ATTRIBUTE, declaration)


def implemented_by(kind: type) -> Declaration | None:
    """The contract that a class implements, None if it implements none."""
    found = attribute_of(kind, _IMPLEMENTS)
    return found if is_a(found, Declaration) else None  # type: ignore[return-value]  # just looked


def set_implemented(kind: type, declaration: Declaration) -> None:
    """Take down which contract a class implements."""
    setattr(kind, _IMPLEMENTS, declaration)


def says_itself(kind: type) -> bool:
    """Whether a class says itself that it implements a contract, and not a base of it."""
    return _IMPLEMENTS in vars(kind)
