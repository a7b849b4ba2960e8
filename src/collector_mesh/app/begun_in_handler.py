"""Calls that a handler begins and does not await, as by stubs: they end with the call of the handler."""

from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Callable
from contextlib import suppress

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import DeadlineExceededError, Executed, MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.call_starter import StartedCall

_CANCELLED = 499


class BegunInHandler:
    """One such call. The handler may be one of another event loop, as where its thread has a client.

    Args:
        context: the call that the handler runs for.
        answer: told what comes of it.
        key: the method.
        here: where the call is made.
    """

    __slots__ = ("_answer", "_context", "_here", "_is_over", "_key", "_loop", "_started")

    def __init__(
        self, context: CallContext, answer: Callable[[Reply], None], key: MethodKey, here: str
    ) -> None:
        self._context = context
        self._answer = answer
        self._key = key
        self._here = here
        self._started: StartedCall | None = None
        self._is_over = False
        self._loop = _get_running_loop()

    def settle(self, reply: Reply) -> None:
        """Take its reply."""
        if not self._is_over:
            self._tell(self._end(), reply)

    def begun(self, started: StartedCall | None) -> StartedCall | None:
        """Take down that it is under way; gives what stands for it."""
        if started is None:
            return None
        self._started = started
        if not self._is_over:
            self._context.begins(self)
            # Looked at last: in another thread it may be cancelled meanwhile. A plain handler goes on after that.
            if self._context.is_cancelled:
                self.abandon()
        return self

    def time_remaining(self) -> float:
        """See `StartedCall`."""
        return 0.0 if self._started is None else self._started.time_remaining()

    def cancel(self) -> None:
        """See `StartedCall`."""
        if not self._is_over:
            self._end()
            if self._started is not None:
                self._started.cancel()

    def abandon(self) -> None:
        """End it, since nobody waits for the handler: whoever waits for it hears why. Any thread may call this."""
        if self._loop is None or _get_running_loop() is self._loop:
            self._abandon()
        else:
            with suppress(RuntimeError):  # the loop is closed, and with it the call
                self._loop.call_soon_threadsafe(self._abandon)

    def _abandon(self) -> None:
        if self._is_over:
            return
        answer = self._end()
        if self._started is not None:
            self._started.cancel()
        if self._context.time_remaining() <= 0.0:
            late = DeadlineExceededError("deadline exceeded", executed=Executed.MAYBE)
            self._tell(answer, Reply.refused(late))
            return
        text = "the handler that has made the call was cancelled"
        self._tell(answer, Reply.refused(MeshError(text, code=_CANCELLED, executed=Executed.MAYBE)))

    def _tell(self, answer: Callable[[Reply], None], reply: Reply) -> None:
        if reply.status is not OK:
            # What it raises is told from an error of the handler's own then.
            reply.nested = (self._key, self._here)
        answer(reply)

    def _end(self) -> Callable[[Reply], None]:
        self._is_over = True
        if self._started is not None:
            self._context.ends(self)
        answer, self._answer = self._answer, _untold
        return answer


def _untold(_reply: Reply) -> None:
    """Nobody is told twice."""
