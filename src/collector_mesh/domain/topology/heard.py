"""What one peer tells of others: by collector, and by method."""

import attrs

from collector_mesh.domain.link.sizes import REACH_MEMORY, REACHED_METHOD_MEMORY
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Onward, Reach
from collector_mesh.domain.model.snapshot import MethodInfo


class Heard:
    """Who is reached through one peer, and what is found there."""

    def __init__(self) -> None:
        self.reaches: dict[str, Reach] = {}
        self.methods: dict[MethodKey, dict[str, tuple[int, MethodInfo]]] = {}
        """Who has a method, after how many hops."""
        self.count = 0
        """How many methods all of them have."""
        self._text_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What is kept of it, about."""
        return self._text_bytes + REACH_MEMORY * len(self.reaches) + REACHED_METHOD_MEMORY * self.count

    def put(self, reach: Reach) -> list[MethodKey]:
        """Take down a piece of news; gives the methods for which something may be different now."""
        earlier = self.reaches.get(reach.collector_id)
        changed: list[MethodKey] = []
        told = reach
        if reach.adds and earlier is not None and earlier.path == reach.path:
            # What is told twice counts once.
            target = reach.collector_id
            new = tuple(info for info in reach.methods if target not in self.methods.get(info.key, ()))
            reach = attrs.evolve(reach, methods=new)
            told = attrs.evolve(reach, methods=(*earlier.methods, *new), adds=False)
        else:
            changed = self.drop(reach.collector_id)
            self._text_bytes += _path_bytes(reach)
            told = attrs.evolve(reach, adds=False)
        self.reaches[reach.collector_id] = told
        self.count += len(reach.methods)
        self._text_bytes += _names_bytes(reach)
        for method in reach.methods:
            self.methods.setdefault(method.key, {})[reach.collector_id] = len(reach.path), method
            changed.append(method.key)
        return changed

    def drop(self, target: str) -> list[MethodKey]:
        """Forget a collector; gives the methods that it had."""
        reach = self.reaches.pop(target, None)
        if reach is None:
            return []
        self.count -= len(reach.methods)
        self._text_bytes -= _path_bytes(reach) + _names_bytes(reach)
        for method in reach.methods:
            ways = self.methods.get(method.key)
            if ways is not None:
                ways.pop(target, None)
                if not ways:
                    del self.methods[method.key]
        return [method.key for method in reach.methods]

    def onward(self, key: MethodKey) -> Onward | None:
        """What the peer passes calls for a method on to, None if it does not."""
        ways = self.methods.get(key)
        if not ways:
            return None
        targets = tuple(sorted(ways))
        first = ways[targets[0]][1]
        info = MethodInfo(key, first.kind, all(method.idempotent for _, method in ways.values()))
        return Onward(info, min(hops for hops, _ in ways.values()), targets)


def _path_bytes(reach: Reach) -> int:
    return len(reach.collector_id) + sum(map(len, reach.path))


def _names_bytes(reach: Reach) -> int:
    return sum(sum(map(len, method.key)) for method in reach.methods)
