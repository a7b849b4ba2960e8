"""What one end of a link has to tell beside calls."""

from collections.abc import Callable
from itertools import islice

from collector_mesh.domain.model.frames import Catalog, Control, Goodbye, Greeting, Heartbeat, Hello
from collector_mesh.domain.model.reach import Reach

MAX_REACH = 256
"""Most collectors that one frame tells of."""


class Notices:
    """Collects it until a frame is written; each thing is told once, however often it was asked for."""

    __slots__ = ("catalog", "draining", "draining_seen", "greeting", "hello", "pong", "reach")

    def __init__(self) -> None:
        self.hello: Hello | None = None
        self.greeting: Greeting | None = None
        self.pong: Heartbeat | None = None
        self.catalog = False
        """Whether the other side has an old one."""
        self.draining = False
        self.draining_seen = False
        self.reach: dict[str, Reach] = {}
        """News of who can be reached through this side, by id."""

    def wait(self, *, is_open: bool) -> bool:
        """Whether there is something to tell now; a catalog goes only over a link that is open."""
        return (
            self.draining
            or self.draining_seen
            or self.pong is not None
            or self.hello is not None
            or self.greeting is not None
            or ((self.catalog or bool(self.reach)) and is_open)
        )

    def take(
        self,
        catalog: Callable[[], Catalog],
        ping: Heartbeat | None,
        goodbye: Goodbye | None,
        *,
        is_open: bool,
    ) -> Control | None:
        """All of it, with a ping and a goodbye if there are any, or None if there is nothing."""
        if ping is None and goodbye is None and not self.wait(is_open=is_open):
            return None
        control = Control(
            hello=self.hello,
            greeting=self.greeting,
            catalog=catalog() if self.catalog and is_open else None,
            ping=ping,
            pong=self.pong,
            draining=self.draining,
            draining_seen=self.draining_seen,
            goodbye=goodbye,
            reach=self._some_reach() if self.reach and is_open else (),
        )
        self.hello = self.greeting = self.pong = None
        self.draining = self.draining_seen = False
        if control.catalog is not None:
            self.catalog = False
        return control

    def _some_reach(self) -> tuple[Reach, ...]:
        """As much news as goes into one frame."""
        some = tuple(islice(self.reach.values(), MAX_REACH))
        for reach in some:
            del self.reach[reach.collector_id]
        return some
