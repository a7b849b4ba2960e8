"""The links that there are, and how many there may be."""

from collections.abc import Collection, Iterator

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.rules import LinkRules
from collector_mesh.domain.model.address import host_of
from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.peers.crowding import of_too_many
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.policies.callers import name_of
from collector_mesh.domain.policies.waiting_room import WaitingRoom
from collector_mesh.domain.ports.frame_stream import FrameStream


class OpenLinks:
    """The links that are open or about to be, those that end included until their stream has ended.

    Args:
        rules: how many there may be, and how many of them may be silent.
    """

    def __init__(self, rules: LinkRules) -> None:
        self._most = rules.max_links
        self._links: dict[LinkEngine, OpenLink] = {}
        self._dialed: dict[int, LinkEngine] = {}
        self._silent: WaitingRoom[LinkEngine] = WaitingRoom(rules.max_silent)

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[LinkEngine]:
        """Those that are there now, in the order in which they came; it may be walked through while they end."""
        return iter(list(self._links))

    def engines(self) -> Collection[LinkEngine]:
        """The same; a live view."""
        return self._links.keys()

    def get(self, engine: LinkEngine) -> OpenLink | None:
        """The link with a state, if it is there."""
        return self._links.get(engine)

    def address_of(self, engine: LinkEngine) -> str:
        """Where a link was dialed, or where whoever has dialed is; empty if it is not there."""
        link = self._links.get(engine)
        return link.address if link is not None else ""

    def add(self, link: OpenLink) -> None:
        """Take down that there is a link."""
        self._links[link.engine] = link
        if link.engine.is_dialer:
            self._dialed[link.engine.dial] = link.engine

    def is_dialing(self, dial: int) -> bool:
        """Whether a link that this side has dialed waits for the answer to its hello."""
        engine = self._dialed.get(dial)
        return engine is not None and engine.phase is Phase.GREETING and not engine.has_failed

    def remove(self, engine: LinkEngine) -> None:
        """Forget a link whose stream has ended."""
        self.spoke(engine)
        del self._links[engine]
        if engine.is_dialer:
            del self._dialed[engine.dial]

    def spoke(self, engine: LinkEngine) -> None:
        """Take down that the other side of a link has said hello, or that the link has ended."""
        self._silent.leave(engine)

    def make_room_for(self, engine: LinkEngine, stream: FrameStream) -> None:
        """Somebody has opened a stream: it is silent at first. Where there are too many, one link fails, maybe this one."""
        is_full = self._is_full()
        if is_full and not self._silent and self._make_room(name_of(stream.identity, stream.address)):
            is_full = False
        if is_full and not self._silent:
            engine.fail(f"there are {self._most} links already, and no more are taken", code=429)
            return
        gone = self._silent.enter(engine, host_of(stream.address), is_short=is_full)
        if gone is not None:
            gone.fail(f"{len(self._silent)} others have opened a link and said nothing yet", code=429)

    def check_room(self) -> None:
        """See that this collector may open a link; whoever has more than its share of all of them loses one for it.

        Raises:
            OverloadedError: there are too many, and nobody has more than its share.
        """
        if self._is_full() and not self._make_room():
            raise OverloadedError(f"there are {self._most} links already")

    def _is_full(self) -> bool:
        # Those that have to go take a moment to do so.
        return (
            len(self._links) >= self._most
            and sum(not engine.has_failed for engine in self._links) >= self._most
        )

    def _make_room(self, caller: str = "") -> bool:
        """Where somebody has more than its share of all links, end one of those; for this collector if for nobody else."""
        gone = of_too_many(self._links, self._most, caller)
        if gone is not None:
            gone.fail(
                f"more than three quarters of {self._most} links are from {gone.source}, and others want some",
                code=429,
            )
        return gone is not None
