"""An event loop in a thread of its own, for programs that have none."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

_JOIN_SECONDS = 5.0
"""How long whoever ends it waits for the thread, which is a daemon: a look-up of a name may still hold it."""


class LoopThread:
    """Runs an event loop until it is ended. The thread is a daemon, so that it keeps no process from ending.

    Args:
        name: of the thread.

    Raises:
        RuntimeError: the system gives no thread.
    """

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self.loop.close()
            raise
        except BaseException:
            # Ctrl-C: it runs already, or begins to.
            self.end_soon()
            raise

    def end(self) -> None:
        """End the loop, cancel what is left in it, and wait until it is closed, but not for ever."""
        self.end_soon()
        if threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_SECONDS)

    def end_soon(self, last: Callable[[], Coroutine[Any, Any, object]] | None = None) -> None:
        """Have the loop end by itself; nobody waits for it.

        Args:
            last: what is done there before.
        """

        async def finish() -> None:
            try:
                if last is not None:
                    await last()
            finally:
                self._ending.set()

        def begin() -> None:
            self._last = self.loop.create_task(finish())

        with suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(begin)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        await self._ending.wait()
