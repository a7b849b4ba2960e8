"""Whose Connect is taken: a dial to an address that a stranger named is a weapon (WIRE §3)."""

from collections.abc import Callable

import attrs

from collector_mesh.domain.model.errors import ForbiddenError, quoted


@attrs.frozen
class StrangerRule:
    """Who may become a peer by unary Connect.

    Attributes:
        only_local: only peers on this machine, because this collector listens where only those reach it.
        allowed: peers anywhere, because they have proved who they are, or because the user says so.
        is_local: tells whether an address can only be of this machine.
    """

    only_local: bool
    allowed: bool
    is_local: Callable[[str], bool]

    def check(self, address: str) -> None:
        """Check an address that somebody wants to be dialed back at.

        Raises:
            InvalidCallError: it is malformed.
            ForbiddenError: it may not be dialed.
        """
        if self.allowed:
            return
        if not self.only_local:
            raise ForbiddenError(
                "unary peers are not accepted here: use mutual TLS, or start the collector with"
                " --accept-unary-peers"
            )
        if not self.is_local(address):
            raise ForbiddenError(
                f"address {quoted(address)} is not on this machine, and only such peers are accepted here"
            )


EVERYBODY = StrangerRule(only_local=False, allowed=True, is_local=lambda _: True)
