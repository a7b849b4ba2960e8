"""A link as the dispatcher uses it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.tasks import Promise


class PeerLink:
    """The way to whoever is at the other end of a link.

    Args:
        engine: the link.
        address: where it leads to.
        promise: makes what is awaited for a reply.
    """

    def __init__(self, engine: LinkEngine, address: str, promise: Callable[[], "Promise[Reply]"]) -> None:
        self.engine = engine
        self.address = address
        self._promise = promise

    async def serve(self, call: Call) -> Reply:
        """See the port; what goes wrong is a reply."""
        return await self._send(call, Mode.SERVE)

    async def dispatch(self, call: Call) -> Reply:
        """See the port; what goes wrong is a reply."""
        return await self._send(call, Mode.DISPATCH)

    async def aclose(self, *, grace: float = 0.0) -> None:  # noqa: ARG002  # the engine waits for what is under way
        """See the port."""
        self.engine.tell_draining()
        self.engine.retire("no longer needed")

    async def _send(self, call: Call, mode: Mode) -> Reply:
        promise = self._promise()

        def settle(reply: Reply) -> None:
            # Whoever awaits it may have been cancelled, and not have run since.
            if not promise.done():
                promise.set_result(reply)

        sent = SentCall(call, mode, settle)
        self.engine.send(sent)
        try:
            return await promise
        except BaseException:
            self.engine.cancel(sent)
            raise


if TYPE_CHECKING:
    _fits: type[Link] = PeerLink
