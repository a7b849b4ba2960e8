"""What a handler takes: which of its parameters is the request, and which the context."""

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from collector_mesh.app.services.annotations import is_request
from collector_mesh.app.services.callables import ALLOWED, BY_POSITION, code_of, parameters_of, unwrapped
from collector_mesh.app.services.hints import (
    NO_HINT,
    UnresolvedHintError,
    is_context,
    names_of,
    resolved,
    says_nothing,
    shown_hint,
)

_CONTEXT_NAMES = frozenset({"context", "ctx"})
_REQUEST_NAMES = frozenset({"request", "input"})


@attrs.frozen
class Signature:
    """What a handler takes, and what it says of its result.

    Attributes:
        call: takes the request and the context, and passes on what the handler takes.
        takes: the name of the parameter that takes the request, empty where none does.
        request: its annotation.
        result: the annotation of the result.
    """

    call: Callable[[Any, Any], Any]
    takes: str
    request: Any
    result: Any


def signature_of(what: str, function: Callable[..., Any], where: types.FrameType) -> Signature:
    """Find out how a handler is to be called.

    Args:
        what: the handler, as errors name it.
        function: the handler.
        where: the frame that defines it.

    Raises:
        TypeError: it takes something else than a request and a context, or its annotations cannot be resolved.
    """
    parameters, result = parameters_of(what, function)
    names = names_of(unwrapped(code_of(function)))
    local_names = {**where.f_globals, **where.f_locals}
    hints = {each.name: _hint(what, each.name, each.annotation, names, local_names) for each in parameters}
    roles = _Roles(what, parameters, hints)
    takes = roles.request.name if roles.request is not None else ""
    return Signature(
        _call(what, function, parameters, roles.request, roles.context),
        takes,
        hints.get(takes, NO_HINT),
        _hint(what, "the return", result, names, local_names),
    )


def _hint(what: str, name: str, hint: Any, names: Mapping[str, Any], local_names: Mapping[str, Any]) -> Any:
    try:
        return resolved(hint, names, local_names)
    except UnresolvedHintError as error:
        raise TypeError(
            f"{what}: annotation {hint!r} of {name} cannot be resolved where the handler is defined: {error};"
            " it has to be known when the program runs, and not only under TYPE_CHECKING"
        ) from error


class _Roles:
    """Which parameter takes the request, and which the context."""

    def __init__(self, what: str, parameters: list[inspect.Parameter], hints: Mapping[str, Any]) -> None:
        self._what = what
        self._hints = hints
        named = [each for each in parameters if each.kind in BY_POSITION or each.kind is each.KEYWORD_ONLY]
        self.context = self._find_context(named)
        self.request = self._find_request([each for each in named if each is not self.context], parameters)

    def _find_context(self, named: list[inspect.Parameter]) -> inspect.Parameter | None:
        annotated = [each for each in named if is_context(self._hints[each.name])]
        if len(annotated) > 1:
            raise TypeError(f"{self._what} takes the context twice: {ALLOWED}")
        if annotated:
            return annotated[0]
        silent = [each for each in named if says_nothing(self._hints[each.name])]
        for each in silent:
            if each.name.strip("_") in _CONTEXT_NAMES:
                return each
        needed = [each for each in named if each.default is each.empty and each.kind in BY_POSITION]
        if len(needed) != 2:
            return None
        # One of the two is annotated as the request, or the first one is it.
        is_first = needed[0] in silent and is_request(self._hints[needed[1].name])
        context = needed[0] if is_first else needed[1]
        return context if context in silent else None

    def _find_request(
        self, named: list[inspect.Parameter], parameters: list[inspect.Parameter]
    ) -> inspect.Parameter | None:
        needed = [each for each in named if each.default is each.empty]
        if len(needed) > 1:
            if len(needed) == 2 and self.context is None:
                second = next((each for each in needed if each.name.strip("_") in _CONTEXT_NAMES), needed[1])
                hint = shown_hint(self._hints[second.name])
                raise TypeError(
                    f"{self._what}: {second.name} is no context, but annotated with {hint}, and there is a request"
                    f" already: {ALLOWED}"
                )
            raise TypeError(f"{self._what} takes too many arguments: {ALLOWED}")
        if needed:
            return needed[0]
        for each in named:
            if each.name.strip("_") in _REQUEST_NAMES or (self.context is None and each.kind in BY_POSITION):
                return each
        return next((each for each in parameters if each.kind is each.VAR_POSITIONAL), None)


def _call(
    what: str,
    function: Callable[..., Any],
    parameters: list[inspect.Parameter],
    request: inspect.Parameter | None,
    context: inspect.Parameter | None,
) -> Callable[[Any, Any], Any]:
    """What takes the request and the context, and calls a function with what it takes."""
    by_position: list[bool] = []
    by_name: dict[str, bool] = {}
    is_whole = True  # whether every parameter so far is given
    for each in parameters:
        if each is not request and each is not context:
            is_whole = is_whole and each.kind not in BY_POSITION
        elif each.kind is each.KEYWORD_ONLY or (not is_whole and each.kind is each.POSITIONAL_OR_KEYWORD):
            by_name[each.name] = each is request
        elif is_whole:
            by_position.append(each is request)
        else:
            raise TypeError(f"{what} takes {each.name} behind another argument: {ALLOWED}")
    if by_name:

        def call(request: Any, context: Any) -> Any:
            return function(
                *(request if is_request else context for is_request in by_position),
                **{name: request if is_request else context for name, is_request in by_name.items()},
            )

        return call
    return _CALLS[tuple(by_position)](function)


_CALLS: Mapping[tuple[bool, ...], Callable[[Callable[..., Any]], Callable[[Any, Any], Any]]] = (
    types.MappingProxyType(
        {
            (): lambda function: lambda _request, _context: function(),
            (True,): lambda function: lambda request, _context: function(request),
            (False,): lambda function: lambda _request, context: function(context),
            (True, False): lambda function: function,
            (False, True): lambda function: lambda request, context: function(context, request),
        }
    )
)
"""By whether each argument is the request: one call more is what most handlers need, and no list of arguments."""
