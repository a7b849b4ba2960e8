"""Whose Connect is taken: a dial to an address that a stranger named is a weapon (WIRE §3)."""

import attrs

from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import ForbiddenError, quoted


@attrs.frozen
class StrangerRule:
    """Who may become a peer by unary Connect.

    Attributes:
        only_loopback: only peers on this machine, because this collector listens on loopback.
        allowed: peers anywhere, because they have proved who they are, or because the user says so.
    """

    only_loopback: bool
    allowed: bool

    def check(self, address: str) -> None:
        """Check an address that somebody wants to be dialed back at.

        Raises:
            ForbiddenError: it may not be dialed.
        """
        if self.allowed:
            return
        if not self.only_loopback:
            raise ForbiddenError(
                "unary peers are not accepted here: use mutual TLS, or start the collector with"
                " --accept-unary-peers"
            )
        if not HostPort.parse(address).is_loopback:
            raise ForbiddenError(
                f"address {quoted(address)} is not on this machine, and only such peers are accepted here"
            )


EVERYBODY = StrangerRule(only_loopback=False, allowed=True)
