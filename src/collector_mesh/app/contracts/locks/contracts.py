"""The contracts of a module, as a lock file has to know them."""

from types import ModuleType

from collector_mesh.app.contracts.class_declaration import ClassDeclaration
from collector_mesh.app.contracts.declaration import declaration_of, given_declaration
from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.contracts.locks.lock import key_of
from collector_mesh.app.contracts.locks.places import path_of
from collector_mesh.app.contracts.locks.states import Lockable
from collector_mesh.app.contracts.types.described import described
from collector_mesh.domain.model.errors import is_a


def contracts_of(module: ModuleType, *, defined: bool = True) -> list[type]:
    """The classes in a module that are contracts, in the order in which they stand there.

    Args:
        module: the module.
        defined: only those that it defines, and not those that it imports.
    """
    classes = [value for value in vars(module).values() if is_a(value, type)]
    found = [one for one in classes if is_a(given_declaration(one), ClassDeclaration)]
    # One may stand there under two names.
    return [one for one in dict.fromkeys(found) if not defined or one.__module__ == module.__name__]


def lockable(contract: object) -> Lockable:
    """A contract as a lock file has to know it.

    Raises:
        ContractError: it is no contract, or one of generated code, whose numbers are in a .proto.
    """
    declaration = declaration_of(contract)
    if not isinstance(declaration, ClassDeclaration):
        raise ContractError(
            f"{declaration.title} is of generated code: its .proto has the numbers, and it has no lock file"
        )
    return Lockable(
        declaration.title,
        declaration.module,
        key_of(declaration.namespace, declaration.service),
        path_of(declaration.module, declaration.lock),
        lambda numbers: described(declaration.service_types(), numbers).shape,
        lambda: described(declaration.service_types()).classes,
    )
