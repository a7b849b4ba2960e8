"""The strategies that come with the mesh, by name."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

from collector_mesh.domain.ports.balancer import Balancer, Candidate, Selection

HASH_KEY = "hash-key"
"""The routing hint that consistent hashing goes by."""

ZONE = "zone"
"""The label that zone preference goes by."""

_PROBES = 21
_RING = 1 << 64
_FEW = 16
_DRAWS = 8
_SPILL = 5.0


class PeakEwma:
    """The better of two that are drawn, by what the next call there is thought to cost.

    Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001; the cost is that of
    `Standing.score`.
    """

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        return better_of_two(selection)


class RoundRobin:
    """One after the other."""

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        members, cache = selection.members, selection.cache
        first = cache.get("next", 0)
        for step in range(len(members)):
            place = (first + step) % len(members)
            if selection.is_fit(members[place]):
                cache["next"] = place + 1
                found: Candidate = members[place]
                return found
        return None


class AtRandom:
    """Any, all alike."""

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        return selection.draw()


class LeastInFlight:
    """The one with the fewest calls in flight: of all where there are few, else of 8 that are drawn."""

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        members = selection.members
        drawn: Sequence[Candidate | None]
        if len(members) <= _FEW:
            start = selection.dice.below(len(members)) if members else 0
            drawn = [*members[start:], *members[:start]]
            drawn = [candidate for candidate in drawn if candidate and selection.is_fit(candidate)]
        else:
            drawn = [selection.draw() for _ in range(_DRAWS)]
        found = [candidate for candidate in drawn if candidate is not None]
        return min(found, key=lambda candidate: candidate.in_flight, default=None)


class Weighted:
    """At random, in proportion to the weights that the collectors advertise."""

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        members = selection.members
        if not members:
            return None
        sums: list[int] | None = selection.cache.get("sums")
        if sums is None:
            sums = selection.cache["sums"] = list(accumulate(member.weight for member in members))
        for _ in range(_DRAWS):
            drawn = members[min(bisect_right(sums, selection.dice.uniform(0, sums[-1])), len(members) - 1)]
            if selection.is_fit(drawn):
                return drawn
        fit = selection.fit()
        if not fit:
            return None
        left = list(accumulate(member.weight for member in fit))
        return fit[min(bisect_right(left, selection.dice.uniform(0, left[-1])), len(fit) - 1)]


class ConsistentHash:
    """The same one for the same `hash-key`; when a collector leaves, only its share of keys moves.

    A call without a key goes as with `peak-ewma`.

    Source: B. Appleton, M. O'Reilly, "Multi-probe consistent hashing", 2015: each collector is one point on a
    ring, each key is looked up at 21 places, and the nearest successor wins.
    """

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        key = selection.hints.get(HASH_KEY)
        if key is None:
            return better_of_two(selection)
        points, owners = self._ring(selection)
        digest = blake2b(key.encode("utf-8", "backslashreplace"), digest_size=16).digest()
        place = int.from_bytes(digest[:8], "big")
        # Odd, so that the places of a key differ.
        stride = int.from_bytes(digest[8:], "big") | 1
        count = len(points)
        nearest, best = _RING, None
        for _ in range(_PROBES):
            place = (place + stride) % _RING
            first = bisect_left(points, place)
            for step in range(count):
                index = (first + step) % count
                distance = (points[index] - place) % _RING
                if distance >= nearest:
                    break
                if selection.is_fit(owners[index]):
                    nearest, best = distance, owners[index]
                    break
        return best

    @staticmethod
    def _ring(selection: Selection) -> tuple[list[int], list[Candidate]]:
        ring: tuple[list[int], list[Candidate]] | None = selection.cache.get("ring")
        if ring is None:
            placed = sorted(
                (int.from_bytes(blake2b(member.peer_id.encode(), digest_size=8).digest(), "big"), index)
                for index, member in enumerate(selection.members)
            )
            owners = [selection.members[index] for _, index in placed]
            ring = selection.cache["ring"] = ([point for point, _ in placed], owners)
        return ring


class ZonePreference:
    """The better of two of the same zone, while it is fit and costs at most 5 times as much as one elsewhere.

    The zone of a collector is its label `zone`. One without goes as with `peak-ewma`.
    """

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        now = selection.now
        near: list[Candidate] | None = selection.cache.get("near")
        if near is None:
            zone = selection.labels.get(ZONE)
            near = [member for member in selection.members if zone and member.labels.get(ZONE) == zone]
            selection.cache["near"] = near
        first = self._draw(near, selection)
        here = better(first, self._draw(near, selection, first), now)
        elsewhere = better_of_two(selection)
        if here is None or elsewhere is None:
            return here or elsewhere
        return here if here.score(now) <= _SPILL * elsewhere.score(now) else elsewhere

    @staticmethod
    def _draw(
        members: list[Candidate], selection: Selection, besides: Candidate | None = None
    ) -> Candidate | None:
        if not members:
            return None
        start = selection.dice.below(len(members))
        for step in range(len(members)):
            candidate = members[(start + step) % len(members)]
            if candidate is not besides and selection.is_fit(candidate):
                return candidate
        return None


class Guarded:
    """A strategy of the user's: where it raises, or chooses somebody who is not fit, `peak-ewma` chooses.

    Args:
        name: its name.
        strategy: the strategy.
        on_error: told of what it raises.
    """

    def __init__(self, name: str, strategy: Balancer, on_error: Callable[[str, BaseException], None]) -> None:
        self._name = name
        self._strategy = strategy
        self._on_error = on_error

    def choose(self, selection: Selection) -> Candidate | None:
        """See the port."""
        try:
            found = self._strategy.choose(selection)
            if found is not None and selection.is_fit(found):
                return found
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a user's code raises
            self._on_error(self._name, error)
        return better_of_two(selection)


def better_of_two(selection: Selection) -> Candidate | None:
    """The better of two that are drawn, two different ones if there are; of more, where breakers are ignored.

    Most of the fit are such then as a breaker would keep out, and often both of two that are drawn.
    """
    now = selection.now
    first = selection.draw()
    best = better(first, selection.draw(first), now)
    if selection.ignores_breakers:
        few = len(selection.members) <= _FEW
        for other in selection.fit() if few else [selection.draw() for _ in range(_DRAWS)]:
            best = better(best, other, now)
    return best


def better(first: Candidate | None, second: Candidate | None, now: float) -> Candidate | None:
    """The one of two that costs less; the first one if they cost the same."""
    if first is None or second is None:
        return first or second
    return second if second.score(now) < first.score(now) else first


BALANCERS: Mapping[str, Balancer] = MappingProxyType(
    {
        "peak-ewma": PeakEwma(),
        "round-robin": RoundRobin(),
        "random": AtRandom(),
        "least-in-flight": LeastInFlight(),
        "weighted": Weighted(),
        "hash": ConsistentHash(),
        "zone": ZonePreference(),
    }
)
"""The strategies by the names that settings use."""

DEFAULT_BALANCING = "peak-ewma"

if TYPE_CHECKING:
    _fits: tuple[Balancer, ...] = (PeakEwma(), RoundRobin(), Weighted(), ConsistentHash(), ZonePreference())
