"""The errors of the mesh: the class is the reason, the text names the value and what is allowed."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

MAX_QUOTED = 100
"""Longest quotation of a foreign value in a message, in characters."""

MAX_TEXT_BYTES = 1024
"""Longest message of a status, in bytes of UTF-8."""

MAX_DETAIL_BYTES = 2048
"""Longest value of a detail of a status, in bytes of UTF-8."""

NO_DETAILS: Mapping[str, str] = MappingProxyType({})


class Executed(Enum):
    """Whether a handler ran: a fact of its own, never read off a code."""

    NO = "no"
    YES = "yes"
    MAYBE = "maybe"


def quoted(value: str) -> str:
    """A foreign value as it may stand in a message: cut, in quotes, without anything unprintable."""
    return repr(value[:MAX_QUOTED])


def is_unicode(text: str) -> bool:
    """Whether a text can be sent: one with a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_of(error: BaseException) -> str:
    """The text of any exception, also of one without a text or whose text cannot be had."""
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001  # a user's __str__ may do anything
        return type(error).__name__


def clipped(text: str, most: int = MAX_TEXT_BYTES) -> str:
    """A text as it may travel: valid UTF-8 of at most so many bytes."""
    data = text.encode("utf-8", "backslashreplace")
    return data[:most].decode("utf-8", "ignore")


class MeshError(Exception):
    """A call or an operation of the mesh that did not succeed.

    A handler may raise one to answer with a code of its own.

    Args:
        message: for people; it names the value that was wrong and what is allowed.
        code: HTTP-like, 400 to 599; the class has one of its own.
        details: further facts for programs.
        executed: whether a handler ran.
        handled_by: the collector whose handler ran, empty if none did.
    """

    code: int = 500
    executed: Executed = Executed.NO
    handled_by: str = ""
    details: Mapping[str, str] = NO_DETAILS

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        details: Mapping[str, str] | None = None,
        executed: Executed | None = None,
        handled_by: str = "",
    ) -> None:
        super().__init__(message)
        if code is not None:
            if not 400 <= code <= 599:
                raise ValueError(f"code must be between 400 and 599, got {code}")
            self.code = code
        if details:
            self.details = dict(details)
        if executed is not None:
            self.executed = executed
        if handled_by:
            self.handled_by = handled_by


class InvalidCallError(MeshError):
    """A field is empty or malformed, or the payload is not what the method takes."""

    code = 400


class ForbiddenError(MeshError):
    """The caller may not do this here."""

    code = 403


class NotFoundError(MeshError):
    """There is no such namespace, method or collector, or the validator refuses the method."""

    code = 404


class ConflictError(MeshError):
    """The collector id is held by a live, different collector."""

    code = 409


class DuplicateMethodError(MeshError, ValueError):
    """The method is registered already."""

    code = 409


class PayloadTooLargeError(MeshError):
    """A payload over the limit; it was not sent."""

    code = 413

    @classmethod
    def of(cls, size: int, limit: int) -> "PayloadTooLargeError":
        """The error for a payload of `size` bytes where `limit` bytes are allowed."""
        return cls(f"payload of {size} bytes is over the limit of {limit} bytes")


class OverloadedError(MeshError):
    """Over a limit of concurrency: shed, at once, and not run."""

    code = 429

    @classmethod
    def after(cls, seconds: float) -> "OverloadedError":
        """The error that asks the caller to come back after some seconds."""
        return cls("overloaded", details={"retry_after_ms": str(round(seconds * 1000))})


class HandlerError(MeshError):
    """The handler raised, or returned what cannot be sent."""

    code = 500
    executed = Executed.YES


class OutcomeUnknownError(MeshError):
    """The connection was lost after the request had been sent."""

    code = 502
    executed = Executed.MAYBE


class UnavailableError(MeshError):
    """Nobody healthy is there to take it, or whoever is there is draining; no handler ran."""

    code = 503


class ListenError(UnavailableError):
    """The address cannot be listened on: it is taken, or not of this machine."""


class LoopError(MeshError):
    """The call has been passed on too often, or has come back."""

    code = 508


class DeadlineExceededError(MeshError):
    """The time for the call is up."""

    code = 504
    executed = Executed.MAYBE


_BY_CODE: Mapping[int, type[MeshError]] = MappingProxyType(
    {
        kind.code: kind
        for kind in (
            InvalidCallError,
            ForbiddenError,
            NotFoundError,
            ConflictError,
            PayloadTooLargeError,
            OverloadedError,
            HandlerError,
            OutcomeUnknownError,
            UnavailableError,
            DeadlineExceededError,
            LoopError,
        )
    }
)


def error_for(
    code: int,
    message: str,
    details: Mapping[str, str] = NO_DETAILS,
    executed: Executed = Executed.NO,
    handled_by: str = "",
) -> MeshError:
    """The error that tells of an outcome; its class goes by the code."""
    kind = _BY_CODE.get(code, MeshError)
    fitting = code if 400 <= code <= 599 else 500
    return kind(message, code=fitting, details=details, executed=executed, handled_by=handled_by)
