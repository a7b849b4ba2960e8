"""A service on its way to be served."""

import asyncio
import concurrent.futures
from collections.abc import Generator
from typing import Any


class Added:
    """A service that was added, or is being added; await it to know that its methods are served.

    Nobody has to: a service that fails is logged.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self._outcome: concurrent.futures.Future[None] = concurrent.futures.Future()
        if at_once:
            self._outcome.set_result(None)

    def __await__(self) -> Generator[Any, Any, None]:
        """Wait until it is served.

        Raises:
            LifespanError: its lifespan could not be opened, or it was removed before that.
            DuplicateMethodError: one of its methods was registered meanwhile.
        """
        return self._wait().__await__()

    def result(self, timeout: float | None = None) -> None:
        """The same for another thread than that of the collector.

        Raises:
            TimeoutError: that takes longer than `timeout` seconds.
            Exception: as for `await`.
        """
        self._outcome.result(timeout)

    def settle(self, error: BaseException | None = None) -> None:
        """It is served, or it has failed."""
        if not self._outcome.done():
            if error is None:
                self._outcome.set_result(None)
            else:
                self._outcome.set_exception(error)

    async def _wait(self) -> None:
        await asyncio.shield(asyncio.wrap_future(self._outcome))
