"""Which rules have a name, or are about somebody: looked up, whatever their number."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from collector_mesh.domain.policies.access_rules import AccessRule
from collector_mesh.domain.policies.access_who import ANYONE, DNS, KINDS, Proved, Who, after_label

Positions = Sequence[int]
"""The numbers of rules, in their order."""


class Patterns:
    """Texts, and starts of texts, each with the rules that have it."""

    def __init__(self) -> None:
        self._whole: dict[str, list[int]] = {}
        self._starts: dict[str, list[int]] = {}
        self._lengths: tuple[int, ...] = ()

    def add_whole(self, text: str, position: int) -> None:
        """A rule has a text; rules come in their order."""
        put(self._whole, text, position)

    def add_start(self, start: str, position: int) -> None:
        """A rule has all texts that begin so; rules come in their order."""
        put(self._starts, start, position)
        if len(start) not in self._lengths:
            self._lengths = (*self._lengths, len(start))

    def add(self, pattern: str, position: int) -> None:
        """A rule has a text, or with a star at the end all that begin so."""
        if pattern.endswith("*"):
            self.add_start(pattern[:-1], position)
        else:
            self.add_whole(pattern, position)

    def of(self, text: str) -> Iterator[Positions]:
        """The rules that have a text."""
        yield from self.whole(text)
        yield from self.starting(text)

    def whole(self, text: str) -> Iterator[Positions]:
        """The rules that have this very text."""
        if found := self._whole.get(text):
            yield found

    def starting(self, text: str) -> Iterator[Positions]:
        """The rules that have all texts that begin so."""
        for length in self._lengths:
            if length <= len(text) and (found := self._starts.get(text[:length])):
                yield found


def put(kept: dict[str, list[int]], text: str, position: int) -> None:
    """Take down that a rule has a text; rules come in their order."""
    positions = kept.setdefault(text, [])
    if not positions or positions[-1] != position:
        positions.append(position)


class WhoIndex:
    """Which rules are about somebody."""

    def __init__(self, rules: Sequence[AccessRule]) -> None:
        self._names = {kind: Patterns() for kind in KINDS}
        self._domains: dict[str, list[int]] = {}
        self.anyone: list[int] = []
        for position, rule in enumerate(rules):
            for who in rule.who:
                self._add(who, position)

    def _add(self, who: Who, position: int) -> None:
        if who.kind == ANYONE:
            if not self.anyone or self.anyone[-1] != position:
                self.anyone.append(position)
        elif who.kind == DNS and who.is_start:
            put(self._domains, who.name, position)
        elif who.is_start:
            self._names[who.kind].add_start(who.name, position)
        else:
            self._names[who.kind].add_whole(who.name, position)

    def of(self, proved: Proved) -> Iterator[Positions]:
        """The rules that are about one of some names, but for those that are about anyone."""
        for kind, name in proved:
            yield from self._names[kind].of(name)
            if kind == DNS and (found := self._domains.get(after_label(name))):
                yield found

    def of_all(self, who: Who) -> Iterator[Positions]:
        """The rules that are about everybody whom a word means."""
        if self.anyone:
            yield self.anyone
        if who.kind == ANYONE:
            return
        if who.kind == DNS and who.is_start:
            found = self._domains.get(who.name)
        elif who.is_start:
            yield from self._names[who.kind].starting(who.name)
            return
        else:
            yield from self.of(((who.kind, who.name),))
            return
        if found:
            yield found


def is_in(positions: Positions, position: int) -> bool:
    """Whether a rule is among some."""
    at = bisect_left(positions, position)
    return at < len(positions) and positions[at] == position
