"""Signals that come in the middle of what a test does; SIGALRM and its timers are those of pytest's timeouts."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def handling(handler: Callable[[], object]) -> Iterator[Callable[[float], None]]:
    """Have a handler called in the main thread, once for each call of what is given, after so many seconds.

    One signal at a time: with more of them a slow machine would do nothing but handle them.
    """
    never = threading.Event()
    main = threading.main_thread().ident or 0
    senders: list[threading.Thread] = []

    def send(seconds: float) -> None:
        never.wait(seconds)
        signal.pthread_kill(main, signal.SIGUSR1)

    def start(seconds: float) -> None:
        senders.append(threading.Thread(target=send, args=(seconds,)))
        senders[-1].start()

    before = signal.signal(signal.SIGUSR1, lambda *_: handler())
    try:
        yield start
    finally:
        for sender in senders:
            sender.join()
        signal.signal(signal.SIGUSR1, before)
