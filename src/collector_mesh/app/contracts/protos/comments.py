"""The comments of a .proto: what the docstrings of a contract and of its types say."""

import inspect
from collections.abc import Mapping

from collector_mesh.app.contracts.declaration import Declaration
from collector_mesh.domain.model.errors import attribute_of


def comments_of(contract: object, declaration: Declaration, classes: Mapping[str, type]) -> dict[str, str]:
    """What docstrings say, by the full names of services, methods, messages and enums.

    Args:
        contract: the contract.
        declaration: what it says.
        classes: what is made into messages and enums, by their full names.
    """
    found = {declaration.service: _own(contract) if isinstance(contract, type) else ""}
    for member in declaration.members.values():
        found[f"{declaration.service}.{member.name}"] = _own(member.function)
    found |= {name: _own(kind) for name, kind in classes.items()}
    return {name: text for name, text in found.items() if text}


def _own(documented: object) -> str:
    """The docstring of something; not one that is inherited, or that a dataclass makes of its fields."""
    is_class = isinstance(documented, type)
    text = vars(documented).get("__doc__") if is_class else attribute_of(documented, "__doc__")
    if type(text) is not str or text.startswith(f"{attribute_of(documented, '__name__')}("):
        return ""
    return inspect.cleandoc(text)
