"""A user's validator, plain or async, with or without the context of the call, as the one kind that is asked."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.app.hooks.shape import is_async, method_of
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import OverloadedError, UnavailableError, attribute_of
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.ports.validator import HeldValidator, Lent

if TYPE_CHECKING:
    from collector_mesh.domain.serving.plain import PlainFunctions

T = TypeVar("T")

_METHOD = "validate_service_method"
_ALLOWED = f"{_METHOD} takes (namespace, service_name, method_name), or these and the context of the call, positionally"


def check_validator(validator: object) -> None:
    """See that something can be asked whether a method may be called.

    Raises:
        TypeError: it cannot; the text says what a validator is.
    """
    _takes_context(method_of("validator", validator, _METHOD))


class AnyValidator:
    """Asks a validator of the user's; what that raises goes on, and is judged by whoever has asked.

    Args:
        validator: the user's.
        plain: gives what runs a plain one in a thread, as it does plain handlers.

    Raises:
        TypeError: it is no validator; the text says what one is.
    """

    def __init__(self, validator: Any, plain: "Callable[[], PlainFunctions]") -> None:
        found = method_of("validator", validator, _METHOD)
        self.validator: Any = validator
        """The user's own."""
        self._takes_context = _takes_context(found)
        self._is_async = is_async(found)
        self._plain = plain
        # Its class has to have it too: a mock has every name.
        if attribute_of(type(validator), "at_hand") is not None and callable(self.validator.at_hand):
            self.at_hand: Callable[[MethodKey], Allowed | None] = self.validator.at_hand
            """Gives the answer that is at hand: the validator's own, as each call asks for it. Not all have it."""

    def begin_use(self, collector_id: str, lent: Lent) -> None:
        """Tell the validator that a collector uses it, if it wants to know; see `ports.validator.HeldValidator`."""
        if attribute_of(type(self.validator), "begin_use") is not None:
            self.validator.begin_use(collector_id, lent)

    async def end_use(self, collector_id: str) -> None:
        """Tell it that the collector does not use it anymore."""
        if attribute_of(type(self.validator), "end_use") is not None:
            await self.validator.end_use(collector_id)

    async def validate_service_method(
        self, namespace: str, service_name: str, method_name: str, /
    ) -> Allowed | None:
        """See the port."""
        arguments: tuple[Any, ...] = (namespace, service_name, method_name)
        if self._takes_context:
            # The executor sets it before it asks.
            arguments = (*arguments, CURRENT.get())
        # Looked up each time: a test may put another one in its place.
        ask = getattr(self.validator, _METHOD)
        found = ask(*arguments) if self._is_async else await self._in_thread(ask, arguments)
        if inspect.isawaitable(found):
            found = await found
        # One that knows of no types may return anything.
        return found if type(found) is Allowed else None

    async def _in_thread(self, ask: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        try:
            outcome = await self._plain().in_thread(lambda: _outcome(ask, arguments), comes_first=True)
        except OverloadedError as error:
            raise UnavailableError("every thread for plain functions is taken") from error
        return outcome()


def _outcome(function: Callable[..., T], arguments: tuple[Any, ...]) -> Callable[[], T]:
    """Call a function in a thread; what this gives then gives what it has given, or raises what it has raised.

    So an exception of any kind comes to whoever waits, and none ends the thread.
    """
    try:
        result = function(*arguments)
    except BaseException as error:  # noqa: BLE001  # whatever a user's code raises
        raised = error

        def fail() -> T:
            # A thread gets no interrupt of the user's at the terminal: this one is made up.
            raise raised if not isinstance(raised, KeyboardInterrupt) else RuntimeError("KeyboardInterrupt")

        return fail
    return lambda: result


def _takes_context(function: Callable[..., Any]) -> bool:
    """Whether a fourth argument is for the context of the call.

    Raises:
        TypeError: it does not take what it is called with.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        # Not written in Python; it says when it is called what it takes.
        return False
    positional = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    needed = [p for p in positional if p.default is p.empty]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    has_keyword = any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters)
    if has_keyword or len(needed) > 4 or (len(positional) < 3 and not takes_any):
        raise TypeError(f"validator: {_ALLOWED}, got {inspect.signature(function)}")
    if len(positional) < 4:
        return False
    fourth = positional[3]
    return fourth in needed or fourth.name == "context" or fourth.annotation in (CallContext, "CallContext")


if TYPE_CHECKING:
    _fits: type[HeldValidator] = AnyValidator
