"""What becomes of calls whose link is lost, of all links of one collector or client, on both sides.

The side that has made them holds them for a while, and asks the same start of the other side over the next link to it. The
side that has taken them has their handlers go on for that while, and keeps the replies that may not have arrived.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.link.held import HeldCalls
from collector_mesh.domain.link.kept import KeptCalls, Room, unknown
from collector_mesh.domain.link.start import Start
from collector_mesh.domain.model.counts import Counts
from collector_mesh.domain.model.frames import Asked, Role
from collector_mesh.domain.ports.clock import Clock, Timer
from collector_mesh.domain.ports.randomness import Randomness

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine
    from collector_mesh.domain.link.entries import TakenCall

MAX_LOST = 1024
"""Most lost links of which anything is held or kept; the first ones are given up for later ones."""

MAX_REPLIES_BYTES = 32 << 20
"""Most bytes of replies that are kept, of all lost links together."""

_LOOK_SECONDS = 0.02


class Recovery:
    """Knows the lost links of one collector or client.

    Args:
        seconds: how long calls are held, and handlers go on.
        clock: tells the time.
        dice: make up what links are called, which nobody else must guess.
        counts: what is counted.
        goes_on_elsewhere: whether a call is tried somewhere else where nobody knows what came of it: it is not held.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Clock,
        dice: Randomness,
        counts: Counts | None = None,
        goes_on_elsewhere: Callable[[SentCall], bool] = SentCall.goes_on_elsewhere,
    ) -> None:
        self.goes_on_elsewhere = goes_on_elsewhere
        self.counts = counts or Counts()
        """What has come of calls whose links were lost, among others."""
        self._seconds = seconds
        self._clock = clock
        self._dice = dice
        self._is_closed = False
        self._open: dict[str, LinkEngine] = {}
        """Links by what the other side calls them."""
        self._admitted: dict[tuple[str, str], dict[LinkEngine, Start]] = {}
        """Those over which may be asked, and who is there, by its id and incarnation: many links may be lost at once."""
        self._held: dict[HeldCalls, None] = {}
        """Lost links with calls that wait to be asked for, or of which the other side is still to be told."""
        self._kept: dict[str, KeptCalls] = {}
        self._room = Room(MAX_REPLIES_BYTES)
        self._timer: Timer | None = None
        self._timer_at = inf

    @property
    def held_bytes(self) -> int:
        """What is held for others, about."""
        return sum(kept.held_bytes for kept in self._kept.values())

    @property
    def running(self) -> int:
        """Handlers that go on although their link is lost."""
        return sum(kept.running for kept in self._kept.values())

    def name_of_link(self) -> str:
        """What the other side is to call a new link; nobody can guess it."""
        return self._dice.token()

    def held_of(self, engine: "LinkEngine") -> HeldCalls | None:
        """What holds the calls of a link that was lost just now."""
        return next((held for held in self._held if held.is_of(engine)), None)

    def waits_for(self, peer_id: str) -> bool:
        """Whether calls wait for the next link to a peer."""
        return any(held.other.collector_id == peer_id and held.waits for held in self._held)

    # ---- links come and go -----------------------------------------------------------------------------

    def opened(self, engine: "LinkEngine") -> None:
        """A link is open."""
        self._open[engine.name_for_other] = engine

    def admitted(self, engine: "LinkEngine") -> None:
        """The other side of a link is wanted: it is asked, if it is the one that calls wait for."""
        start = Start.of(engine)
        if start is None or engine.phase is not Phase.OPEN or self._is_closed:
            return
        self._admitted.setdefault((start.collector_id, start.incarnation), {})[engine] = start
        for held in list(self._held):
            if held.other.is_same(start):
                if engine.peer is not None and engine.peer.limits.remembers:
                    engine.ask_about_calls(held)
            elif held.other.is_other_start(start) or (engine.is_dialer and engine.address in held.addresses):
                self._give_up(held)
        for name, kept in list(self._kept.items()):
            if kept.asked_over is None and kept.other.is_other_start(start):
                self._drop(name)

    def lost(self, engine: "LinkEngine") -> tuple[HeldCalls, KeptCalls] | None:
        """A link is lost; gives what holds its calls, and what keeps those of the other side. None if nobody can be asked."""
        other, peer = Start.of(engine), engine.peer
        if self._is_closed or other is None or peer is None or not peer.limits.remembers:
            return None
        addresses = {peer.address} if peer.address else set()
        if engine.is_dialer:
            addresses.add(engine.address)
        until = self._clock.now() + self._seconds
        held = HeldCalls(
            engine,
            other,
            peer.limits.remembers,
            frozenset(addresses),
            self.counts,
            on_wait=self._waits_again,
            on_asked=self._forget,
        )
        held.until = until
        if engine.peer_role == Role.COLLECTOR:
            self._held[held] = None
        kept = self._kept[engine.name_for_other] = KeptCalls(other, engine.last_taken, self._room)
        kept.until = until
        for first in list(islice(self._held, max(0, len(self._held) - MAX_LOST))):
            self._give_up(first)
        for name in list(islice(self._kept, max(0, len(self._kept) - MAX_LOST))):
            self._drop(name)
        self._look_at(until)
        return held, kept

    def ended(self, engine: "LinkEngine") -> None:
        """A link has ended: what was asked for over it may be asked for again, if it was lost."""
        self._open.pop(engine.name_for_other, None)
        self._leave(engine)
        is_lost = engine.name_for_other in self._kept
        until = self._clock.now() + self._seconds
        for name, kept in list(self._kept.items()):
            if kept.asked_over is engine:
                kept.asked_over, kept.until = None, until
                if is_lost:
                    self._look_at(until)
                else:
                    self._drop(name)

    def _leave(self, engine: "LinkEngine") -> None:
        start = Start.of(engine)
        if start is not None:
            who = start.collector_id, start.incarnation
            links = self._admitted.get(who, {})
            links.pop(engine, None)
            if not links:
                self._admitted.pop(who, None)

    def look(self) -> None:
        """Ask where there is another link already."""
        for held in list(self._held):
            other = held.other
            for engine, start in self._admitted.get((other.collector_id, other.incarnation), {}).items():
                if engine.is_usable and other.is_same(start):
                    engine.ask_about_calls(held)
                    break
            else:
                if held.waits:
                    held.on_alone(held)
            # Its calls have a deadline of their own, which may be up earlier.
            self._look_at(held.next_tick)

    def nobody_at(self, address: str) -> None:
        """Nobody listens at an address, or nobody who knows of links."""
        for held in list(self._held):
            if address in held.addresses:
                self._give_up(held)

    def _waits_again(self, held: HeldCalls) -> None:
        now = self._clock.now()
        if self._is_closed:
            held.give_up(now)
            return
        held.until = now + self._seconds
        self._held[held] = None
        self._look_at(held.next_tick)

    # ---- the other side asks ---------------------------------------------------------------------------

    def asked(self, engine: "LinkEngine", asked: Asked, again: "Sequence[TakenCall]") -> None:
        """The other side of a link asks for calls that it has made over another one, which it has lost."""
        if engine.phase is not Phase.OPEN:
            return
        kept = self._asked_for(engine, asked.link)
        if kept is None:
            for taken in again:
                taken.answer(unknown())
            return
        kept.asked_over, kept.until = engine, inf
        for number, taken in zip(asked.numbers, again, strict=True):
            if not taken.is_done:
                reply = kept.ask(number, taken)
                engine.takes_over(taken.number, kept, number)
                if reply is not None:
                    taken.answer(reply)
        # Nobody waits for what it does not ask for.
        kept.let_go()

    def _asked_for(self, engine: "LinkEngine", name: str) -> KeptCalls | None:
        """What is kept of a link, for its other side and nobody else."""
        start = Start.of(engine)
        if start is None:
            return None
        link = self._open.get(name)
        if link is not None and link is not engine and _is_at(link, start):
            link.lost("the other side has lost it")
        kept = self._kept.get(name)
        if kept is None or not kept.other.is_same(start):
            return None
        if kept.asked_over is not None and kept.asked_over is not engine:
            kept.asked_over.lost("the other side has lost it")
        # It may have been given up for others.
        return self._kept.get(name)

    # ---- time ------------------------------------------------------------------------------------------

    def _look_at(self, when: float) -> None:
        if when < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._timer_at = self._clock.call_at(when, self._ring), when

    def _ring(self) -> None:
        self._timer, self._timer_at = None, inf
        now = self._clock.now()
        for held in list(self._held):
            if held.next_tick <= now:
                held.tick(now)
            if held.is_over:
                self._forget(held)
        for name, kept in list(self._kept.items()):
            if kept.until <= now:
                self._drop(name)
        due = [held.next_tick for held in self._held] + [kept.until for kept in self._kept.values()]
        earliest = min(due, default=inf)
        if earliest < inf:
            self._look_at(max(earliest, now + _LOOK_SECONDS))

    # ---- the end ---------------------------------------------------------------------------------------

    def _give_up(self, held: HeldCalls) -> None:
        held.give_up(self._clock.now())
        self._forget(held)

    def _forget(self, held: HeldCalls) -> None:
        self._held.pop(held, None)

    def _drop(self, name: str) -> None:
        self._kept.pop(name).let_go()

    def close(self) -> None:
        """Ask nobody anymore, and answer nobody: the collector or client ends."""
        self._is_closed = True
        for held in list(self._held):
            self._give_up(held)
        for name in list(self._kept):
            self._drop(name)
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, inf


def _is_at(link: "LinkEngine", start: Start) -> bool:
    other = Start.of(link)
    return other is not None and other.is_same(start)
