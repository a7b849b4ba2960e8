"""What this collector serves, as its peers are told of it."""

from collections import deque
from collections.abc import Callable, Collection

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.frames import Catalog, Role
from collector_mesh.domain.peers.roster import Roster
from collector_mesh.domain.ports.clock import Clock, Timer
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.later import Later
from collector_mesh.domain.topology.reachability import Reachability

_NEVER = float("inf")

_PAUSE_OF_A_LINK = 0.00025
"""What each link adds to the least time between two rounds of telling what is served now, in seconds.

So that telling takes a fifth of the loop at most, also where methods come one by one, and few peers hear at once.
"""


_METHODS_AT_ONCE = 20_000
"""Methods that are looked at in one go, for as many links as that is: each link finds out what is new to its own other side."""


class Offered:
    """Goes by what is served at once, and has peers told of several changes together.

    Args:
        handlers: what is served.
        roster: told when other namespaces are shared.
        reachability: the same.
        clock: tells the time.
        later: calls something soon, when others have had their turn.
        links: gives those that are open.
    """

    def __init__(
        self,
        handlers: HandlerRegistry,
        roster: Roster,
        reachability: Reachability,
        *,
        clock: Clock,
        later: Later,
        links: Callable[[], Collection[LinkEngine]],
    ) -> None:
        self._handlers = handlers
        self._roster = roster
        self._reachability = reachability
        self._clock = clock
        self._later = later
        self._links = links
        self._catalog: Catalog | None = None
        self._namespaces = handlers.namespaces
        """Those that the connections are up to date with."""
        self._told_at = -_NEVER
        """When peers were told last of what is served."""
        self._telling: Timer | None = None
        """Tells them, when it is time."""
        self._untold: deque[LinkEngine] = deque()
        """Links whose turn to be told has not come."""
        self._methods = 0
        """How many methods there were when peers began to be told last;"""
        self._costs = 0
        """how many each of these links looks at, of before and now."""
        self._has_moved = False
        """Whether other namespaces are shared since then."""
        handlers.on_change = self._has_changed

    def catalog(self) -> Catalog:
        """What is served now."""
        if self._catalog is None:
            self._catalog = Catalog(self._handlers.namespaces, self._handlers.infos)
        return self._catalog

    def _has_changed(self) -> None:
        """Something else is served now: calls go by it at once, and peers are told of all such changes together."""
        self._catalog = None
        self._roster.has_news()
        links = self._links()
        if self._namespaces != self._handlers.namespaces:
            self._namespaces = self._handlers.namespaces
            for engine in links:
                if engine.phase is Phase.OPEN and engine.peer_role == Role.COLLECTOR:
                    self._has_moved = self._roster.changed(engine) or self._has_moved
        if self._telling is None and links:
            when = self._told_at + _PAUSE_OF_A_LINK * len(links)
            self._telling = self._clock.call_at(max(self._clock.now(), when), self._tell_change)

    def _tell_change(self) -> None:
        self._telling = None
        self._told_at = self._clock.now()
        was_telling = bool(self._untold)
        # Those whose turn had not come are told of this change too, and no later for it.
        untold = dict.fromkeys(self._untold)
        self._untold.extend(engine for engine in self._links() if engine not in untold)
        before, self._methods = self._methods, len(self.catalog().methods)
        self._costs = max(before, self._methods, self._costs if was_telling else 0)
        if not was_telling:
            self._tell_some()
        has_moved, self._has_moved = self._has_moved, False
        if has_moved:
            self._reachability.all_changed()

    def _tell_some(self) -> None:
        """Tell the next links, as many as take no long time together."""
        left = _METHODS_AT_ONCE
        while self._untold and left > 0:
            engine = self._untold.popleft()
            if engine.phase is not Phase.ENDED and engine.peer_role == Role.COLLECTOR:
                engine.tell_catalog()
                left -= 1 + self._costs
        if self._untold:
            self._later(self._tell_some)
