"""What threads have go on in an event loop without waiting for it; see `Bridge.post`."""

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol


class Posted(Protocol):
    """Something of the kind."""

    @property
    def ended(self) -> threading.Lock:
        """Held until it is over."""
        ...

    def go_on(self, loop: asyncio.AbstractEventLoop) -> object:
        """Called in the loop, once for each time that it was posted; it must not raise."""
        ...

    def when_over(self, tell: Callable[[], None]) -> None:
        """Have something called once it is over, perhaps at once; used where the loop is a simulated one."""
        ...


class PostedCallback:
    """Has a simulated loop call a function in a thread of its own.

    Args:
        function: must not raise.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self.ended = threading.Lock()
        """Of no use here: nobody waits."""

    def go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """See `Posted`."""
        loop.run_in_executor(None, self._function)

    def when_over(self, tell: Callable[[], None]) -> None:
        """See `Posted`."""
        tell()


async def gone_on(posted: Posted, loop: asyncio.AbstractEventLoop) -> None:
    """What a thread of a simulated loop waits for that posts something."""
    posted.go_on(loop)


async def is_over(posted: Posted, timeout: float | None) -> bool:
    """What a thread of a simulated loop waits for that waits for something: whether that is over within a time."""
    over = asyncio.get_running_loop().create_future()

    def tell() -> None:
        if not over.done():
            over.set_result(None)

    posted.when_over(tell)
    done, _ = await asyncio.wait([over], timeout=timeout)
    return bool(done)


if TYPE_CHECKING:
    _fits: type[Posted] = PostedCallback
