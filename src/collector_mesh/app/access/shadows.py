"""Rules that never decide, because earlier ones do: nearly always that is a mistake."""

from collections.abc import Iterator
from heapq import merge

from collector_mesh.app.access.problems import Found
from collector_mesh.domain.model.errors import quoted
from collector_mesh.domain.policies.access_patterns import Patterns, Positions, WhoIndex, is_in
from collector_mesh.domain.policies.access_rules import AccessRule, AccessRules

_MOST_PAIRS = 500_000
"""Pairs of somebody and something that are looked at; rules behind them are not."""

_MOST_STEPS = 1_000_000
"""The same of earlier rules that may be about both: each takes a microsecond."""


def warn_of_shadows(rules: AccessRules, head: str, found: Found) -> None:
    """Tell of each rule all of which is decided by earlier ones: shadowed, or contradicted where they say the opposite."""
    shadows = _Shadows(rules.rules)
    left = _MOST_PAIRS
    for position, rule in enumerate(rules.rules):
        left -= len(rule.who) * (len(rule.peer) + len(rule.serve) + len(rule.use) + 1)
        if left < 0 or shadows.steps > _MOST_STEPS:
            found.add(
                f"{head}.rules", f"are looked at for shadows up to rules[{position}] only", is_warning=True
            )
            return
        earlier = shadows.of(position)
        if earlier is None:
            continue
        first = rules.rules[earlier]
        says = "is shadowed by" if first.effect == rule.effect else "contradicts"
        found.add(
            f"{head}.rules[{position + 1}]",
            f"{says} rules[{earlier + 1}]: {quoted(rule.name)} never decides, since {quoted(first.name)} and those before"
            " it decide all that it is about",
            is_warning=True,
        )


class _Shadows:
    def __init__(self, rules: tuple[AccessRule, ...]) -> None:
        self._rules = rules
        self._who = WhoIndex(rules)
        self._about = {"peer": Patterns(), "serve": Patterns(), "use": Patterns()}
        self._inspect: list[int] = []
        self.steps = 0
        """Earlier rules that were looked at."""
        for position, rule in enumerate(rules):
            for kind, patterns in self._about.items():
                for pattern in getattr(rule, kind):
                    patterns.add(_wide(kind, pattern), position)
            if rule.inspect:
                self._inspect.append(position)

    def of(self, position: int) -> int | None:
        """The last of the earlier rules that decide all that a rule is about; None if they do not."""
        rule = self._rules[position]
        things = [
            tuple(self._deciding(kind, pattern)) for kind in self._about for pattern in getattr(rule, kind)
        ]
        if rule.inspect:
            things.append((self._inspect,))
        if not things or not rule.who:
            return None
        last = -1
        for who in rule.who:
            about = tuple(self._who.of_all(who))
            for thing in things:
                earlier = self._first_in_both(about, thing, position)
                if earlier is None:
                    return None
                last = max(last, earlier)
        return last

    def _deciding(self, kind: str, pattern: str) -> Iterator[Positions]:
        """The rules that are about all that a pattern means."""
        patterns, wide = self._about[kind], _wide(kind, pattern)
        if wide.endswith("*"):
            yield from patterns.starting(wide[:-1])
            return
        yield from patterns.of(wide)
        if kind == "use":
            # It may be a method: then a pattern for its service is about all of it too.
            head, dot, _ = wide.rpartition(".")
            if dot and "/" in head:
                yield from patterns.whole(head)

    def _first_in_both(
        self, one: tuple[Positions, ...], other: tuple[Positions, ...], before: int
    ) -> int | None:
        """The first of the rules before one that is in both."""
        few, many = sorted((one, other), key=lambda lists: sum(map(len, lists)))
        for position in merge(*few):
            self.steps += 1
            if position >= before:
                return None
            if any(is_in(positions, position) for positions in many):
                return position
        return None


def _wide(kind: str, pattern: str) -> str:
    """A pattern of `use` in the form in which one for more is how one for less begins."""
    return f"{pattern}/*" if kind == "use" and "/" not in pattern and not pattern.endswith("*") else pattern
