"""What the lifespan of a service has opened, and the calls that use it."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

import attrs

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import NotFoundError
from collector_mesh.domain.serving.handlers import Method


class NotServedError(NotFoundError):
    """A call has come to a handler whose service has been closed meanwhile. The handler does not run."""


class Life:
    """The state of a service in one collector, and the number of calls that use it.

    Calls of a service without a lifespan have nothing to do with it.

    Args:
        lock: held while calls are counted; plain handlers run in threads.
    """

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self.state: Any = None
        """What the lifespan has yielded."""
        self.running = 0
        """Number of calls that use it."""
        self._is_over = False
        self._lock = lock

    def bind(self, method: Method) -> Method:
        """A method whose calls are given the state, and are counted."""
        function = self._plain(method) if method.blocking else self._async(method)
        return attrs.evolve(method, function=function, life=self)

    def end(self) -> None:
        """Let no more calls begin."""
        with self._lock:
            self._is_over = True

    def _async(self, method: Method) -> Callable[[Any, CallContext], Any]:
        async def run(request: Any, context: CallContext) -> Any:
            self._begin(method, context)
            try:
                return await method.function(request, context)
            finally:
                self.leave()

        return run

    def _plain(self, method: Method) -> Callable[[Any, CallContext], Any]:
        def run(request: Any, context: CallContext) -> Any:
            self._begin(method, context)
            try:
                result = method.function(request, context)
            except BaseException:
                self.leave()
                raise
            if hasattr(type(result), "__await__"):
                return _Rest(self, result)
            self.leave()
            return result

        return run

    def enter(self) -> None:
        """A call waits for a thread; until it has one, or is given up, it counts as one that runs."""
        with self._lock:
            self.running += 1

    def _begin(self, method: Method, context: CallContext) -> None:
        with self._lock:
            if self._is_over:
                raise NotServedError(f"method {method.key} is no longer served")
            self.running += 1
        context.state = self.state

    def leave(self) -> None:
        """A call uses it no longer."""
        with self._lock:
            self.running -= 1


class _Rest:
    """What a plain handler has given that is to be awaited: until then, the call is running."""

    __slots__ = ("_life", "_rest")

    def __init__(self, life: Life, rest: Awaitable[Any]) -> None:
        self._life = life
        self._rest = rest

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            return (yield from self._rest.__await__())
        finally:
            self._life.leave()

    def close(self) -> None:
        """Nobody awaits it."""
        if hasattr(type(self._rest), "close"):
            self._rest.close()  # type: ignore[attr-defined]  # just looked
        self._life.leave()
