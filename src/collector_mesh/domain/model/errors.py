"""The errors of the mesh: the class is the reason, the text names the value and what is allowed."""

from collections.abc import Mapping
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import TypeGuard

MAX_QUOTED = 100
"""Longest quotation of a foreign value in a message, in characters."""

MAX_TEXT_BYTES = 1024
"""Longest message of a status, in bytes of UTF-8."""

MAX_DETAIL_BYTES = 2048
"""Longest value of a detail that the mesh itself puts into a status, in bytes of UTF-8."""

_MAX_NESTED = 3
"""The number of exceptions of a group that a text names, and the depth to which it looks into groups in groups."""

_MAX_READ = 1 << 16
"""The number of details that are read of a user's own mapping, which may never end; others are left out."""

NO_DETAILS: Mapping[str, str] = MappingProxyType({})


class Executed(Enum):
    """Whether a handler ran: a fact of its own, never read off a code."""

    NO = "no"
    """None ran, and none will."""
    YES = "yes"
    """It ran, with whatever result."""
    MAYBE = "maybe"
    """The call had left, and no answer has come."""

    @property
    def rank(self) -> int:
        """How much of a run is known, to compare: over several tries of a call it is never told as less than it was."""
        return _RANKS[self]


_RANKS: Mapping[Executed, int] = MappingProxyType({Executed.NO: 0, Executed.MAYBE: 1, Executed.YES: 2})


def quoted(value: str) -> str:
    """A foreign value as it may stand in a message: cut, in quotes, without anything unprintable."""
    return repr(value[:MAX_QUOTED])


def is_a(value: object, *kinds: type) -> bool:
    """Whether something is of one of several types, whatever it says of its class: that may be a property that raises."""
    return issubclass(type(value), kinds)


def kind_of(value: object) -> str:
    """What something is, as an error says it."""
    return f"the class {attribute_of(value, '__name__')}" if is_a(value, type) else type(value).__qualname__


def is_unicode(text: str) -> bool:
    """Whether a text can be sent: one with a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """Anything as a text, also what has none: then it is the name of its type.

    Raises nothing but KeyboardInterrupt, which is the user's at the terminal.
    """
    try:
        # Not the text of a subclass, which may have ideas of its own.
        return str.__str__(str(value))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # a user's __str__ may do anything
        return type(value).__name__


def attribute_of(value: object, name: str) -> object:
    """An attribute of something that a user has made, None where it cannot be had.

    Raises nothing but KeyboardInterrupt, which is the user's at the terminal.
    """
    try:
        found: object = getattr(value, name)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # it may be a property
        return None
    return found


def text_of(error: BaseException) -> str:
    """The text of any exception, also of one without a text or whose text cannot be had.

    That of a group says how many are in it, and nothing of them: the first ones are told behind it.
    """
    return _text_of(error, _MAX_NESTED)


def _text_of(error: BaseException, depth: int) -> str:
    text = shown(error)
    name = type(error).__name__
    if not text.strip():
        return name
    inner = attribute_of(error, "exceptions") if depth and is_a(error, BaseExceptionGroup) else None
    if type(inner) is tuple:
        first = inner[:_MAX_NESTED]
        told = [_text_of(one, depth - 1)[:MAX_TEXT_BYTES] for one in first]
        return "; ".join((f"{text[:MAX_TEXT_BYTES]}: {told[0]}", *told[1:])) if told else text
    # Its text is a key, or a number, which says nothing by itself.
    is_bare = is_a(error, KeyError) or (
        is_a(error, SystemExit) and not is_a(attribute_of(error, "code"), str)
    )
    return f"{name}: {text}" if is_bare and text != name else text


def clipped(text: str, most: int = MAX_TEXT_BYTES) -> str:
    """A text as it may travel: valid UTF-8 of at most `most` bytes."""
    # No character takes less than a byte: what is cut first need not be encoded.
    data = text[:most].encode("utf-8", "backslashreplace")
    return data[:most].decode("utf-8", "ignore")


def checked_details(details: object) -> dict[str, str]:
    """The details of an error, if they are a mapping of texts.

    Raises:
        TypeError: they are not; the text names which one.
    """
    if not is_a(details, dict) and not isinstance(details, Mapping):
        raise TypeError(f"details must be a mapping of str to str, got {kind_of(details)}")
    try:
        items = list(islice(details.items(), _MAX_READ))  # type: ignore[attr-defined]  # just looked
    except Exception as error:
        # A user's own, which may do anything.
        raise TypeError(f"details cannot be read: {clipped(text_of(error))}") from error
    checked = {}
    for item in items:
        if not is_a(item, tuple) or len(item) != 2:
            raise TypeError(f"details must be a mapping of str to str, got {kind_of(item)} for an item")
        key, value = item
        if not is_a(key, str):
            raise TypeError(f"details: each name must be a str, got {kind_of(key)} {quoted(shown(key))}")
        if not is_a(value, str):
            raise TypeError(f"details[{quoted(key)}] must be a str, got {kind_of(value)}")
        # Not of a subclass, which may have ideas of its own.
        checked[str.__str__(key)] = str.__str__(value)
    return checked


class MeshError(Exception):
    """A call or an operation of the mesh that did not succeed.

    A handler may raise one to answer with a code of its own.

    Args:
        message: for people; it names the value that was wrong and what is allowed.
        code: HTTP-like, 400 to 599; the class has one of its own.
        details: further facts for programs, texts by name; 64 KiB of them are told to others.
        executed: whether a handler ran.
        handled_by: the collector whose handler ran, empty if none did.

    Raises:
        TypeError: the code is no whole number, the details are no mapping of texts, or `executed` is no `Executed`.
        ValueError: the code is none of an error.
    """

    code: int = 500
    executed: Executed = Executed.NO
    handled_by: str = ""
    details: Mapping[str, str] = NO_DETAILS
    called: str = ""
    """`NAMESPACE/SERVICE/METHOD` of the failed call, if a handler made it; empty for any other error."""
    raised_by: str = ""
    """The collector that answered so to that handler: the one whose handler ran, else the one that refused the call."""
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    """Of a failed call: the trailing metadata of its reply. A handler sends its own by `set_trailing_metadata`."""

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
            if not isinstance(code, int):
                raise TypeError(f"code must be a whole number between 400 and 599, got {code!r}")
            if not is_code(code):
                raise ValueError(f"code must be between 400 and 599, got {code}")
            self.code = code
        if details is not None and details is not NO_DETAILS and (checked := checked_details(details)):
            self.details = checked
        if executed is not None:
            if not isinstance(executed, Executed):
                raise TypeError(f"executed must be an Executed, got {executed!r}")
            self.executed = executed
        if handled_by:
            self.handled_by = handled_by

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle it by what it holds: a subclass may be made from anything."""
        state = dict(self.__dict__)
        if isinstance(details := state.get("details"), MappingProxyType):
            state["details"] = dict(details)
        return _again, (type(self), self.args), state


def _again(kind: type[MeshError], texts: tuple[object, ...]) -> MeshError:
    return kind.__new__(kind, *texts)


def is_code(code: object) -> TypeGuard[int]:
    """Whether something can be the code of an error: a whole number from 400 to 599."""
    # Not `isinstance`, which believes what an object says of its class, nor its own comparison.
    return issubclass(type(code), int) and 400 <= int.__add__(code, 0) <= 599  # type: ignore[operator]  # just looked


class InvalidCallError(MeshError):
    """A field is empty or malformed, or the payload is not what the method takes."""

    code = 400


class AmbiguousError(InvalidCallError):
    """A name may mean several: a call that names no namespace, or a service that is named in short."""


class UnauthenticatedError(MeshError):
    """The caller has shown no credentials, or wrong ones, where it needs some; no handler ran."""

    code = 401


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
        """The error that asks the caller to try again after some seconds."""
        return cls("overloaded", details={"retry_after_ms": str(round(seconds * 1000))})


class HandlerError(MeshError):
    """The handler raised, or returned what cannot be sent."""

    code = 500
    executed = Executed.YES


class UnimplementedError(MeshError):
    """The method is of a kind that the caller or the peer cannot speak; no handler ran."""

    code = 501


class OutcomeUnknownError(MeshError):
    """The connection was lost after the request had been sent."""

    code = 502
    executed = Executed.MAYBE


class UnavailableError(MeshError):
    """No healthy collector can take it, or those that could are draining; no handler ran."""

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
            UnauthenticatedError,
            ForbiddenError,
            NotFoundError,
            ConflictError,
            PayloadTooLargeError,
            OverloadedError,
            HandlerError,
            UnimplementedError,
            OutcomeUnknownError,
            UnavailableError,
            DeadlineExceededError,
            LoopError,
        )
    }
)


def nested_error(error: MeshError, called: str, raised_by: str) -> MeshError:
    """The error of a call that a handler made: it names the call, and the collector that failed.

    So it is told from an error of the handler's own, also where the handler does not catch it.
    """
    text = f"call of {called} failed: {error.code} at {raised_by}: {error}"
    named = error_for(error.code, text, error.details, error.executed, error.handled_by)
    named.called, named.raised_by = called, raised_by
    if error.metadata:
        named.metadata = error.metadata
    return named


def stand_for(error: BaseException, told: MeshError) -> None:
    """Have an error of another library's class stand for one of the mesh, where a handler lets it escape."""
    error._collector_mesh_error = told  # type: ignore[attr-defined]  # noqa: SLF001  # a name that nobody else takes


def stood_for(error: BaseException) -> BaseException:
    """The error of the mesh that an error stands for; without one the error itself."""
    told = attribute_of(error, "_collector_mesh_error")
    return told if isinstance(told, MeshError) else error


def error_for(
    code: int,
    message: str,
    details: Mapping[str, str] = NO_DETAILS,
    executed: Executed = Executed.NO,
    handled_by: str = "",
) -> MeshError:
    """The error that tells of an outcome; its class goes by the code."""
    kind = _BY_CODE.get(code, MeshError)
    fitting = code if is_code(code) else 500
    return kind(message, code=fitting, details=details, executed=executed, handled_by=handled_by)
