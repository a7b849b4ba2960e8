"""Which of many alike things are told."""

import attrs

MAX_KINDS = 256
"""Kinds that are kept apart; what comes beyond them is counted together."""


@attrs.define
class _Kind:
    heard: int = 0
    told: float = 0.0
    last: float = 0.0


class Repeats:
    """Of what repeats, the 1st, 2nd, 4th, 8th and so on are told, and one a minute.

    So whoever reads sees at once what is new, and how much of it there is, and is not buried.

    Args:
        pause: seconds after which one is told in any case.
    """

    def __init__(self, *, pause: float = 60.0) -> None:
        self._pause = pause
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._swept = 0.0

    def heard(self, kind: str, source: str, now: float) -> int:
        """Take notice of one.

        Args:
            kind: what it is, of a number that is known beforehand.
            source: where it comes from; others may name as many as they like.
            now: monotonic time.

        Returns:
            Which one of its kind and source it is, if it is to be told, else 0.
        """
        found = self._of((kind, source), now)
        found.heard += 1
        found.last = now
        is_power_of_two = found.heard & (found.heard - 1) == 0
        if not is_power_of_two and now - found.told < self._pause:
            return 0
        found.told = now
        return found.heard

    def _of(self, key: tuple[str, str], now: float) -> _Kind:
        found = self._kinds.get(key)
        if found is not None:
            return found
        if len(self._kinds) >= MAX_KINDS and now - self._swept >= self._pause:
            self._swept = now
            self._forget_quiet(now)
        if len(self._kinds) >= MAX_KINDS:
            # Many sources must not bury the reader either: from here on they are one.
            key = (key[0], "")
        return self._kinds.setdefault(key, _Kind())

    def _forget_quiet(self, now: float) -> None:
        # Ten pauses of quiet are a new beginning.
        quiet = [key for key, kind in self._kinds.items() if now - kind.last >= 10 * self._pause]
        for key in quiet:
            del self._kinds[key]
