"""What is said of handlers that fail."""

from collections.abc import Callable, Mapping

from collector_mesh.domain.model.call_facts import facts_in
from collector_mesh.domain.model.context import CURRENT, CallContext
from collector_mesh.domain.model.errors import (
    MAX_DETAIL_BYTES,
    NO_DETAILS,
    DeadlineExceededError,
    Executed,
    HandlerError,
    MeshError,
    OutcomeUnknownError,
    attribute_of,
    clipped,
    is_a,
    stood_for,
    text_of,
)
from collector_mesh.domain.model.events import HandlerFailed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply, Status, chosen_status
from collector_mesh.domain.ports.observer import Observer
from collector_mesh.domain.ports.randomness import Randomness

_LATE = "deadline exceeded"

_CANCELLED = 499

_SPENT_SECONDS = 0.05
"""What a call may have left, on its own clock, when a call that was made in it has run out of the same time elsewhere."""


class ChosenFailure(Exception):  # noqa: N818  # it is around an error
    """A handler has failed that had chosen a status before, which stands.

    Args:
        error: what it has raised.
        chosen: gives the error for that status, with the text for callers of what it has raised.
    """

    def __init__(self, error: BaseException, chosen: Callable[[str], MeshError]) -> None:
        super().__init__(error)
        self.error = error
        self.chosen = chosen


class HandlerFailures:
    """Makes the replies for handlers that have failed.

    Args:
        collector_id: of this collector.
        dice: makes the ids by which errors are found in the log.
        observer: told of them.
        expose: whether callers see the text of an exception, or such an id.
    """

    def __init__(self, collector_id: str, dice: Randomness, observer: Observer, *, expose: bool) -> None:
        self._collector_id = collector_id
        self._dice = dice
        self._observer = observer
        self._expose = expose

    def reply(
        self,
        key: MethodKey,
        error: BaseException,
        context: CallContext | None,
        *,
        about: CallContext | None = None,
    ) -> Reply:
        """The reply for a handler that has ended by an error, which the observer is told of.

        A `MeshError` that it has raised itself is its answer, and is no news.

        Args:
            key: the method.
            error: what it has raised.
            context: of its call; None where it has raised nothing, and its result is at fault.
            about: the same, for the log alone.
        """
        if is_a(error, ChosenFailure):
            return self._chosen(key, error, context)  # type: ignore[arg-type]  # just looked
        raised = _first_of(error)
        first = stood_for(raised)
        called = attribute_of(first, "called") if is_a(first, MeshError) else ""
        # A call that the handler has made, and that it has not caught the failure of, is not the handler's own code.
        is_nested = type(called) is str and called != ""
        if is_nested and context is not None and _has_used_up(first, context):
            late = clipped(f"{_LATE}: {text_of(first)}" if self._expose else _LATE)
            return Reply(
                Status(DeadlineExceededError.code, late),
                handled_by=self._collector_id,
                executed=Executed.YES,
            )
        if is_nested and context is not None and _is_abandoned(first, context):
            # It was ended because the caller has gone, which is nobody's fault, and nobody waits for the reply.
            return Reply(
                Status(_CANCELLED, "the caller no longer waits for the handler"),
                handled_by=self._collector_id,
                executed=Executed.YES,
            )
        status = None if is_nested or is_a(error, HandlerError) else chosen_status(error)
        if status is None:
            correlation_id = self._dice.token()
            self._observer.tell(
                HandlerFailed(self._collector_id, key, error, correlation_id, **facts_in(context or about))
            )
            shown = correlation_id
            details: Mapping[str, str] = NO_DETAILS
            if self._expose:
                shown = text_of(error if first is raised else first)
                details = _of_nested(first) if is_nested else NO_DETAILS
            status = Status(500, clipped(f"handler error: {shown}"), details)
        return Reply(status, handled_by=self._collector_id, executed=Executed.YES)

    def tell(self, key: MethodKey, error: BaseException) -> None:
        """Tell the observer of an error that changes no reply."""
        told = facts_in(CURRENT.get())
        self._observer.tell(HandlerFailed(self._collector_id, key, error, self._dice.token(), **told))

    def _chosen(self, key: MethodKey, failure: ChosenFailure, context: CallContext | None) -> Reply:
        reply = self.reply(key, failure.error, None, about=context)
        reply.status = chosen_status(failure.chosen(reply.status.message)) or reply.status
        return reply


def _first_of(error: BaseException) -> BaseException:
    """The first error of a group, as one that a task group raises; any other error itself."""
    while is_a(error, BaseExceptionGroup):
        within = attribute_of(error, "exceptions")
        if not isinstance(within, tuple) or not within:
            break
        error = within[0]
    return error


def _has_used_up(error: BaseException, context: CallContext) -> bool:
    """Whether a call that a handler has made has ended because the handler's own time is up."""
    return attribute_of(error, "code") == DeadlineExceededError.code and (
        context.time_remaining() <= _SPENT_SECONDS
    )


def _is_abandoned(error: BaseException, context: CallContext) -> bool:
    """Whether a call that a handler has made was ended because the caller of the handler has gone."""
    return context.is_cancelled and attribute_of(error, "code") in (_CANCELLED, OutcomeUnknownError.code)


def _of_nested(error: BaseException) -> dict[str, str]:
    """What programs are told of a call that has failed in a handler, which has not caught that."""
    told = {"nested_code": "code", "nested_method": "called", "nested_handled_by": "handled_by"}
    return {
        name: clipped(str(attribute_of(error, attribute)), MAX_DETAIL_BYTES)
        for name, attribute in told.items()
    }
