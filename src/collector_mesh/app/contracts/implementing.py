"""Classes that do what a contract says: compared with it when they are defined."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.app.contracts.comparing import differences
from collector_mesh.app.contracts.declaration import (
    Declaration,
    declaration_of,
    given_declaration,
    implemented_by,
    set_implemented,
)
from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.outside import outside
from collector_mesh.domain.model.errors import is_a, kind_of

if TYPE_CHECKING:
    from collector_mesh.app.contracts.contract import Contract
    from collector_mesh.app.contracts.generated import GeneratedContract

T = TypeVar("T")


def implements(contract: "type[Contract] | GeneratedContract") -> Callable[[type[T]], type[T]]:
    """Say of a class that it does what a contract says; a decorator: `@implements(Shop)`.

    The class has a method of the same name for each method of the contract, async or plain, with parameters of the same
    names and types; one more that is annotated with `CallContext` is given the context of the call. What else it has is its
    own. The class is served as one that marks methods: it, an instance, or a callable that makes one is a service of a
    collector, and so is a subclass. A `lifespan` counts as there.

    Args:
        contract: a subclass of `Contract`, or what `contract_of` gives.

    Raises:
        ContractError: it is no contract, or the class differs from it; the text names every difference.
    """
    declaration = declaration_of(contract)
    where = outside()
    names = {**where.f_globals, **where.f_locals}

    def implemented(kind: type[T]) -> type[T]:
        if not is_a(kind, type):
            raise ContractError(f"@implements({declaration.title}) stands on a class, got {kind_of(kind)}")
        if given_declaration(kind) is not None:
            raise ContractError(
                f"{kind.__qualname__} is a contract itself, and runs nothing: what implements {declaration.title} is a"
                " class that does not inherit from it"
            )
        other = implemented_by(kind)
        if other is not None and other is not declaration:
            raise ContractError(
                f"{kind.__qualname__} implements {other.title} already: a class for each contract is needed"
            )
        check_implements(kind, declaration, {**names, kind.__name__: kind})
        set_implemented(kind, declaration)
        return kind

    return implemented


def check_implements(kind: type, declaration: Declaration, names: dict[str, Any]) -> None:
    """See that a class does what a contract says.

    Args:
        kind: the class.
        declaration: of the contract.
        names: those that count where the class is defined, beside those of its module.

    Raises:
        ContractError: it does not; the text names every difference.
    """
    found = differences(kind, declaration, names)
    if found:
        raise ContractError(f"{kind.__qualname__} does not implement {declaration.title}: {'; '.join(found)}")
