"""The channel, as its methods and calls know it, and what all of them refuse."""

from typing import Any, Protocol

from grpc import aio

from collector_mesh.domain.model.errors import kind_of
from collector_mesh.domain.ports.call_starter import CallStarter

CREDENTIALS = (
    "Call credentials are only valid on secure channels of gRPC, and this one is of the mesh: what the handler is to see"
    " goes into metadata"
)


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
        raise aio.UsageError(CREDENTIALS)


def check_callback(callback: object) -> None:
    """See that something can be called.

    Raises:
        TypeError: it cannot.
    """
    if not callable(callback):
        raise TypeError(f"a done callback must be callable, got {kind_of(callback)}")


def not_carried(path: str, kind: str) -> str:
    """What is said of a method of a kind that the mesh does not have."""
    return f"{path} is called as a {kind} method, and the mesh carries calls of one request and one response only"
