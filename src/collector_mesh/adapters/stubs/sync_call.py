"""One call through a stub for threads, as gRPC has it: a future, and a call that has code, details and metadata."""

import math
import types
from collections.abc import Callable
from typing import Any

import grpc

from collector_mesh.adapters.stubs.method import seconds_of
from collector_mesh.adapters.stubs.owner import check_callback
from collector_mesh.adapters.stubs.sync_outcome import (
    Pairs,
    SyncRpcError,
    shown_as,
    traceback_of,
)
from collector_mesh.adapters.stubs.sync_work import CANCELLED, SyncWork


class SyncCall(SyncWork, grpc.Call, grpc.Future):  # type: ignore[type-arg]  # it takes none when this runs
    """A call, as a future too; any number of threads may use it."""

    def response(self) -> Any:
        """What the method has given.

        Raises:
            grpc.RpcError: it was no success.
            BaseException: what has kept it from being made.
        """
        outcome = self.outcome_or_raise()
        if outcome.code is grpc.StatusCode.OK:
            return outcome.response
        raise SyncRpcError.of(outcome)

    # As a `grpc.Future`.

    def result(self, timeout: float | None = None) -> Any:
        """See `grpc.Future`; the call goes on where waiting ends early.

        Raises:
            grpc.FutureTimeoutError: it has not ended within `timeout` seconds.
            grpc.FutureCancelledError: it was cancelled by `cancel`.
            grpc.RpcError: it was no success.
            TypeError: `timeout` is no number.
            RuntimeError: this thread cannot wait here; the text says why.
        """
        self.wait(seconds_of(timeout))
        self._check_not_cancelled()
        return self.response()

    def exception(self, timeout: float | None = None) -> Exception | None:
        """See `grpc.Future`, and `result`."""
        self.wait(seconds_of(timeout))
        self._check_not_cancelled()
        outcome = self.outcome()
        if outcome.code is grpc.StatusCode.OK:
            return None
        return outcome.raised or SyncRpcError.of(outcome)

    def traceback(self, timeout: float | None = None) -> types.TracebackType | None:
        """See `grpc.Future`, and `result`."""
        error = self.exception(timeout)
        return None if error is None else traceback_of(error)

    def _check_not_cancelled(self) -> None:
        if self.outcome().is_cancelled:
            raise grpc.FutureCancelledError

    def cancel(self) -> bool:
        """End the call, and cancel its handler; never waits. Whether it had not ended before.

        Raises:
            RuntimeError: it is of the process that this one was forked from.
        """
        return self.stop(CANCELLED)

    def cancelled(self) -> bool:
        """Whether `cancel` has ended it."""
        return self.is_over and self.outcome().is_cancelled

    def running(self) -> bool:
        """Whether it has not ended."""
        return not self.is_over

    def done(self) -> bool:
        """Whether it has ended."""
        return self.is_over

    def add_done_callback(self, fn: Callable[["SyncCall"], object]) -> None:
        """Have a function called with this once it has ended; what it raises is logged.

        It is called in a thread of the channel, where callbacks run one after the other and may wait; here and now
        where the call has ended already.

        Raises:
            TypeError: it cannot be called.
        """
        check_callback(fn)
        self.has_added(lambda: fn(self), even_late=True)

    # As a `grpc.Call`.

    def add_callback(self, callback: Callable[[], object]) -> bool:
        """As `add_done_callback`, without an argument; does nothing, and gives False, where the call has ended."""
        check_callback(callback)
        return self.has_added(callback)

    def is_active(self) -> bool:
        """Whether it has not ended."""
        return not self.is_over

    def time_remaining(self) -> float | None:  # type: ignore[override]  # as grpc documents it
        """Seconds until its time is up, never negative; None if it has no limit, or where that is not known yet."""
        left = self.left()
        return None if left == math.inf else left

    def code(self) -> grpc.StatusCode:
        """The code; waits for the end of the call."""
        self.wait()
        return self.outcome_or_raise().code

    def details(self) -> str:
        """What is said for people; waits for the end of the call."""
        self.wait()
        return self.outcome_or_raise().details

    def initial_metadata(self) -> Pairs:
        """The initial metadata, which come with the reply: waits for the end of the call."""
        self.wait()
        return self.outcome_or_raise().initial

    def trailing_metadata(self) -> Pairs:
        """The trailing metadata; waits for the end of the call."""
        self.wait()
        return self.outcome_or_raise().trailing

    def debug_error_string(self) -> str:
        """What is known beside the code; waits for the end of the call."""
        self.wait()
        return self.outcome_or_raise().debug

    def __repr__(self) -> str:
        if not self.is_over:
            return f"<{type(self).__name__} object>"
        outcome = self.outcome()
        return shown_as(type(self).__name__, outcome.code, outcome.details, outcome.debug)
