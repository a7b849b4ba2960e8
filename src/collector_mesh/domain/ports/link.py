"""Ports: the way to one peer."""

from typing import Protocol

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import Reply


class Link(Protocol):
    """The way to one collector. Calls may overlap; replies come in any order.

    Every call ends by its deadline. Cancelling one tells the other side.
    """

    address: str

    async def serve(self, call: Call) -> Reply:
        """Have the call run there and nowhere else.

        Raises:
            UnavailableError: it could not be sent; no handler ran.
            OutcomeUnknownError: the connection was lost after it had been sent.
            DeadlineExceededError: its time is up.
        """
        ...

    async def dispatch(self, call: Call) -> Reply:
        """Have the collector there find a collector that runs the call. Raises what `serve` does."""
        ...

    async def aclose(self, *, grace: float = 0.0) -> None:
        """Take no more calls, and let go of the peer. Idempotent.

        Running calls may finish for `grace` seconds; then their outcome is unknown.
        """
        ...


class UnaryLink(Link, Protocol):
    """The way to a collector that has no links: one request for each call."""

    async def connect(self, offer: Offer, *, timeout: float) -> Welcome:
        """Introduce this collector; the answer may be a refusal.

        Raises:
            UnavailableError: no answer has come in time.
        """
        ...
