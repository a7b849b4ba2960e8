"""How long the answers of a registry are believed, and what holds while it does not answer."""

from typing import Literal, TypeVar

import attrs
from attrs.validators import ge, gt, in_

from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import MeshError, NotFoundError, UnavailableError, clipped
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.ports.randomness import Randomness

_REFRESH = 0.75, 0.95
"""After which part of its time an answer that is used is asked for again: not all of them at once, and none too late."""

_MAX_REASON_BYTES = 300

T = TypeVar("T")


@attrs.frozen
class Valid:
    """The registry has the method."""

    allowed: Allowed


@attrs.frozen
class Refused:
    """The registry does not have it; `reason` is what it says."""

    reason: str


@attrs.frozen
class Undecided:
    """There is no answer that could be used.

    Attributes:
        reason: why not.
        is_away: whether that is so for every method, as the registry is not there.
    """

    reason: str
    is_away: bool = False


Answer = Valid | Refused | Undecided
"""What comes of asking a registry about a method."""


@attrs.frozen
class Times:
    """How answers are kept; times are in seconds.

    Attributes:
        fresh: how long the answer is believed that a method is there.
        refused: the same that it is not, and that an answer cannot be used.
        stale: how long the answer that a method was there counts while the registry is away.
        fails: what holds where nothing is known: `closed` refuses, `open` allows.
        most: methods that are remembered of each kind, those that are there and those that are not.
    """

    fresh: float = attrs.field(default=60.0, validator=gt(0))
    refused: float = attrs.field(default=5.0, validator=gt(0))
    stale: float = attrs.field(default=3600.0, validator=ge(0))
    fails: Literal["closed", "open"] = attrs.field(default="closed", validator=in_(("closed", "open")))
    most: int = attrs.field(default=10_000, validator=ge(1))


@attrs.frozen
class Told:
    """The registry has said that a method is there."""

    allowed: Allowed
    since: float
    refresh: float
    """From when on it is asked again, while others use this."""
    until: float


@attrs.frozen
class _Denied:
    """The registry has said that a method is not there, or nothing that could be used."""

    answer: Refused | Undecided
    until: float


UNCHECKED = Allowed()
"""What holds while nothing is known and everything is allowed."""


class Answers:
    """Remembers what a registry has said. Times are given: it has no clock.

    Args:
        times: how long.
        dice: so that not all answers are asked for again at once.
    """

    def __init__(self, times: Times, dice: Randomness) -> None:
        self._times = times
        self.dice = dice
        """They throw when an answer is asked for again."""
        self.told: dict[MethodKey, Told] = {}
        """What was said of methods that are there, by method: one and the same object always."""
        self._denied: dict[MethodKey, _Denied] = {}
        self.away = ""
        """Why the registry is away; empty while it is there, as far as is known."""

    def __len__(self) -> int:
        return len(self.told) + len(self._denied)

    def forget(self) -> None:
        """Know nothing anymore."""
        self.told.clear()
        self._denied.clear()
        self.away = ""

    def decided(self, key: MethodKey, now: float) -> Allowed | MeshError | None:
        """What holds without asking: that a method may be called, or why not. None where the registry has to be asked."""
        told = self.told.get(key)
        if told is not None and now < told.until:
            return told.allowed
        denied = self._denied.get(key)
        if denied is not None and now < denied.until:
            return self.judged(key, denied.answer, now)
        return self.judged(key, Undecided(self.away), now) if self.away else None

    def judged(self, key: MethodKey, answer: Answer, now: float) -> Allowed | MeshError:
        """What an answer means for a call: that it may be run, or why not."""
        if isinstance(answer, Valid):
            return answer.allowed
        if isinstance(answer, Refused):
            return NotFoundError(answer.reason)
        told = self.told.get(key)
        if told is not None and now < told.since + max(self._times.stale, self._times.fresh):
            return told.allowed
        return UNCHECKED if self._times.fails == "open" else UnavailableError(answer.reason)

    def wants_refresh(self, key: MethodKey, now: float) -> bool:
        """Whether a method is to be asked about again although an answer is still believed."""
        told = self.told.get(key)
        return not self.away and told is not None and told.refresh <= now < told.until

    def take(self, key: MethodKey, answer: Answer, now: float) -> None:
        """Take down what has come of asking about a method."""
        if isinstance(answer, Valid):
            self.away = ""
            self._denied.pop(key, None)
            fresh = self._times.fresh
            refresh = now + fresh * self.dice.uniform(*_REFRESH)
            _keep(self.told, key, Told(answer.allowed, now, refresh, now + fresh), self._times.most)
            return
        reason = clipped(answer.reason, _MAX_REASON_BYTES) or "the registry gives no reason"
        if isinstance(answer, Refused):
            self.away = ""
            self.told.pop(key, None)
            denied = _Denied(Refused(reason), now + self._times.refused)
        elif answer.is_away:
            self.away = reason
            return
        else:
            self.away = ""
            denied = _Denied(Undecided(reason), now + self._times.refused)
            if (told := self.told.get(key)) is not None:
                # It is still believed, and not asked for with each call.
                self.told[key] = attrs.evolve(told, refresh=min(denied.until, told.until))
        _keep(self._denied, key, denied, self._times.most)


def _keep(table: dict[MethodKey, T], key: MethodKey, value: T, most: int) -> None:
    """Remember something last; those that were heard of longest ago are forgotten."""
    table.pop(key, None)
    table[key] = value
    while len(table) > most:
        del table[next(iter(table))]
