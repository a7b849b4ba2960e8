"""A call of a stub for threads on its way: it goes on in the event loop of a collector or a client, and threads wait for it."""

import contextvars
import math
import threading
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import grpc

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.adapters.runtime.posted import Posted
from collector_mesh.adapters.stubs.method import StubMethod
from collector_mesh.adapters.stubs.outcome import LOCALLY_CANCELLED
from collector_mesh.adapters.stubs.sync_outcome import (
    Outcome,
    outcome_of,
)
from collector_mesh.domain.model.errors import MeshError, text_of
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.call_starter import CallStarter, StartedCall

_FOREVER_SECONDS = 1e9
_LATE_SECONDS = 0.25
"""How much later than its deadline a call may end, before whoever waits for it goes on."""

Begin = Callable[[Callable[[Reply], None], float | None], StartedCall | None]

CANCELLED = Outcome(grpc.StatusCode.CANCELLED, LOCALLY_CANCELLED, is_cancelled=True)
LATE = Outcome(
    grpc.StatusCode.DEADLINE_EXCEEDED, "deadline exceeded, and the event loop that is to say so stands still"
)
CHANNEL_CLOSED = Outcome(grpc.StatusCode.CANCELLED, "Channel closed!")


class CallOwner(Protocol):
    """The channel of a call."""

    @property
    def awaited(self) -> str:
        """What code in an event loop uses in place of a stub for threads, as errors name it."""
        ...

    def has_ended(self, call: "SyncWork") -> None:
        """Told when a call has ended, in whichever thread."""
        ...

    def has_failed(self) -> None:
        """Told in a thread that has waited for a call which was no success."""
        ...

    def call_back(self, function: Callable[[], None], bridge: Bridge) -> None:
        """Have a function called that runs callbacks, and never raises."""
        ...

    def callback_failed(self, error: BaseException) -> None:
        """Told what a callback has raised."""
        ...


class MethodOwner(CallOwner, Protocol):
    """The channel of a method, which begins calls."""

    def check_open(self) -> None:
        """See that it is not closed.

        Raises:
            ValueError: it is.
        """
        ...

    def opened(self) -> tuple[Bridge, CallStarter]:
        """The way into the event loop, and who makes calls there.

        Raises:
            ValueError: the channel is closed.
            RuntimeError: the collector or the client is not open.
        """
        ...

    def begins(self, call: "SyncWork") -> None:
        """Take down that a call is under way.

        Raises:
            ValueError: the channel is closed.
        """
        ...


class SyncWork:
    """What a call is beneath its facade; any number of threads may use it.

    Whatever ends it first decides: the reply, a thread that cancels it, the end of its channel.

    Args:
        owner: its channel.
        bridge: the way into the event loop.
        method: what is called.
        begin: begins it, in the loop, given whom to tell of the reply and the seconds that it has.
        timeout: seconds that it may take, None for the default.
    """

    def __init__(
        self,
        owner: CallOwner,
        bridge: Bridge,
        method: StubMethod,
        begin: Begin,
        timeout: float | None,
    ) -> None:
        self._owner = owner
        self._bridge = bridge
        self._method = method
        self._begin: Begin | None = begin
        self._timeout = timeout
        if timeout is not None and timeout > _FOREVER_SECONDS:
            timeout = math.inf  # an int may be more than a float can be
        self._until = None if timeout is None else bridge.now() + timeout
        self._context: contextvars.Context | None = contextvars.copy_context()
        self.ended = threading.Lock()
        """See `Posted`."""
        self.ended.acquire()
        self._first = threading.Lock()
        """Had by whatever has ended the call."""
        self.is_over = False
        self._started: StartedCall | None = None
        self._reply: Reply | None = None
        self._outcomes: list[Outcome] = []
        """The first of them counts: threads that ask at once may each have made one."""
        self._callbacks: deque[Callable[[], object]] = deque()

    # In the loop.

    def go_on(self, _loop: AbstractEventLoop) -> None:
        """Begin; or stop what was begun, where the call has been ended by a thread. See `Posted`."""
        if self.is_over:
            started, self._started = self._started, None
            if started is not None:
                started.cancel()
            return
        context, begin, until = self._context, self._begin, self._until
        if context is None or begin is None:
            return
        try:
            left = None if until is None else max(0.0, until - self._bridge.now())
            started = context.run(begin, self._told, left)
        except RuntimeError as closed:
            # Since the thread has looked: nothing has run.
            self.end(Outcome(grpc.StatusCode.UNAVAILABLE, text_of(closed)))
            return
        except Exception as error:  # noqa: BLE001  # it is raised in the thread that waits
            self.end(Outcome(grpc.StatusCode.UNKNOWN, "the call could not be made", raised=error))
            return
        if not self.is_over:
            self._started = started
        elif started is not None and self._reply is None:
            # A thread has cancelled it meanwhile.
            started.cancel()

    def when_over(self, tell: Callable[[], None]) -> None:
        """See `Posted`."""
        if not self.has_added(tell):
            tell()

    def _told(self, reply: Reply) -> None:
        if self._first.acquire(blocking=False):
            self._reply = reply
            self._finish()

    # In any thread.

    def refuse(self, error: MeshError) -> None:
        """End it before it was begun: the mesh would not take it."""
        self._told(Reply.refused(error))

    def end(self, outcome: Outcome) -> bool:
        """End it here, if it has not ended; whether this has."""
        if not self._first.acquire(blocking=False):
            return False
        self._outcomes.append(outcome)
        self._finish()
        return True

    def stop(self, outcome: Outcome) -> bool:
        """End it here, if it has not ended, and have what was begun of it cancelled; whether this has.

        Raises:
            RuntimeError: it is of the process that this one was forked from.
        """
        self._bridge.check_process()
        if not self.end(outcome):
            return False
        try:
            self._bridge.post(self)
        except RuntimeError:
            # The loop is closed: nothing goes on there.
            self._started = None
        return True

    def _finish(self) -> None:
        self._begin = self._context = None
        self.is_over = True
        self.ended.release()
        self._owner.has_ended(self)
        # Looked at after it was said that the call is over: whoever adds one looks at that afterwards.
        if self._callbacks:
            self._owner.call_back(self._run_callbacks, self._bridge)

    def _run_callbacks(self) -> None:
        while True:
            try:
                callback = self._callbacks.popleft()
            except IndexError:
                return
            try:
                callback()
            except GeneratorExit:  # a simulation is over, and its threads end where they stand
                return
            except BaseException as error:  # noqa: BLE001  # a user's, which must not end the thread
                self._owner.callback_failed(error)

    def post(self) -> None:
        """Have it begun, if it has not ended.

        Raises:
            RuntimeError: it cannot be; the text says why.
        """
        if not self.is_over:
            self._bridge.post(self)

    def wait(self, timeout: float | None = None, *, is_new: bool = False) -> None:
        """Wait until it has ended.

        Args:
            timeout: most seconds; None for no limit.
            is_new: whether it is to be begun first.

        Raises:
            grpc.FutureTimeoutError: it has not ended within that time.
            RuntimeError: this thread cannot wait here; the text says why.
        """
        if self.is_over:
            return
        given, until = timeout, self._until
        if until is not None and until != math.inf:
            left = until + _LATE_SECONDS - self._bridge.now()
            timeout = left if timeout is None else min(left, timeout)
        if not self._bridge.wait(self, timeout, is_new=is_new, awaited=self._owner.awaited):
            if timeout is given:
                raise grpc.FutureTimeoutError
            self.stop(LATE)
            return
        if (reply := self._reply) is None or reply.status is not OK:
            self._owner.has_failed()

    def outcome(self) -> Outcome:
        """How it has ended."""
        if (reply := self._reply) is not None and not self._outcomes:
            self._outcomes.append(outcome_of(self._method, reply))
            self._started = self._reply = None
        return self._outcomes[0]

    def outcome_or_raise(self) -> Outcome:
        """How it has ended.

        Raises:
            BaseException: what has kept it from being made.
        """
        outcome = self.outcome()
        if outcome.raised is not None:
            raise outcome.raised
        return outcome

    def has_added(self, callback: Callable[[], object], *, even_late: bool = False) -> bool:
        """Have a function called once it has ended; False, and nothing is done, if it has.

        Args:
            callback: what it raises is told to the channel.
            even_late: whether it is called here and now where it has ended.
        """
        if self.is_over and not even_late:
            return False
        self._callbacks.append(callback)
        # Looked at last: it may have ended meanwhile, and whoever ends it looks at the callbacks last too.
        if self.is_over:
            self._run_callbacks()
        return True

    def left(self) -> float | None:
        """Seconds until its time is up, never negative; None where that is not known yet."""
        if (started := self._started) is not None:
            return started.time_remaining()
        return None if self._until is None else max(0.0, self._until - self._bridge.now())


if TYPE_CHECKING:
    _fits: type[Posted] = SyncWork
