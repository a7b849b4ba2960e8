"""How much of what is done at once each caller has taken, and who has been turned away of late."""

from collections.abc import Iterable

import attrs

from collector_mesh.domain.model.address import host_of
from collector_mesh.domain.model.identity import Identity

CALLER_SHARE = 0.75
"""Of all slots, what one caller may hold while others wait."""

_MAX_REMEMBERED = 4096


def name_of(identity: Identity | None, address: str) -> str:
    """Who somebody is as a caller: by what is proved, else by the host, whatever it comes over.

    So more connections are not more callers; nor are the programs on one machine, where nothing is proved.
    """
    return str(identity) if identity else host_of(address)


@attrs.define(eq=False)
class Caller:
    """What one caller has taken: `taken` slots of all namespaces."""

    name: str
    taken: int = 0


class Callers:
    """Those who call from outside, by what is proved of them, else by where they are.

    Args:
        limit: slots of all callers.
        seconds: how long whoever was turned away is thought to wait.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self.most = _most(limit)
        self._seconds = seconds
        self._known: dict[str, Caller] = {}
        self._sweep_at = _MAX_REMEMBERED
        self._waiting: dict[str, float] = {}
        """Of the two callers that wait and were seen last: when. Of any caller one of the two is another one."""

    def __len__(self) -> int:
        """How many are known."""
        return len(self._known)

    def resize(self, limit: int) -> None:
        """There is another number of slots from now on."""
        self.most = _most(limit)

    @property
    def is_crowded(self) -> bool:
        """Whether so many are known that those without a slot should be forgotten, see `sweep`."""
        return len(self._known) >= self._sweep_at

    def get(self, name: str) -> Caller:
        """A caller by its name."""
        caller = self._known.get(name)
        if caller is None:
            caller = self._known[name] = Caller(name)
        return caller

    def sweep(self) -> None:
        """Forget those without a slot."""
        self._known = {name: caller for name, caller in self._known.items() if caller.taken}
        self._sweep_at = max(_MAX_REMEMBERED, 2 * len(self._known))

    def waits(self, name: str, now: float) -> None:
        """A caller was turned away, or has got a slot of those that are kept free of a large one."""
        self._waiting.pop(name, None)
        self._waiting[name] = now
        if len(self._waiting) > 2:
            del self._waiting[next(iter(self._waiting))]

    def has_enough(self, name: str, now: float) -> bool:
        """Whether a caller has its share of all slots, and somebody else waits."""
        caller = self._known.get(name) if name else None
        return caller is not None and caller.taken >= self.most and any(self._others(name, now))

    def _others(self, name: str, now: float) -> Iterable[bool]:
        return (other != name and now - at < self._seconds for other, at in self._waiting.items())


def _most(limit: int) -> int:
    """Slots that one caller may have while another one waits."""
    return max(1, int(limit * CALLER_SHARE))
