"""What `dispatch` does while the collector that it calls has not started yet."""

import pytest

from collector_mesh.adapters.grpc.failures import Kind
from collector_mesh.app.cli.starting import once_it_listens
from collector_mesh.domain.model.errors import DeadlineExceededError, Executed, UnavailableError
from collector_mesh.domain.model.status import OK, Reply, Status

REFUSED = Reply.refused(UnavailableError(f"127.0.0.1:1: {Kind.REFUSED.value}", executed=Executed.NO))
TOO_LATE = Reply.refused(DeadlineExceededError("deadline exceeded", executed=Executed.NO))
DONE = Reply(OK)


class Calls:
    """Calls with replies that are given; the last one stays."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self.timeouts: list[float | None] = []

    async def __call__(self, timeout: float | None) -> Reply:
        self.timeouts.append(timeout)
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


@pytest.mark.asyncio
async def test_a_call_is_made_again_while_no_program_listens() -> None:
    calls = Calls(REFUSED, REFUSED, DONE)

    assert await once_it_listens(calls, None) is DONE
    assert calls.timeouts == [None, None, None]


@pytest.mark.asyncio
async def test_that_takes_no_longer_than_the_call_may() -> None:
    calls = Calls(REFUSED)

    assert await once_it_listens(calls, 0.25) is REFUSED
    assert calls.timeouts[0] == 0.25
    assert all(timeout is not None and 0 < timeout < 0.25 for timeout in calls.timeouts[1:])


@pytest.mark.asyncio
async def test_a_last_try_that_comes_too_late_does_not_hide_why() -> None:
    assert await once_it_listens(Calls(REFUSED, TOO_LATE), 60.0) is REFUSED


@pytest.mark.parametrize(
    "reply",
    [
        TOO_LATE,
        Reply(Status(503, f"dialed 127.0.0.1:1: {Kind.REFUSED.value}")),
        Reply.refused(UnavailableError(Kind.REFUSED.value, executed=Executed.MAYBE)),
        Reply.refused(UnavailableError(Kind.UNTRUSTED.value, executed=Executed.NO)),
    ],
    ids=["too late", "of a collector", "may have run", "not trusted"],
)
@pytest.mark.asyncio
async def test_whatever_else_comes_of_a_call_is_its_outcome(reply: Reply) -> None:
    calls = Calls(reply, DONE)

    assert await once_it_listens(calls, None) is reply
