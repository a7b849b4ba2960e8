"""News that is too much to be taken in at once: a piece at a time, the rest when others have had their turn.

Who speaks this version sends pieces that are small enough. Earlier versions tell a whole catalog in one frame, and of
very many collectors, which would keep the loop busy for long.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import attrs

from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.sizes import MAX_BACKLOG, MAX_FIRST_PIECE, MAX_PIECE, METHOD_MEMORY
from collector_mesh.domain.model.frames import CatalogChange
from collector_mesh.domain.model.reach import Reach

News = CatalogChange | tuple[Reach, ...]

Waiting = News | Callable[[], Iterable[CatalogChange] | None]
"""News, or what makes changes when it is asked for them; None where it has to be asked again."""


class Backlog:
    """What was said and is not taken in, in order."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether all is taken in."""
        return not self._waiting

    @property
    def held_bytes(self) -> int:
        """What is kept of what waits, about."""
        return METHOD_MEMORY * sum(map(_size, self._waiting))

    def add(self, news: Iterable[Waiting]) -> None:
        """Have something taken in, after what waits already.

        Raises:
            ProtocolError: there is too much.
        """
        self._waiting.extend(news)
        if len(self._waiting) > MAX_BACKLOG:
            raise ProtocolError("more news than can be taken in")

    def take(self) -> Iterator[News]:
        """What is taken in at once: some small things, or a large one."""
        left = MAX_FIRST_PIECE
        while self._waiting and left > 0:
            news = self._waiting.popleft()
            left -= _size(news)
            if callable(news):
                made = news()
                self._waiting.extendleft((news,) if made is None else reversed(tuple(made)))
                return
            yield news
            if self._waiting and _size(self._waiting[0]) > left:
                return

    def forget_catalog(self) -> None:
        """A whole catalog has come, in place of all that was said of one."""
        self._waiting = deque(news for news in self._waiting if isinstance(news, tuple))

    def clear(self) -> None:
        """Let go of everything: the link has ended."""
        self._waiting.clear()


def _size(news: Waiting) -> int:
    if callable(news):
        return MAX_FIRST_PIECE
    if isinstance(news, CatalogChange):
        return max(
            len(news.namespaces) + len(news.removed_namespaces), len(news.methods) + len(news.removed_methods)
        )
    # News of others cost twice as much.
    return 2 * sum(1 + len(reach.methods) for reach in news)


def parts_of(news: Iterable[Reach]) -> Iterator[tuple[Reach, ...]]:
    """News of others in parts that can be taken in at once."""
    part: list[Reach] = []
    left = MAX_PIECE
    for whole in news:
        reach = whole
        while True:
            methods, rest = reach.methods[:left], reach.methods[left:]
            part.append(reach if not rest else attrs.evolve(reach, methods=methods))
            # One without methods costs something too.
            left -= max(1, len(methods))
            if left <= 0:
                yield tuple(part)
                part, left = [], MAX_PIECE
            if not rest:
                break
            reach = attrs.evolve(reach, methods=rest, adds=True)
    if part:
        yield tuple(part)


def parts_of_change(change: CatalogChange) -> Iterator[CatalogChange]:
    """A change in parts that can be taken in at once; at least one."""
    size = MAX_FIRST_PIECE
    count = max(
        map(len, (change.namespaces, change.removed_namespaces, change.methods, change.removed_methods))
    )
    for first in range(0, count or 1, size):
        last = first + size
        yield CatalogChange(
            change.namespaces[first:last],
            change.removed_namespaces[first:last],
            change.methods[first:last],
            change.removed_methods[first:last],
            more=change.more or last < count,
        )
