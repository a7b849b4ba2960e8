"""A validator as the executor asks it, and what it means that one has raised (WIRE §3)."""

from collections.abc import Callable

from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.call_facts import facts_in
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    NotFoundError,
    UnavailableError,
    attribute_of,
    is_a,
    quoted,
    text_of,
)
from collector_mesh.domain.model.events import ValidatorRefused
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import chosen_status
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.tasks import Tasks
from collector_mesh.domain.ports.validator import Validator
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method

_CANNOT_DECIDE = frozenset({UnavailableError.code, DeadlineExceededError.code})


class Validation:
    """Asks one validator about calls.

    Args:
        validator: the validator.
        collector_id: of this collector.
        handlers: what runs here.
        tasks: tell what is a cancellation.
        observer: told of refusals.
    """

    __slots__ = ("_collector_id", "_handlers", "_observer", "_tasks", "at_hand", "validator")

    def __init__(
        self,
        validator: Validator,
        collector_id: str,
        handlers: HandlerRegistry,
        tasks: Tasks,
        observer: Observer,
    ) -> None:
        self.validator = validator
        self.at_hand: Callable[[MethodKey], Allowed | None] = getattr(validator, "at_hand", _nothing)
        """Gives the answer that is at hand, None where there is none. Each call asks for it, so it is no method of this."""
        self._collector_id = collector_id
        self._handlers = handlers
        self._tasks = tasks
        self._observer = observer

    async def method_of(
        self, call: Call, context: CallContext, method: Method | None, allowed: Allowed | None
    ) -> Method | None:
        """See whether a call may be run, and give the method that runs it, which may be another one by now.

        Args:
            call: the call.
            context: of the call.
            method: what was found for it, if anything was.
            allowed: the answer that is at hand, if there is one.

        Raises:
            MeshError: it may not, or that cannot be decided, or the payload is of another type.
        """
        if method is not None and method.is_own:
            return method
        if allowed is None:
            allowed = await self._ask(call.key, context)
            method = self._handlers.find(call.key)
        # That nobody has the method here is said first: another collector may have it.
        if allowed is not None and method is not None:
            allowed.check(call.payload.type_url)
        return method

    async def _ask(self, key: MethodKey, context: CallContext) -> Allowed | None:
        context.is_validating = True
        try:
            found = await self.validator.validate_service_method(key.namespace, key.service, key.method)
        except KeyboardInterrupt:
            # The user's, at the terminal.
            raise
        except BaseException as error:
            if self._tasks.is_cancellation(error):
                raise
            refusal = refusal_of(error, self._collector_id)
            self._observer.tell(ValidatorRefused(self._collector_id, key, str(refusal), **facts_in(context)))
            raise refusal from error
        context.is_validating = False
        if context.is_cancelled:
            # The time was up while the validator was asked, or it has kept a cancellation to itself. Whoever
            # waits has been told that no handler ran.
            raise DeadlineExceededError("deadline exceeded", executed=Executed.NO)
        # One of a user's may return anything.
        return found if type(found) is Allowed else None


def _nothing(_key: MethodKey) -> None:
    """Have the validator asked."""


def refusal_of(error: BaseException, collector_id: str) -> MeshError:
    """The answer to a call whose validator has raised: a refusal, or that it cannot decide.

    What is away, or ran out of time, cannot decide: another collector may. Everything else refuses, and is final. Both
    name the collector.
    """
    status = chosen_status(error)
    cannot = _is_away(error) if status is None else status.code in _CANNOT_DECIDE
    where = f"{text_of(error)} (collector {quoted(collector_id)})"
    if cannot:
        return UnavailableError(f"cannot validate: {where}")
    return NotFoundError(f"service not registered in registry: {where}")


def is_final(refusal: MeshError) -> bool:
    """Whether a refusal is one: whoever cannot decide leaves the call to others."""
    return isinstance(refusal, NotFoundError)


def _is_away(error: BaseException) -> bool:
    """Whether something that the validator needs is not there: its registry, its file, its time."""
    # One that the system has not raised is how a validator says no.
    is_own = is_a(error, PermissionError) and attribute_of(error, "errno") is None
    return is_a(error, OSError) and not is_own


def out_of_time(collector_id: str) -> MeshError:
    """The answer to a call whose time was up before its validator had answered."""
    return UnavailableError(f"cannot validate: it ran out of time (collector {quoted(collector_id)})")
