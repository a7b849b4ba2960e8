"""Which of many alike things are told."""

import attrs

MAX_KINDS = 256
"""Kinds that are kept apart; what comes beyond them is counted together."""


@attrs.define
class _Kind:
    heard: int = 0
    told: float = 0.0
    last: float = 0.0
    began: float = 0.0
    """When the pause began in which some are told in any case."""
    freely: int = 0
    """How many were told so in it."""
    is_less: bool = False
    """Whether one was not told since the last pause in which all were."""
    was_less: bool = False
    """Whether one was not told in this pause."""


class Repeats:
    """Of what repeats, the 1st, 2nd, 4th, 8th and so on are told, and one a minute.

    So whoever reads sees at once what is new, and how much of it there is, and is not buried.

    Args:
        pause: seconds after which one is told in any case.
        free: so many in each pause are told in any case.
        most: kinds that are kept apart.
    """

    def __init__(self, *, pause: float = 60.0, free: int = 0, most: int = MAX_KINDS) -> None:
        self._pause = pause
        self._free = free
        self._most = most
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._swept = 0.0

    def heard(self, kind: str, source: str, now: float) -> int:
        """Take notice of one.

        Args:
            kind: what it is, of a number that is known beforehand.
            source: where it comes from; others may name as many as they like.
            now: monotonic time.

        Returns:
            Which one of its kind and source it is, if it is to be told, else 0; 1 as long as all were told.
        """
        found = self._of((kind, source), now)
        if self._free and now - found.began >= self._pause:
            if not found.was_less:
                found.heard, found.is_less = 0, False
            found.began, found.freely, found.was_less = now, 0, False
        found.heard += 1
        found.last = now
        is_power_of_two = found.heard & (found.heard - 1) == 0
        if found.freely < self._free:
            found.freely += 1
        elif not is_power_of_two and now - found.told < self._pause:
            found.is_less = found.was_less = True
            return 0
        found.told = now
        return found.heard if found.is_less or not self._free else 1

    def _of(self, key: tuple[str, str], now: float) -> _Kind:
        found = self._kinds.get(key)
        if found is not None:
            return found
        if len(self._kinds) >= self._most and now - self._swept >= self._pause:
            self._swept = now
            self._forget_quiet(now)
        if len(self._kinds) >= self._most:
            # Many sources must not bury the reader either: from here on they are one.
            key = (key[0], "")
        return self._kinds.setdefault(key, _Kind())

    def _forget_quiet(self, now: float) -> None:
        # Ten pauses of quiet are a new beginning.
        quiet = [key for key, kind in self._kinds.items() if now - kind.last >= 10 * self._pause]
        for key in quiet:
            del self._kinds[key]
