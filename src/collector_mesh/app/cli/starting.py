"""A call through a collector that is about to start: whoever types `serve` and `dispatch` in a row need not wait between them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import DeadlineExceededError, Executed, UnavailableError

if TYPE_CHECKING:
    from collector_mesh.domain.model.status import Reply

START_SECONDS = 5.0
"""How long a call is tried again, within its own time, while no program listens.

Source: as long as a collector has a call wait for a peer that is being dialed (`wait_for_peer`).
"""

_AGAIN_SECONDS = 0.1


async def once_it_listens(
    call: "Callable[[float | None], Awaitable[Reply]]", timeout: float | None
) -> "Reply":
    """Call; while no program listens where the call would go, call again.

    Args:
        call: makes the call, within a number of seconds; None is the default.
        timeout: seconds for all of it.
    """
    now = asyncio.get_running_loop().time
    began = now()
    reply = await call(timeout)
    while is_refused(reply):
        spent = now() - began + _AGAIN_SECONDS
        if spent >= START_SECONDS or (timeout is not None and spent >= timeout):
            break
        await asyncio.sleep(_AGAIN_SECONDS)
        again = await call(None if timeout is None else timeout - spent)
        if again.is_own and again.executed is Executed.NO and again.status.code == DeadlineExceededError.code:
            # What was found before says more than that the time was up.
            break
        reply = again
    return reply


def is_refused(reply: "Reply") -> bool:
    """Whether a call was not sent, because no program listens at an address that it could go to."""
    from collector_mesh.adapters.grpc.failures import Kind

    # A collector may say the same of its peers; it has waited for them already.
    return (
        reply.is_own
        and reply.executed is Executed.NO
        and reply.status.code == UnavailableError.code
        and Kind.REFUSED.value in reply.status.message
    )
