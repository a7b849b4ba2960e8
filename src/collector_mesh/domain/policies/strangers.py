"""Who may come and be a peer, by a link or by unary Connect.

A peer is sent calls with their payloads, and a dial to an address that a stranger named is a weapon (WIRE §3).
"""

from collections.abc import Callable

import attrs

from collector_mesh.domain.model.errors import ForbiddenError, quoted


@attrs.frozen
class StrangerRule:
    """Who may become a peer without having been dialed.

    Attributes:
        only_local: only peers on this machine, because this collector listens where only those reach it.
        allowed: peers anywhere, because they have proved who they are, or because the user says so.
        is_local: tells whether an address can only be of this machine.
    """

    only_local: bool
    allowed: bool
    is_local: Callable[[str], bool]

    def check(self) -> None:
        """Check that peers are taken at all.

        Raises:
            ForbiddenError: they are not.
        """
        if not (self.allowed or self.only_local):
            raise ForbiddenError(
                "peers are not accepted here, by links or by unary Connect, because this collector listens beyond its"
                " machine: use mutual TLS, or start the collector with --accept-peers"
            )

    def check_address(self, address: str) -> None:
        """Check an address that somebody wants to be dialed back at.

        Raises:
            InvalidCallError: it is malformed.
            ForbiddenError: it may not be dialed.
        """
        self.check()
        if not self.allowed and not self.is_local(address):
            raise ForbiddenError(
                f"address {quoted(address)} is not on this machine, and only such peers are accepted here"
            )


EVERYBODY = StrangerRule(only_local=False, allowed=True, is_local=lambda _: True)
