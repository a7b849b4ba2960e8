"""How far a link has come, and how it ends: what may be asked of it in each state, and its goodbye."""

from enum import Enum

import attrs

from collector_mesh.domain.model.errors import clipped
from collector_mesh.domain.model.frames import Goodbye
from collector_mesh.domain.model.texts import visible

FAREWELL_SECONDS = 1.0
"""How long a goodbye may wait to be written, before the link ends without."""


class Phase(Enum):
    """How far a link has come."""

    GREETING = "greeting"
    """It is not decided whether there is a link."""
    OPEN = "open"
    """Calls go, or may still be answered."""
    ENDED = "ended"
    """Nothing comes or goes anymore."""


@attrs.frozen(kw_only=True, eq=False)
class State:
    """What may be asked of a link; whatever is not listed is not heard.

    Attributes:
        name: for people.
        reads: frames of the other side are read.
        sends: calls of this side are sent.
        answers: calls of the other side are answered.
        tells: news of this side are told.
        welcomes: whoever has said hello can be welcomed or refused.
        retires: it can be asked to take no new calls, and that can be taken back.
        closes: it can be asked for a goodbye after what waits.
        fails: it can be asked for a goodbye at once.
        leaves: it says goodbye as soon as it may.
    """

    name: str
    reads: bool = False
    sends: bool = False
    answers: bool = False
    tells: bool = False
    welcomes: bool = False
    retires: bool = False
    closes: bool = False
    fails: bool = False
    leaves: bool = False


ASKING = State(name="asking", reads=True, closes=True, fails=True)
"""This side has dialed, and waits for the answer to its hello."""

LISTENING = State(name="listening", reads=True, closes=True, fails=True)
"""This side was dialed, and waits for a hello."""

CONSIDERING = State(name="considering", reads=True, welcomes=True, closes=True, fails=True)
"""The hello has come; whether it is welcome is not decided."""

OPEN = State(
    name="open", reads=True, sends=True, answers=True, tells=True, retires=True, closes=True, fails=True
)
"""Calls go both ways."""

RETIRING = State(
    name="retiring", reads=True, answers=True, tells=True, retires=True, closes=True, fails=True, leaves=True
)
"""No new calls of this side; goodbye once all calls of both sides have been answered."""

CLOSING = State(name="closing", reads=True, answers=True, tells=True, fails=True, leaves=True)
"""Goodbye once what waits has been written."""

FAILING = State(name="failing", leaves=True)
"""Goodbye at once, or after a while without."""

ENDED = State(name="ended")
"""Nothing is left."""


class Closing:
    """The state of one link.

    Args:
        is_dialer: whether this side has dialed.
    """

    __slots__ = ("_code", "farewell_by", "has_failed", "phase", "reason", "state", "was_clean")

    def __init__(self, *, is_dialer: bool) -> None:
        self.state = ASKING if is_dialer else LISTENING
        self.phase = Phase.GREETING
        self.reason = ""
        """Why it ends or has ended."""
        self.has_failed = False
        """Whether this side ends it because of something that the other side did or did not do."""
        self.was_clean = False
        """Whether the other side has said goodbye with all calls answered."""
        self.farewell_by = 0.0
        """When a link that fails ends without a goodbye."""
        self._code = 200

    def greeted(self) -> None:
        """A hello has come."""
        if self.state is LISTENING:
            self.state = CONSIDERING

    def opened(self) -> None:
        """Whoever has said hello is welcome."""
        self.state, self.phase = OPEN, Phase.OPEN

    def retire(self, reason: str) -> bool:
        """Take no new calls; False if it is too late for that, or too early."""
        if not self.state.retires:
            return False
        self.state, self.reason, self._code = RETIRING, reason, 200
        return True

    def restore(self) -> bool:
        """Take back `retire`; False if it is too late."""
        if not self.state.retires:
            return False
        self.state, self.reason = OPEN, ""
        return True

    def close(self, code: int, reason: str, now: float) -> bool:
        """Have a goodbye said after what waits; False if one is about to be said already."""
        if not self.state.closes:
            return False
        # Before it is open there is nothing to wait for.
        self.state = CLOSING if self.phase is Phase.OPEN else FAILING
        self._leave(code, reason, now)
        return True

    def fail(self, code: int, reason: str, now: float) -> bool:
        """Have a goodbye said at once; False if that is about to happen already."""
        if not self.state.fails:
            return False
        self.state, self.has_failed = FAILING, True
        self._leave(code, reason, now)
        return True

    def _leave(self, code: int, reason: str, now: float) -> None:
        self._code, self.reason = code, clipped(reason)
        self.farewell_by = now + FAREWELL_SECONDS

    def goodbye(
        self, *, nothing_waits: bool, owes_nothing: bool, all_is_said: bool, awaits_nothing: bool
    ) -> Goodbye | None:
        """A goodbye, if it is time for one.

        Args:
            nothing_waits: there is nothing left to be written.
            owes_nothing: nothing that the other side has asked for is without an answer.
            all_is_said: no answer was given that is not sent.
            awaits_nothing: nothing that this side has asked for is without an answer.
        """
        is_done = nothing_waits and owes_nothing
        state = self.state
        if (
            state is FAILING
            or (state is CLOSING and nothing_waits)
            or (state is RETIRING and is_done and awaits_nothing)
        ):
            return Goodbye(self._code, self.reason, is_done and all_is_said)
        return None

    def end(self, reason: str, *, clean: bool) -> bool:
        """It is over; False if it was already."""
        if self.state is ENDED:
            return False
        self.state, self.phase = ENDED, Phase.ENDED
        self.reason = visible(reason or "no reason given")
        self.was_clean = clean
        return True
