"""A thread for functions of users that are told of something: they may wait, and the loop must not."""

import queue
import threading
from collections.abc import Callable

_LINGER_SECONDS = 1.0
"""How long the thread waits for something to do before it ends."""


class CallbackThread:
    """Calls one function after the other in a daemon thread, which is there only while there is something to do.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.RLock()
        """A signal handler may come in between, in the same thread; then there are two threads for a while."""
        self._runs = False

    def submit(self, function: Callable[[], None]) -> None:
        """Have a function called, which must not raise; here and now if the system gives no thread."""
        self._work.put(function)
        with self._lock:
            if self._runs:
                return
            self._runs = True
        try:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        except RuntimeError:  # there are too many, or the interpreter ends
            with self._lock:
                self._runs = False
            self._empty()
        except BaseException:  # Ctrl-C: it may have started, which makes two of the next
            self._runs = False
            raise

    def _empty(self) -> None:
        while not self._work.empty():
            try:
                function = self._work.get_nowait()
            except queue.Empty:  # another thread was here
                return
            function()

    def _serve(self) -> None:
        while True:
            try:
                function = self._work.get(timeout=_LINGER_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._work.empty():
                        self._runs = False
                        return
                continue
            function()
            # What is waited for next is not to hold what was done last.
            del function
