"""Who has opened a link and said nothing yet, and who of them has to go when others want in."""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class WaitingRoom(Generic[T]):
    """Has a number of places, and keeps nobody out: when it is full somebody else goes.

    That is the one that has been silent longest of the address with most of them, the newcomer's included. So no
    address has more than its share while others want in, and whoever says hello soon is in before it is their turn.

    Args:
        places: how many may be silent at once.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        # Both in the order in which they came.
        self._addresses: dict[T, str] = {}
        self._of_address: dict[str, dict[T, None]] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, link: T, address: str, *, is_short: bool = False) -> T | None:
        """Take one in; gives the one that has to go for it, if one has.

        Args:
            link: the newcomer.
            address: the host that it comes from.
            is_short: whether one has to go although there are places.
        """
        self._addresses[link] = address
        self._of_address.setdefault(address, {})[link] = None
        if len(self._addresses) <= self._places and not is_short:
            return None
        most = max(map(len, self._of_address.values()))
        gone = next(other for other, whose in self._addresses.items() if len(self._of_address[whose]) == most)
        self.leave(gone)
        return gone

    def leave(self, link: T) -> None:
        """It has said hello, or has ended."""
        address = self._addresses.pop(link, None)
        if address is not None:
            others = self._of_address[address]
            del others[link]
            if not others:
                del self._of_address[address]
