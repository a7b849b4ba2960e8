"""Port: finding out where a name leads."""

from typing import Protocol

import attrs


@attrs.frozen
class Found:
    """Where a name leads.

    Attributes:
        addresses: each once; at least one.
        seconds: how long that holds, as whoever knows it says.
        is_partial: whether more may belong to it that could not be found now.
    """

    addresses: tuple[str, ...]
    seconds: float
    is_partial: bool = False


class Names(Protocol):
    """Finds out where names lead that stand for several addresses, which may change."""

    def is_name(self, address: str) -> bool:
        """Whether an address is such a name, well-formed or not."""
        ...

    def check(self, address: str) -> None:
        """Check a name.

        Raises:
            InvalidCallError: it is malformed, or what it needs is not installed; the text says what to do.
        """
        ...

    async def find(self, address: str) -> Found:
        """Find out where a name leads now. Ends within a few seconds.

        Raises:
            UnavailableError: nothing was found; the text says why.
        """
        ...


class NoNames:
    """No address is a name."""

    def is_name(self, address: str) -> bool:
        """See the port."""
        _ = address
        return False

    def check(self, address: str) -> None:
        """See the port."""

    async def find(self, address: str) -> Found:
        """See the port."""
        return Found((address,), float("inf"))
