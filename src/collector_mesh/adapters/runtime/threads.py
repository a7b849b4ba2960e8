"""A bounded pool of daemon threads."""

import queue
import threading
from collections.abc import Callable

from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.policies.concurrency import RETRY_AFTER


class DaemonThreads:
    """Runs plain functions, a limited number at once; it never queues.

    The threads are daemons, which `concurrent.futures` does not offer: a handler that never returns
    must not keep the process from ending.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()

    @property
    def busy(self) -> int:
        """Threads that are running a function."""
        return self._taken

    def submit(self, function: Callable[[], None]) -> None:
        """Run a function, which must not raise, in a thread.

        Raises:
            OverloadedError: every thread is taken, or there can be no more.
        """
        with self._lock:
            if self._taken >= self._limit:
                raise OverloadedError.after(RETRY_AFTER)
            if self._threads <= self._taken:
                name = f"collector-mesh-handler-{self._threads + 1}"
                try:
                    threading.Thread(target=self._serve, name=name, daemon=True).start()
                except RuntimeError as error:  # the system gives no more
                    raise OverloadedError.after(RETRY_AFTER) from error
                self._threads += 1
            self._taken += 1
        self._work.put(function)

    def close(self) -> None:
        """Let the threads end once they are idle."""
        with self._lock:
            for _ in range(self._threads):
                self._work.put(None)
            self._threads = 0

    def _serve(self) -> None:
        while (function := self._work.get()) is not None:
            function()
            with self._lock:
                self._taken -= 1
