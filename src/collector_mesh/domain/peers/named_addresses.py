"""The addresses of a client, as far as names lead to them."""

from collections.abc import Callable

from collector_mesh.domain.model.addresses import FixedAddresses
from collector_mesh.domain.model.errors import text_of
from collector_mesh.domain.peers.following import LEAST_SECONDS, LOOK_SECONDS, MAX_MEMBERS
from collector_mesh.domain.ports.addresses import Addresses
from collector_mesh.domain.ports.names import Names


class NamedAddresses:
    """Addresses of which some are names, looked up when they are needed; see the port `Addresses`.

    Args:
        fixed: addresses and names, as they were given.
        names: finds out where names lead.
        now: tells the time, in seconds.

    Raises:
        InvalidCallError: a name is malformed, or cannot be looked up here.
    """

    may_change = True

    def __init__(self, fixed: FixedAddresses, names: Names, now: Callable[[], float]) -> None:
        self.text = fixed.text
        self._names = names
        self._now = now
        self._given = fixed.known()
        self._found: dict[str, tuple[str, ...]] = {}
        self._due_at = float("-inf")
        for address in self._given:
            if names.is_name(address):
                names.check(address)

    @property
    def is_due(self) -> bool:
        """See the port."""
        return self._now() >= self._due_at

    def known(self) -> tuple[str, ...]:
        """See the port."""
        names = self._names
        parts = (
            self._found.get(address, ()) if names.is_name(address) else (address,) for address in self._given
        )
        return tuple(dict.fromkeys(address for part in parts for address in part))

    async def refresh(self) -> str:
        """See the port."""
        failures = []
        seconds = LOOK_SECONDS
        for address in self._given:
            if not self._names.is_name(address):
                continue
            try:
                found = await self._names.find(address)
            except Exception as error:  # noqa: BLE001  # whatever goes wrong, what was known stays
                failures.append(text_of(error))
                continue
            seconds = min(seconds, max(LEAST_SECONDS, found.seconds))
            earlier = self._found.get(address, ()) if found.is_partial else ()
            self._found[address] = tuple(dict.fromkeys((*found.addresses, *earlier)))[:MAX_MEMBERS]
        self._due_at = self._now() + seconds
        return "; ".join(failures)


def addresses_in(text: str, names: Names, *, now: Callable[[], float]) -> Addresses:
    """The addresses that a client is given: `ADDRESS,NAME,...`.

    Raises:
        InvalidCallError: there are too many, one of several is empty, or a name is malformed.
    """
    fixed = FixedAddresses(text)
    if any(map(names.is_name, fixed.known())):
        return NamedAddresses(fixed, names, now)
    return fixed
