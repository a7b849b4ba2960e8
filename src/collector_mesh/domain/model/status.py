"""Outcomes, as other programs see them."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TypeVar

import attrs

from collector_mesh.domain.model.errors import (
    MAX_QUOTED,
    MAX_TEXT_BYTES,
    NO_DETAILS,
    Executed,
    MeshError,
    attribute_of,
    clipped,
    error_for,
    is_a,
    is_code,
    nested_error,
    shown,
    text_of,
)
from collector_mesh.domain.model.limits import DETAILS_CUT, MAX_DETAILS_BYTES, MAX_ENTRIES, MAX_ID_BYTES
from collector_mesh.domain.model.payload import M, Payload
from collector_mesh.domain.model.texts import visible

Metadata = tuple[tuple[str, str | bytes], ...]
"""Pairs of a key and a value; a key may occur more than once."""


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
    details: Mapping[str, str] = attrs.field(default=NO_DETAILS, hash=False)

    def __reduce__(self) -> tuple[type["Status"], tuple[int, str, dict[str, str]]]:
        """Pickle it; a read-only mapping cannot be."""
        return Status, (self.code, self.message, dict(self.details))


T = TypeVar("T")

OK = Status(200, "OK")
NO_PAYLOAD = Payload()


def status_of(error: BaseException) -> Status:
    """The status of any error.

    A stranger can only come out of a handler, or out of something else that is a user's.

    Raises nothing but KeyboardInterrupt, which is the user's at the terminal.
    """
    return chosen_status(error) or Status(500, clipped(f"handler error: {text_of(error)}"))


def chosen_status(error: BaseException) -> Status | None:
    """The status that an error asks for: that of a `MeshError` whose code is from 400 to 599, else None.

    Its class may be a user's, and any of its attributes anything.
    """
    code = attribute_of(error, "code") if is_a(error, MeshError) else None
    if not is_code(code):
        return None
    # Not the number of a subclass, as those of `http` are.
    return Status(int.__add__(code, 0), clipped(text_of(error)), _details_of(error))


def _details_of(error: BaseException) -> Mapping[str, str]:
    """The details of an error as texts, as many as may travel; there are none where they are no mapping."""
    told: dict[str, str] = {}
    size = 0
    details = attribute_of(error, "details")
    try:
        if details is NO_DETAILS or not isinstance(details, Mapping):
            return NO_DETAILS
        # One that never ends is no reason never to answer.
        for key, value in islice(details.items(), MAX_DETAILS_BYTES):
            name, text = (clipped(shown(part), MAX_DETAILS_BYTES + 1) for part in (key, value))
            told[name] = text
            size += len(name.encode()) + len(text.encode())
            if size > MAX_DETAILS_BYTES or len(told) > MAX_ENTRIES:
                return _cut(told, f"more than {MAX_DETAILS_BYTES} bytes, or more than {MAX_ENTRIES} details")
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # it may be a mapping of the user's own
        return _cut(told, "they cannot be read")
    return told or NO_DETAILS


def _cut(details: dict[str, str], why: str) -> dict[str, str]:
    """As many of the details as leave room for the remark that others were left out or cut."""
    left = MAX_DETAILS_BYTES - MAX_TEXT_BYTES
    kept: dict[str, str] = {}
    for name, text in islice(details.items(), MAX_ENTRIES - 1):
        left -= len(name.encode())
        if left < 0:
            break
        kept[name] = clipped(text, left)
        left -= len(kept[name].encode())
    return {**kept, DETAILS_CUT: why}


# Not frozen: one is made for every call, and a frozen one costs three times as much.
@attrs.define
class Reply:
    """The outcome of a call.

    Attributes:
        status: the outcome; 200 is success.
        payload: what the handler returned; empty unless the status is 200.
        handled_by: id of the collector whose handler ran, empty if none did.
        executed: whether a handler ran.
        metadata: pairs that came with the reply, after the result: gRPC calls them trailing metadata.
        tried: who was tried, in order, where that says more than `handled_by`; see `attempts`.
        is_own: whether this collector has made it up, because it has heard of no other one.
        initial_metadata: pairs that the handler has sent before its result.
    """

    status: Status
    payload: Payload = NO_PAYLOAD
    handled_by: str = ""
    executed: Executed = Executed.NO
    metadata: Metadata = ()
    tried: tuple[str, ...] = ()
    is_own: bool = attrs.field(default=False, eq=False, repr=False)
    nested: tuple[tuple[str, str, str], str] | None = attrs.field(default=None, eq=False, repr=False)
    """Of a call that was made in a handler: the names of the method, and where the call was made."""
    initial_metadata: Metadata = ()

    @property
    def attempts(self) -> tuple[str, ...]:
        """Ids of the collectors that were tried, in order; this is the outcome of the last one."""
        return self.tried or ((self.handled_by,) if self.handled_by else ())

    @classmethod
    def refused(cls, error: MeshError) -> "Reply":
        """The reply for an error."""
        executed = attribute_of(error, "executed")
        handled_by = attribute_of(error, "handled_by")
        return cls(
            status_of(error),
            handled_by=clipped(handled_by, MAX_ID_BYTES) if type(handled_by) is str else "",
            # Whoever says something else does not know.
            executed=executed if isinstance(executed, Executed) else Executed.MAYBE,
            is_own=True,
        )

    def raise_for_status(self) -> "Reply":
        """Return the reply itself if its status is 200.

        Raises:
            MeshError: the status is another one; see its `.code`, `.executed`, `.handled_by` and `.metadata`.
        """
        if self.status.code == OK.code:
            return self
        error = error_for(
            self.status.code,
            self.status.message,
            self.status.details,
            self.executed,
            self.handled_by,
        )
        if self.metadata:
            error.metadata = self.metadata
        raise error if self.nested is None else self._named(error, self.nested)

    def _named(self, error: MeshError, nested: tuple[tuple[str, str, str], str]) -> MeshError:
        key, here = nested
        # Also where the result is not what was asked for, which is seen here.
        error.executed, error.handled_by = self.executed, self.handled_by
        called = "/".join(visible(name, MAX_QUOTED) for name in key)
        return nested_error(error, called, self.handled_by or (self.tried[-1] if self.tried else here))

    def unpack(self, returns: type[M]) -> M:
        """The result as a protobuf message, or as plain data; see `Payload.unpack`.

        Raises:
            MeshError: the status is not 200; or the result is not such a message (400).
        """
        return self.read(lambda payload: payload.unpack(returns))

    def read(self, reader: Callable[[Payload], T]) -> T:
        """The result, as something reads it that raises InvalidCallError for a payload that it cannot read.

        Raises:
            MeshError: the status is not 200; or the result cannot be read (400).
        """
        payload = self.raise_for_status().payload
        try:
            return reader(payload)
        except MeshError as error:
            if self.nested is None:
                # Whatever it is that cannot be read here, the handler has run.
                error.executed, error.handled_by = self.executed, self.handled_by
                raise
            raise self._named(error, self.nested) from error


def nested_error_of(reply: Reply) -> MeshError | None:
    """What `raise_for_status` raises for a call that was made in a handler; None for any other call, and for success."""
    if reply.nested is not None:
        try:
            reply.raise_for_status()
        except MeshError as error:
            return error.with_traceback(None)
    return None
