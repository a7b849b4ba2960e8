"""An event loop in a thread of its own, and what ends its beginning early."""

import threading

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.runtime.loop_thread import LoopThread


def test_an_interrupt_while_the_thread_begins_ends_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[threading.Thread] = []
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        begun.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)

    with pytest.raises(KeyboardInterrupt):
        LoopThread("interrupted")

    begun[0].join(LIMIT_SECONDS)
    assert not begun[0].is_alive()


def test_where_there_is_no_thread_the_error_is_that_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)

    with pytest.raises(RuntimeError, match="can't start new thread"):
        LoopThread("refused")
