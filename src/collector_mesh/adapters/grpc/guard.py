"""What watches over a port: requests that do not arrive, connections for nothing, descriptors."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from collector_mesh.adapters.grpc.arrivals import Arrivals
from collector_mesh.adapters.grpc.backlog import Backlog
from collector_mesh.adapters.grpc.connections import Connections
from collector_mesh.adapters.grpc.descriptors import RESERVE, Shortage
from collector_mesh.adapters.grpc.door import Door
from collector_mesh.adapters.grpc.notices import Notices
from collector_mesh.domain.policies.open_streams import StreamLimits

_LOOK_SECONDS = 0.5


class Guard:
    """Looks after everything that strangers can use up, twice a second.

    Args:
        notices: tells what it has to do.
        has_tls: whether hands are shaken.

    Attributes:
        door: what every request passes.
        is_own: whether a connection was opened by the listener itself; set by whoever knows.
    """

    def __init__(self, notices: Notices, *, has_tls: bool) -> None:
        self._notices = notices
        self._connections = Connections(0)
        self.is_own: Callable[[str], bool] = lambda _connection: False
        self._arrivals = Arrivals(
            self._connections,
            on_refused=notices.handshake_refused,
            is_own=self._is_own,
        )
        self.door = Door(
            on_limit=notices.limit,
            on_defect=notices.defect,
            on_request=self._arrivals.heard if has_tls else _ignore,
            end_connections=self._connections.end,
            limits=StreamLimits(),
        )
        self._backlog = Backlog(
            self._connections,
            self.door.streams_open,
            on_limit=partial(notices.limit, "incomplete_requests"),
        )
        self._shortage = Shortage(
            self._connections, is_busy=self.door.is_busy, on_short=partial(notices.limit, "descriptors")
        )

    def shaking_hands(self) -> None:
        """Somebody has connected; called in any thread."""
        present = self._arrivals.scan()
        if present is not None:
            self._notices.in_loop(lambda: self._arrivals.seen(present, self._now()))

    async def watch(self, port: int) -> None:
        """Look after a port for as long as this runs."""
        self._connections.port = port
        RESERVE.begin()
        next_look = self._now()
        try:
            while True:
                next_look = max(next_look + _LOOK_SECONDS, self._now())
                while (left := next_look - self._now()) > 0:
                    self.door.has_begun.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(left):
                            if not self._backlog.is_much:
                                await self.door.has_begun.wait()
                            await asyncio.sleep(self._backlog.pause)
                    self._look(self._backlog.look)
                for look in (self.door.look, self._arrivals.look, self._shortage.look):
                    self._look(look)
        finally:
            RESERVE.end()

    def _look(self, look: Callable[[float], None]) -> None:
        try:
            look(self._now())
        except Exception as error:  # noqa: BLE001  # the others are looked after all the same
            self._notices.defect("the guard of a port", error)

    def _is_own(self, connection: str) -> bool:
        return self.is_own(connection)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _ignore(_connection: str) -> None:
    pass
