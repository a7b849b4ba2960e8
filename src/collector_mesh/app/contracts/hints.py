"""The annotations of methods, as objects."""

import collections.abc
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

from collector_mesh.app.contracts.errors import ContractError
from collector_mesh.app.services.callables import code_of, unwrapped
from collector_mesh.app.services.hints import (
    NO_HINT,
    UnresolvedHintError,
    is_context,
    names_of,
    resolved,
    shown_hint,
)

_STREAMS = (
    collections.abc.AsyncIterator,
    collections.abc.AsyncIterable,
    collections.abc.AsyncGenerator,
    collections.abc.Iterator,
    collections.abc.Generator,
)


def hint_in(function: Callable[..., Any], annotation: Any, local_names: Mapping[str, Any]) -> Any:
    """An annotation of a function as an object.

    Args:
        function: the function.
        annotation: as it was written.
        local_names: names that count where the function is defined, beside those that it sees.

    Raises:
        UnresolvedHintError: it cannot be resolved.
    """
    if annotation is NO_HINT:
        return NO_HINT
    return resolved(annotation, names_of(unwrapped(code_of(function))), local_names)


def contract_hint(
    what: str, function: Callable[..., Any], annotation: Any, local_names: Mapping[str, Any]
) -> Any:
    """The type that an annotation of a contract stands for.

    Args:
        what: what is annotated, as errors name it.
        function: the method.
        annotation: as it was written.
        local_names: see `hint_in`.

    Raises:
        ContractError: it cannot be resolved, or is no type of values.
    """
    try:
        hint = hint_in(function, annotation, local_names)
    except UnresolvedHintError as error:
        raise ContractError(
            f"{what}: the annotation {annotation!r} cannot be resolved: {error}; what it names has to be there when the"
            " contract is used, and not only under TYPE_CHECKING"
        ) from error
    if is_context(hint):
        raise ContractError(f"{what} is a CallContext, which is for what implements the contract")
    if (typing.get_origin(hint) or hint) in _STREAMS:
        raise ContractError(f"{what} is a stream, {shown_hint(hint)}; methods with streams do not exist yet")
    return hint


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a method; what its annotations name need not be there yet."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)
