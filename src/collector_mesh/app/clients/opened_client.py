"""What a client for threads has once it was used: an event loop, and a client there that is awaited."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.adapters.runtime.loop_thread import LoopThread
from collector_mesh.app.clients.client import MeshClient
from collector_mesh.app.clients.client_calls import ClientCalls

if TYPE_CHECKING:
    from collector_mesh.domain.calls.watched_client import WatchedClientLink
    from collector_mesh.domain.peers.client_link import ClientLink

AWAITED = "a MeshClient, and await client.call(...)"
FORKED = (
    "it was used before the fork. Use it first in the child, as where a worker starts, or start processes with"
    " 'spawn': gRPC does not work in a process that was forked from one that has used it"
)


class InnerClient(MeshClient):
    """The client that another one has; that one warns where it is never closed."""

    async def __aenter__(self) -> Self:
        """As that of a `MeshClient`."""
        await self._begin()
        return self

    async def __aexit__(self, *_failure: object) -> None:
        """As that of a `MeshClient`."""
        await self._end()


class OpenedClient:
    """What a client has once it was used.

    Args:
        what: the client, as errors name it.
        client: the one that is awaited; it is entered here.
        loop: the event loop that it has to run in; anything else stands for one in a thread of its own.

    Raises:
        Exception: what the client raises where it is entered; nothing is left open then.
    """

    def __init__(self, what: str, client: MeshClient, loop: object) -> None:
        self.client = client
        self._thread: LoopThread | None = None
        if not isinstance(loop, asyncio.AbstractEventLoop):
            self._thread = LoopThread("collector-mesh-client")
            loop = self._thread.loop
        self._loop = loop
        try:
            self.bridge = Bridge(what, loop, awaited=AWAITED, forked=FORKED)
            self.bridge.run(client.__aenter__)
        except BaseException:
            if self._thread is not None:
                self._thread.end_soon()
            raise
        self.link: ClientLink | WatchedClientLink = client.container.calling()
        self.calls = ClientCalls(client.container)

    def close(self) -> None:
        """Close the client in its loop, and wait for that."""
        try:
            self.bridge.run(self._leave)
        except RuntimeError:
            # Its loop has ended, as that of a test's collectors may; nothing is left there.
            if self._loop.is_running():
                raise
        finally:
            if self._thread is not None:
                self._thread.end()

    def abandon(self) -> None:
        """Have the client closed in its loop; nobody waits for it, and this may be the loop's own thread."""
        if self._thread is not None:
            self._thread.end_soon(self._leave)
        else:
            with suppress(RuntimeError):  # the loop is closed
                asyncio.run_coroutine_threadsafe(self._leave(), self._loop)

    async def _leave(self) -> None:
        await self.client.__aexit__(None, None, None)
