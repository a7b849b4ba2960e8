"""A reserve of descriptors: without one, the last of them decide who is served."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress

from collector_mesh.adapters.grpc.connections import Connections, limit

try:
    import resource
except ImportError:  # not there on Windows
    resource = None  # type: ignore[assignment]

_MOST = 16
_SHARE = 8
"""Where few are allowed, an eighth of them."""

_SPARED_SECONDS = 1.0
"""So long at least a connection has for its first request."""

_ROOM = 32
"""Connections that are ended at once."""


class Reserve:
    """Holds some descriptors, and gives them up when there are no others.

    What is given up goes to whoever asks next: a dial to a peer, a connection that waits, a file of a
    handler.
    """

    def __init__(self) -> None:
        self._held: list[int] = []
        self._users = 0

    def begin(self) -> None:
        """Somebody listens: from now on there is a reserve."""
        self._users += 1
        self.look()

    def end(self) -> None:
        """Somebody has ended to listen."""
        self._users -= 1
        if not self._users:
            self._give_up()

    def look(self) -> bool:
        """See whether there are others; give up what is held if not, else fill it up.

        Returns:
            Whether there are none left.
        """
        try:
            while len(self._held) < min(_MOST, max(1, limit() // _SHARE)):
                self._held.append(os.open(os.devnull, os.O_RDONLY))
            # One more than are held, for a moment: so it shows that others can have some.
            os.close(os.dup(self._held[0]))
        except OSError as error:
            self._give_up()
            return error.errno in {errno.EMFILE, errno.ENFILE}
        return False

    def make_room(self) -> None:
        """Somebody is about to need some: a dial fails at once where there are none."""
        if self._users:
            self.look()

    def _give_up(self) -> None:
        while self._held:
            os.close(self._held.pop())


RESERVE = Reserve()
"""That of the process, as descriptors are: whoever listens fills it, whoever dials may use it."""


class Shortage:
    """Ends connections without a request under way where there are no descriptors left, the oldest first.

    Args:
        connections: those of the port.
        is_busy: whether a request of a connection is under way.
        on_short: told how many descriptors there may be, and whose connection had to go, if there was one.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        is_busy: Callable[[str], bool],
        on_short: Callable[[int, str], None],
    ) -> None:
        self._connections = connections
        self._is_busy = is_busy
        self._on_short = on_short
        self._since: dict[str, float] = {}

    def look(self, now: float) -> None:
        """Some time has passed."""
        if not RESERVE.look():
            self._since.clear()
            return
        present = [one for one in self._connections.all() if not self._is_busy(one)]
        self._since = {one: self._since.get(one, now) for one in present}
        idle = sorted(present, key=self._since.__getitem__)
        going = [one for one in idle if now - self._since[one] >= _SPARED_SECONDS][:_ROOM]
        self._connections.end(*going)
        for connection in going or [""]:
            self._on_short(limit(), connection)


def raise_limit() -> None:
    """Have as many as the process may ask for: each connection takes one, and strangers can open many."""
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1 << 20 if hard == resource.RLIM_INFINITY else min(hard, 1 << 20)
    if wanted > limit():
        # Some systems have another limit that they do not tell.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
