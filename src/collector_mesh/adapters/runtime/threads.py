"""Daemon threads for plain functions, no more of them than there are functions at once."""

import queue
import threading
from collections.abc import Callable

from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.policies.concurrency import RETRY_AFTER

_Work = tuple[Callable[[], None], Callable[[], None]]


class DaemonThreads:
    """Runs plain functions at once, each in a thread; how many there may be is for others to say.

    The threads are daemons, which `concurrent.futures` does not offer: a handler that never returns
    must not keep the process from ending.

    Args:
        kept: threads that are kept for later when they have nothing to do.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._taken = 0
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads = 0
        self._made = 0
        self._lock = threading.Lock()

    @property
    def threads(self) -> int:
        """Threads that there are."""
        return self._threads

    def submit(self, function: Callable[[], None], ended: Callable[[], None]) -> None:
        """Run a function, which must not raise, in a thread, and then, when the thread is free, `ended`.

        Raises:
            OverloadedError: the system gives no more threads.
        """
        with self._lock:
            if self._threads <= self._taken:
                self._made += 1
                name = f"collector-mesh-handler-{self._made}"
                try:
                    threading.Thread(target=self._serve, name=name, daemon=True).start()
                except RuntimeError as error:  # the system gives no more
                    raise OverloadedError.after(RETRY_AFTER) from error
                self._threads += 1
            self._taken += 1
            self._work.put((function, ended))

    def close(self) -> None:
        """Let the threads end once they are idle."""
        with self._lock:
            for _ in range(self._threads):
                self._work.put(None)
            self._threads = 0

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            function, ended = work
            function()
            with self._lock:
                self._taken -= 1
                # Whatever was submitted meanwhile has another thread.
                goes = self._threads > max(self._kept, self._taken)
                self._threads -= goes
            ended()
            # What is waited for next is not to hold what was done last.
            del work, function, ended
            if goes:
                return
