"""What one end of a link has to tell beside calls."""

from collections import deque
from collections.abc import Callable, Iterable

import attrs

from collector_mesh.domain.link.catalogs import Budget, Offering
from collector_mesh.domain.link.held import HeldCalls
from collector_mesh.domain.link.sizes import (
    MAX_PIECE,
    PIECE_BYTES,
    REACH_MEMORY,
    REACH_OF_A_FRAME,
    info_bytes,
    reach_bytes,
)
from collector_mesh.domain.model.frames import (
    Asked,
    Catalog,
    CatalogChange,
    Control,
    Goodbye,
    Greeting,
    Heartbeat,
    Hello,
)
from collector_mesh.domain.model.reach import Reach


class Notices:
    """Collects it until a frame is written; each thing is told once, however often it was asked for."""

    __slots__ = (
        "_rests", "_told_reach", "asks", "catalog", "draining", "draining_seen", "greeting", "hello", "may_wait", "offering", "pong", "reach", "renew", "takes_pieces", "whole_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.may_wait = False
        """Whether to ask `wait` at all, which few frames need: what is added says so."""
        self.hello: Hello | None = None
        self.greeting: Greeting | None = None
        self.pong: Heartbeat | None = None
        self.offering = Offering()
        self.catalog = False
        """Whether the other side has an old one."""
        self.takes_pieces = True
        """Whether the other side takes catalogs and news in pieces;"""
        self.whole_bytes = 0
        """if not, how many bytes of a catalog it takes at once."""
        self.draining = False
        self.draining_seen = False
        self.renew = False
        self.reach: dict[str, Reach] = {}
        """News of who can be reached through this side, by id."""
        self.asks: deque[HeldCalls] = deque()
        """Lost links for whose calls the other side is asked."""
        self._rests: deque[tuple[Reach, int]] = deque()
        """News that were told in part, and how many of their methods."""
        self._told_reach: dict[str, Reach] = {}
        """News that were told as a whole."""

    @property
    def held_bytes(self) -> int:
        """What is kept of the news that wait, and of those that were told, about."""
        return REACH_MEMORY * (len(self.reach) + len(self._rests) + len(self._told_reach))

    def add(
        self,
        *,
        hello: Hello | None = None,
        greeting: Greeting | None = None,
        pong: Heartbeat | None = None,
        catalog: bool = False,
        draining: bool = False,
        draining_seen: bool = False,
        renew: bool = False,
        reach: Iterable[Reach] = (),
        lost: HeldCalls | None = None,
    ) -> None:
        """Have something told; the later of two greetings, answers to a ping, or news of one collector."""
        self.may_wait = True
        self.hello = hello or self.hello
        self.greeting = greeting or self.greeting
        self.pong = pong or self.pong
        self.catalog = catalog or self.catalog
        self.draining = draining or self.draining
        self.draining_seen = draining_seen or self.draining_seen
        self.renew = renew or self.renew
        for news in reach:
            self.reach[news.collector_id] = news
        if lost is not None:
            self.asks.append(lost)

    def wait(self, *, is_open: bool) -> bool:
        """Whether there is something to tell now; a catalog goes only over a link that is open."""
        return (
            self.draining
            or self.draining_seen
            or self.renew
            or self.pong is not None
            or self.hello is not None
            or self.greeting is not None
            or (
                is_open
                and (
                    self.catalog
                    or bool(self.reach)
                    or bool(self._rests)
                    or bool(self.offering.rests)
                    or bool(self.asks)
                )
            )
        )

    def take(
        self,
        catalog: Callable[[], Catalog],
        ping: Heartbeat | None,
        goodbye: Goodbye | None,
        *,
        is_open: bool,
        asked: Asked | None = None,
    ) -> Control | None:
        """All of it, with a ping, a goodbye and what is asked if there are any, or None if there is nothing.

        Of catalogs and news of others as much as goes into a frame.
        """
        if ping is None and goodbye is None and asked is None and not self.wait(is_open=is_open):
            return None
        whole, change = self._of_catalog(catalog) if is_open else (None, None)
        control = Control(
            hello=self.hello,
            greeting=self.greeting,
            catalog=whole,
            ping=ping,
            pong=self.pong,
            draining=self.draining,
            draining_seen=self.draining_seen,
            goodbye=goodbye,
            reach=self._some_reach() if is_open and (self.reach or self._rests) else (),
            catalog_change=change,
            renew=self.renew,
            asked=asked,
        )
        self.hello = self.greeting = self.pong = None
        self.draining = self.draining_seen = self.renew = False
        self.may_wait = self.wait(is_open=True)
        return control

    def _of_catalog(self, catalog: Callable[[], Catalog]) -> tuple[Catalog | None, CatalogChange | None]:
        """A whole catalog, for those who take no pieces, or the next piece of one."""
        offering = self.offering
        if self.catalog:
            new = catalog()
            self.catalog = False
            if not self.takes_pieces:
                return offering.whole(new, self.whole_bytes), None
            offering.change(new)
        return None, offering.next_piece()

    def _some_reach(self) -> tuple[Reach, ...]:
        """As much news as goes into one frame."""
        left = Budget(MAX_PIECE, PIECE_BYTES)
        some: list[Reach] = []
        while (self.reach or self._rests) and len(some) < REACH_OF_A_FRAME:
            reach, told = self._next_reach()
            left.bytes -= reach_bytes(reach)
            if not some and not self.takes_pieces:
                # What does not go into this frame is never told.
                left.items, left.bytes = max(left.items, len(reach.methods)), self.whole_bytes
            methods = left.take(reach.methods, told, info_bytes)
            is_cut = told + len(methods) < len(reach.methods)
            if some and (left.bytes < 0 or (is_cut and not (methods and self.takes_pieces))):
                self._rests.appendleft((reach, told))
                break
            some.append(attrs.evolve(reach, methods=methods, adds=told > 0))
            told += len(methods)
            if told == len(reach.methods):
                self._told_reach[reach.collector_id] = reach
            elif self.takes_pieces:
                self._rests.appendleft((reach, told))
            if reach.is_gone:
                del self._told_reach[reach.collector_id]
        return tuple(some)

    def _next_reach(self) -> tuple[Reach, int]:
        """News to be told, and how many of its methods the other side knows."""
        while self._rests:
            reach, told = self._rests.popleft()
            # What was said since of the same collector replaces it.
            if reach.collector_id not in self.reach:
                return reach, told
        reach = self.reach.pop(next(iter(self.reach)))
        earlier = self._told_reach.pop(reach.collector_id, None)
        if earlier is not None and self.takes_pieces and _extends(reach, earlier):
            return reach, len(earlier.methods)
        return reach, 0


def _extends(reach: Reach, earlier: Reach) -> bool:
    """Whether the one says the same as the other, and of more methods."""
    count = len(earlier.methods)
    return (
        reach.path == earlier.path
        and 0 < count < len(reach.methods)
        and reach.methods[:count] == earlier.methods
    )
