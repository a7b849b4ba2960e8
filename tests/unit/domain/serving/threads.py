"""Threads and tasks that go on when a test says so, each in a context of its own."""

import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import attrs

from collector_mesh.app.testing.fakes import FakePromise, FakeTasks
from collector_mesh.domain.ports.tasks import Job, Started, ThreadUse

T = TypeVar("T")


class Cancelled(BaseException):
    """As that of a loop."""


class Work:
    """A coroutine that has come to its first wait, or has ended."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_over = False
        self._work = work
        self._context = contextvars.copy_context()
        self._ended: Callable[[], None] = _nothing
        self._settle: Callable[[Any, BaseException | None], None] = _nothing
        self.step()

    def step(self) -> None:
        """Have it go on until it waits again."""
        if not self.is_over:
            self._take(lambda: self._work.send(None))

    def cancel(self) -> None:
        """Cancel it, as a task is; nobody is told what comes of it."""
        self._settle = _nothing
        if not self.is_over:
            self._take(lambda: self._work.throw(Cancelled()))

    def go_on(
        self,
        deadline: float,
        ended: Callable[[], None],
        settle: Callable[[Any, BaseException | None], None],
    ) -> Job:
        """See the port `Started`."""
        _ = deadline
        self._ended, self._settle = ended, settle
        return self

    def end(self, error: BaseException) -> None:
        """End it with an error that is not its own, as a deadline does."""
        settle = self._settle
        self.cancel()
        settle(None, error)

    def _take(self, go: Callable[[], object]) -> None:
        try:
            self._context.run(go)
        except StopIteration as ended:
            self.result = ended.value
        except BaseException as error:  # noqa: BLE001  # it is looked at by the test
            self.error = error
        else:
            return
        self.is_over = True
        self._ended()
        self._settle(self.result, self.error)


def _nothing(*_: object) -> None:
    """Nobody is told."""


@attrs.define(eq=False)
class Thread:
    """A thread that has a function, and runs it when it is told to."""

    function: Callable[[], Any]
    use: ThreadUse
    outcome: FakePromise = attrs.field(factory=FakePromise)

    def end(self) -> None:
        """Run the function."""
        result = self.function()
        self.use.end()
        self.outcome.set_result(result)


@attrs.define
class Threads(FakeTasks):
    """Has threads, and begins work that may wait."""

    threads: list[Thread] = attrs.field(factory=list)
    begun: list[Work] = attrs.field(factory=list)
    waits: list[Work] = attrs.field(factory=list)

    def is_cancellation(self, error: BaseException) -> bool:
        """See the port."""
        return isinstance(error, Cancelled)

    async def in_thread(self, function: Callable[[], T], use: ThreadUse) -> T:
        """See the port; the function runs when its thread is ended."""
        thread = Thread(function, use)
        self.threads.append(thread)
        result: T = await thread.outcome
        return result

    def begin(self, work: Coroutine[Any, Any, T]) -> T | Started[T]:
        """See the port."""
        if self.error is not None:
            work.close()
            raise self.error
        begun = Work(work)
        if not begun.is_over:
            self.begun.append(begun)
            return begun
        if begun.error is not None:
            raise begun.error
        given: T = begun.result
        return given

    def wait_in_thread(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """See the port; it does not wait, and the result is that of the work in `waits`."""
        self.waits.append(Work(work()))
        result: T = self.waits[-1].result
        return result
