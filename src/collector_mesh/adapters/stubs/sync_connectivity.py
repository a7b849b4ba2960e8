"""Tells whoever has subscribed to a channel for threads whether it can be used, as grpc's own channels do."""

import threading
from collections.abc import Callable

import grpc

_LOOK_SECONDS = 0.2
"""How often is looked, which is as often as grpc does."""

Told = Callable[[grpc.ChannelConnectivity], object]
Look = Callable[[bool], grpc.ChannelConnectivity]


class _Subscriber:
    """Somebody who is told."""

    __slots__ = ("callback", "last")

    def __init__(self, callback: Told) -> None:
        self.callback = callback
        self.last: grpc.ChannelConnectivity | None = None
        """What it was told last."""


class Connectivity:
    """Looks again and again, in a daemon thread that there is as long as somebody has subscribed.

    Args:
        look: gives the state; its argument is whether to connect. It may wait.
        failed: told what a callback has raised.
    """

    def __init__(self, look: Look, failed: Callable[[BaseException], None]) -> None:
        self._look = look
        self._failed = failed
        self._lock = threading.RLock()
        self._subscribers: list[_Subscriber] = []
        self._wants = False
        """Whether to connect."""
        self._changed = threading.Event()
        self._runs = False

    def subscribe(self, callback: Told, *, try_to_connect: bool) -> None:
        """Have a function told of the state as it is, and of each change, in the thread for that."""
        with self._lock:
            self._subscribers.append(_Subscriber(callback))
            self._wants = self._wants or try_to_connect
            self._changed.set()
            if self._runs:
                return
            threading.Thread(target=self._watch, name="collector-mesh-connectivity", daemon=True).start()
            self._runs = True

    def unsubscribe(self, callback: Told) -> None:
        """Tell a function no more; has no effect for one that has not subscribed."""
        with self._lock:
            for subscriber in self._subscribers:
                if subscriber.callback == callback:
                    self._subscribers.remove(subscriber)
                    break
            self._changed.set()

    def close(self) -> None:
        """Tell nobody anything more."""
        with self._lock:
            self._subscribers.clear()
            self._changed.set()

    def _watch(self) -> None:
        while True:
            with self._lock:
                if not self._subscribers:
                    self._runs = False
                    return
                wants, self._wants = self._wants, False
                self._changed.clear()
            state = self._look(wants)
            with self._lock:
                told = [each for each in self._subscribers if each.last is not state]
            for subscriber in told:
                subscriber.last = state
                try:
                    subscriber.callback(state)
                except BaseException as error:  # noqa: BLE001  # a user's, which must not end the thread
                    self._failed(error)
            if state is grpc.ChannelConnectivity.SHUTDOWN:
                self.close()
            self._changed.wait(_LOOK_SECONDS)
