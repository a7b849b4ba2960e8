"""Passes on what is recorded, in a thread of its own: whoever takes it may be slow, hang, or not be there."""

import asyncio
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MOST_WAITING = 2048
"""Of what waits; what comes on top is lost, and counted."""

TOO_MANY = f"more than {MOST_WAITING} spans wait for the receiver"
STILL_WAITING = "the receiver had not taken all of them in time"
"""Failures of which no exporter tells."""

_BATCH = 512
_GATHER_SECONDS = 1.0
"""How long what has come first waits for more."""

_IDLE_SECONDS = 30.0
"""After which the thread ends; it begins anew when something comes."""

_LOOK_SECONDS = 0.005


class Export(Generic[T]):
    """Takes things in any thread, never waits, and has them exported in another one, several at a time.

    Args:
        export: exports some; raises where that fails. It may take as long as it likes.
        name: of the thread.
    """

    def __init__(self, export: Callable[[Sequence[T]], None], name: str) -> None:
        self._export = export
        self._name = name
        self._begin()
        _EXPORTS.add(self)

    def _begin(self) -> None:
        """Have nothing, which is what a forked process has too: what waits is that of the other one."""
        self._queue: queue.Queue[T] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._flushes = 0
        self.lost = 0
        """Things that were taken, or came, and were not passed on."""
        self._lost_before = 0
        self.failure = ""
        """Why what was taken last is lost, or waits for long; empty where nothing is and does."""

    def put(self, thing: T) -> None:
        """Take something."""
        with self._lock:
            try:
                self._queue.put_nowait(thing)
            except queue.Full:
                self.lost += 1
                self.failure = self.failure or TOO_MANY
                return
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    async def flush(self, timeout: float) -> bool:
        """Wait until everything has been passed on, for at most so many seconds; gives whether it has been."""
        until = time.monotonic() + timeout
        self._flushes += 1
        self._hurry.set()
        try:
            while self._queue.unfinished_tasks:
                if time.monotonic() >= until:
                    self.failure = self.failure or STILL_WAITING
                    return False
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._flushes -= 1
            if not self._flushes:
                self._hurry.clear()
        return True

    def _run(self) -> None:
        while True:
            try:
                things = [self._queue.get(timeout=_IDLE_SECONDS)]
            except queue.Empty:
                with self._lock:
                    if self._queue.empty():
                        self._thread = None
                        return
                continue
            self._hurry.wait(_GATHER_SECONDS)
            while len(things) < _BATCH:
                try:
                    things.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            try:
                self._export(things)
            except BaseException as error:  # noqa: BLE001  # an exporter may raise anything
                self.failure = str(error) or type(error).__name__
                with self._lock:
                    self.lost += len(things)
                    self._lost_before = self.lost
            else:
                with self._lock:
                    # A receiver that takes some of it is not back while others are lost.
                    if self.lost == self._lost_before:
                        self.failure = ""
                    self._lost_before = self.lost
            for _ in things:
                self._queue.task_done()
            del things


_EXPORTS: "weakref.WeakSet[Export[Any]]" = weakref.WeakSet()
"""Of the process: a fork changes all of them."""


def _after_fork() -> None:
    for export in _EXPORTS:
        export._begin()  # noqa: SLF001  # of the same module


if hasattr(os, "register_at_fork"):  # which Windows has not, as it has no forks
    os.register_at_fork(after_in_child=_after_fork)
