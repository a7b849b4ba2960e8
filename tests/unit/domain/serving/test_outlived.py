"""What handlers hold whose callers have gone."""

import gc

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.serving.outlived import Outlived

KEY = MethodKey("users", "UserService", "Echo")


def started(size: int) -> CallContext:
    context = CallContext(Call(KEY, Payload("type", bytes(size))), "a", lambda: 0.0)
    context.has_started = True
    return context


def test_a_handler_counts_from_when_nobody_waits_until_it_has_ended() -> None:
    outlived = Outlived()
    first, second = started(100), started(10)

    outlived.leave(first)
    outlived.leave(second)
    held = outlived.held_bytes
    first.has_ended = True

    assert (held, outlived.held_bytes) == (110, 10)
    assert first.is_cancelled


def test_one_that_has_ended_or_never_starts_does_not_count() -> None:
    outlived = Outlived()
    ended, never = started(100), started(100)
    ended.has_ended, never.has_started = True, False

    outlived.leave(ended)
    outlived.leave(never)

    assert outlived.held_bytes == 0


def test_what_is_counted_is_not_kept_by_that() -> None:
    outlived = Outlived()
    context = started(100)
    outlived.leave(context)

    del context
    gc.collect()

    assert outlived.held_bytes == 0
