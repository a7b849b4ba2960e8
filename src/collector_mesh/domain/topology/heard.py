"""What one peer tells of others: by collector, and by method."""

from collections import deque

import attrs

from collector_mesh.domain.link.sizes import REACH_MEMORY, REACHED_METHOD_MEMORY
from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward, Reach
from collector_mesh.domain.model.snapshot import MethodInfo


class _Word:
    """What a peer has said of one collector, until it says something else."""

    __slots__ = ("hops", "is_over", "text_bytes")

    def __init__(self, reach: Reach) -> None:
        self.hops = len(reach.path)
        self.is_over = False
        self.text_bytes = len(reach.collector_id) + sum(map(len, reach.path))


_Ways = dict[str, tuple[_Word, MethodInfo]]


class Heard:
    """Who is reached through one peer, and what is found there.

    What is not true anymore counts for nothing at once, however much it is, and is cleared away by and by: see `clear`.
    """

    def __init__(self) -> None:
        self.reaches: dict[str, Reach] = {}
        self.count = 0
        """How many methods all of them have."""
        self._text_bytes = 0
        self._words: dict[str, _Word] = {}
        self._methods: dict[MethodKey, _Ways] = {}
        """Who has a method, by whose word."""
        self._over: deque[tuple[str, _Word, list[MethodInfo]]] = deque()
        """What was said and is not true anymore, as far as it is not cleared away."""
        self.is_over = False
        """Whether nothing of it is true anymore."""

    @property
    def held_bytes(self) -> int:
        """What is kept of it, about."""
        return self._text_bytes + REACH_MEMORY * len(self.reaches) + REACHED_METHOD_MEMORY * self.count

    def put(self, reach: Reach) -> None:
        """Take down a piece of news."""
        target = reach.collector_id
        earlier = self.reaches.get(target)
        if reach.adds and earlier is not None and earlier.path == reach.path:
            word = self._words[target]
            # What is told twice counts once.
            new = tuple(info for info in reach.methods if not self._is_said(info.key, target, word))
            self.reaches[target] = attrs.evolve(reach, methods=(*earlier.methods, *new), adds=False)
        else:
            self.drop(target)
            word = self._words[target] = _Word(reach)
            self._text_bytes += word.text_bytes
            new = reach.methods
            self.reaches[target] = attrs.evolve(reach, adds=False)
        self.count += len(new)
        names = sum(sum(map(len, info.key)) for info in new)
        word.text_bytes += names
        self._text_bytes += names
        for info in new:
            self._methods.setdefault(info.key, {})[target] = word, info

    def _is_said(self, key: MethodKey, target: str, word: _Word) -> bool:
        entry = self._methods.get(key, {}).get(target)
        return entry is not None and entry[0] is word

    def drop(self, target: str) -> None:
        """Forget a collector."""
        reach = self.reaches.pop(target, None)
        if reach is not None:
            word = self._words.pop(target)
            word.is_over = True
            self.count -= len(reach.methods)
            self._text_bytes -= word.text_bytes
            if reach.methods:
                self._over.append((target, word, list(reach.methods)))

    def end(self) -> None:
        """Nothing of it is true anymore."""
        self.is_over = True
        self.count = 0

    @property
    def has_rest(self) -> bool:
        """Whether there is something to clear away."""
        return bool(self._over) or (self.is_over and bool(self.reaches))

    def clear(self, most: int) -> int:
        """Clear away at most `most` pieces of what is not true anymore; give how many that were."""
        left = most
        while left > 0 and (self._over or self._next_to_clear()):
            target, word, infos = self._over[0]
            some = infos[-left:]
            del infos[-left:]
            if not infos:
                self._over.popleft()
            left -= max(1, len(some))
            for info in some:
                ways = self._methods.get(info.key)
                entry = None if ways is None else ways.get(target)
                if ways is not None and entry is not None and entry[0] is word:
                    del ways[target]
                    if not ways:
                        del self._methods[info.key]
        return most - left

    def _next_to_clear(self) -> bool:
        """Where nothing at all is true anymore, clear away what was said of another collector."""
        if self.is_over and self.reaches:
            target, reach = self.reaches.popitem()
            self._over.append((target, self._words.pop(target), list(reach.methods)))
        return bool(self._over)

    def onward(self, key: MethodKey) -> Onward | None:
        """What the peer passes calls for a method on to, None if it does not."""
        found = self._methods.get(key)
        if not found or self.is_over:
            return None
        ways = {target: entry for target, entry in found.items() if not entry[0].is_over}
        if not ways:
            return None
        # Of several kinds the one counts that can be called.
        if can_be_called := {target: entry for target, entry in ways.items() if entry[1].kind == UNARY}:
            ways = can_be_called
        targets = tuple(sorted(ways))
        first = ways[targets[0]][1]
        info = MethodInfo(key, first.kind, all(method.idempotent for _, method in ways.values()))
        return Onward(info, min(word.hops for word, _ in ways.values()), targets)
