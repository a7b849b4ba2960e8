"""How an outcome is told to other programs."""

from collections.abc import Mapping
from typing import TypeVar

import attrs

from collector_mesh.domain.model.errors import (
    MAX_DETAIL_BYTES,
    NO_DETAILS,
    Executed,
    MeshError,
    clipped,
    error_for,
    text_of,
)
from collector_mesh.domain.model.payload import Message, Payload

Metadata = tuple[tuple[str, str | bytes], ...]
"""Pairs of a key and a value; a key may occur more than once."""

M = TypeVar("M", bound=Message)


@attrs.frozen
class Status:
    """The outcome of a call or of a Connect.

    Attributes:
        code: HTTP-like.
        message: for people.
        details: further facts for programs.
    """

    code: int
    message: str = ""
    details: Mapping[str, str] = NO_DETAILS

    def __reduce__(self) -> tuple[type["Status"], tuple[int, str, dict[str, str]]]:
        """Pickle it; a read-only mapping cannot be."""
        return Status, (self.code, self.message, dict(self.details))


OK = Status(200, "OK")
NO_PAYLOAD = Payload()


def status_of(error: MeshError) -> Status:
    """What other programs see of an error."""
    details = {
        clipped(str(key)): clipped(str(value), MAX_DETAIL_BYTES) for key, value in error.details.items()
    }
    return Status(error.code, clipped(text_of(error)), details or NO_DETAILS)


# Not frozen: one is made for every call, and a frozen one costs three times as much.
@attrs.define
class Reply:
    """What came of a call.

    Attributes:
        status: the outcome; 200 is success.
        payload: what the handler returned; empty unless the status is 200.
        handled_by: id of the collector whose handler ran, empty if none did.
        executed: whether a handler ran.
        metadata: pairs that came with the reply.
        tried: who was tried, in order, where that says more than `handled_by`; see `attempts`.
        is_own: whether this collector has made it up, because it has heard of no other one.
    """

    status: Status
    payload: Payload = NO_PAYLOAD
    handled_by: str = ""
    executed: Executed = Executed.NO
    metadata: Metadata = ()
    tried: tuple[str, ...] = ()
    is_own: bool = attrs.field(default=False, eq=False, repr=False)

    @property
    def attempts(self) -> tuple[str, ...]:
        """Ids of the collectors that were tried, in order: the last one is whose outcome this is."""
        return self.tried or ((self.handled_by,) if self.handled_by else ())

    @classmethod
    def refused(cls, error: MeshError) -> "Reply":
        """The reply that tells of an error."""
        return cls(status_of(error), handled_by=error.handled_by, executed=error.executed, is_own=True)

    def raise_for_status(self) -> "Reply":
        """Give the reply itself if its status is 200.

        Raises:
            MeshError: the status is another; `.code`, `.executed` and `.handled_by` tell the rest.
        """
        if self.status.code == OK.code:
            return self
        raise error_for(
            self.status.code,
            self.status.message,
            self.status.details,
            self.executed,
            self.handled_by,
        )

    def unpack(self, returns: type[M]) -> M:
        """The result as a protobuf message.

        Raises:
            MeshError: the status is not 200; or the result is not such a message (400).
        """
        return self.raise_for_status().payload.unpack(returns)
