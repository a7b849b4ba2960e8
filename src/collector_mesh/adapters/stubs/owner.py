"""The channel, as its methods and calls know it, and what all of them refuse."""

from typing import Any, Protocol

from grpc import aio

from collector_mesh.domain.ports.call_starter import CallStarter


class CallOwner(Protocol):
    """The channel."""

    starter: CallStarter
    under_way: dict[Any, None]
    """Calls that have not ended."""
    is_closed: bool


def check_open(owner: CallOwner) -> None:
    """See that the channel takes calls.

    Raises:
        UsageError: it is closed.
    """
    if owner.is_closed:
        raise aio.UsageError("Channel is closed.")


def check_credentials(credentials: object) -> None:
    """See that a call has no credentials: they are for a connection of gRPC, which it does not have.

    Raises:
        UsageError: it has some.
    """
    if credentials is not None:
        raise aio.UsageError(
            "Call credentials are only valid on secure channels of gRPC, and this one is of the mesh: what the handler is"
            " to see goes into metadata"
        )
