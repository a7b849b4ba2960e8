"""One call of a servicer: the status that it chooses, and who is told when it has ended."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import grpc
import grpc.aio

from collector_mesh.adapters.wire.grpc_codes import Code, chosen_error
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import MeshError, attribute_of, is_a, kind_of
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.serving.failures import ChosenFailure

_BINARY = "-bin"


class Failures(Protocol):
    """Is told of what servicers raise where nobody else sees it."""

    def failed(self, key: MethodKey, error: BaseException) -> None:
        """A callback has raised, or an error was hidden by an abort."""
        ...


class Rpc:
    """The state of one call, which its context changes, maybe from several threads.

    Args:
        call: the call, as the mesh knows it.
        failures: told of errors that have no other effect.
    """

    __slots__ = (
        "_callbacks",
        "_failures",
        "call",
        "code",
        "details",
        "given_code",
        "has_returned",
        "has_sent_initial",
        "is_aborted",
        "is_over",
    )

    def __init__(self, call: CallContext, failures: Failures) -> None:
        self.call = call
        self.code = 0
        """The code that was chosen, as a number."""
        self.given_code: object = None
        """The same as the servicer has given it."""
        self.details = ""
        """The text that was chosen."""
        self.is_aborted = False
        """Whether it was aborted; from then on the status stands."""
        self.has_returned = False
        """Whether the servicer has returned, and not raised."""
        self.has_sent_initial = False
        self.is_over = False
        """Whether the servicer has ended, or nobody waits for it anymore."""
        self._failures = failures
        self._callbacks: list[Callable[[], object]] = []

    @property
    def key(self) -> MethodKey:
        """The names of the method."""
        return MethodKey(self.call.namespace, self.call.service, self.call.method)

    @property
    def is_active(self) -> bool:
        """Whether somebody waits for the outcome, and the servicer has not ended."""
        return not self.is_over and not self.call.is_cancelled

    # ---- what the servicer chooses -------------------------------------------------------------------

    def choose(self, code: object) -> None:
        """Take a code down: one of grpc's, or its number; anything else is UNKNOWN, as on a grpc server."""
        if not self.is_aborted:
            self.code, self.given_code = number_of(code), code

    def describe(self, details: str) -> None:
        """Take a text down."""
        if not self.is_aborted:
            self.details = details

    def set_trailing(self, metadata: object, *, also_after_abort: bool = False) -> None:
        """Set the trailing metadata; without effect where it has gone, as those of an async servicer have with an abort.

        Raises:
            ValueError: it cannot travel.
            TypeError: it is no metadata.
        """
        pairs = pairs_of(metadata)
        if not self.is_over and (also_after_abort or not self.is_aborted):
            self.call.set_trailing_metadata(pairs)

    def send_initial(self, metadata: object) -> None:
        """Send the initial metadata; the caller gets it with the result."""
        self.call.send_initial_metadata(pairs_of(metadata))
        self.has_sent_initial = True

    def abort(self, code: object, details: str, trailing: object) -> BaseException:
        """End the call with a status that stands, whatever the servicer does from now on; gives what is to be raised.

        A text and metadata that are empty leave what was set before.
        """
        number = number_of(code)
        if pairs := pairs_of(trailing):
            self.call.set_trailing_metadata(pairs)
        if details:
            self.details = details
        if number == Code.OK:
            # No outcome of an abort; a grpc server for threads says the same.
            number, self.details = int(Code.UNKNOWN), ""
            self._failures.failed(self.key, ValueError("abort was called with the code OK; UNKNOWN is sent"))
        self.code, self.given_code = number, code
        self.is_aborted = True
        # It is not kept: it leads to all that has raised it.
        error: BaseException = grpc.aio.AbortError("Locally aborted.")
        return error

    # ---- how it ends ---------------------------------------------------------------------------------

    def survives(self, error: BaseException) -> bool:
        """Whether a servicer has chosen a status that stands, although it has ended by an error."""
        return self.code != Code.OK or (self.details != "" and not is_a(error, MeshError))

    def failure(self, error: BaseException) -> BaseException:
        """What a servicer's error comes to that the status survives."""
        if self.is_aborted:
            if not _is_abort(error):
                self._failures.failed(self.key, error)
            return chosen_error(self.code, self.details)
        code, details = self.code or Code.UNKNOWN, self.details
        return ChosenFailure(error, lambda text: chosen_error(code, details or text))

    def end(self) -> None:
        """It is over: those are told who have asked for it, once."""
        self.is_over = True
        while self._callbacks:
            # Another thread may end it too.
            try:
                callback = self._callbacks.pop(0)
            except IndexError:
                return
            self._run(callback)

    def leave(self) -> bool:
        """It is over, as for `end`, but nobody is told yet; gives whether somebody is to be."""
        self.is_over = True
        return bool(self._callbacks)

    def end_aside(self) -> None:
        """As `end`, in a thread of nobody's: it never raises."""
        while self._callbacks:
            # No user at a terminal has raised it here.
            with suppress(KeyboardInterrupt):
                self.end()

    def _run(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # it is a servicer's, and must not change the outcome
            self._failures.failed(self.key, error)

    def when_over(self, callback: Callable[[], object]) -> bool:
        """Have something called when it is over; gives whether it will be.

        Raises:
            TypeError: it cannot be called.
        """
        if not callable(callback):
            raise TypeError(f"a callback must be callable, got {kind_of(callback)}")
        if self.is_over:
            return False
        self._callbacks.append(callback)
        if self.is_over:
            # It has ended meanwhile, and may have called it.
            try:
                self._callbacks.remove(callback)
            except ValueError:
                return True
            return False
        return True


def _is_abort(error: BaseException) -> bool:
    """Whether an error is that of an abort, or a group of such, as a task group raises one."""
    if is_a(error, BaseExceptionGroup):
        within = attribute_of(error, "exceptions")
        return is_a(within, tuple) and all(map(_is_abort, within))  # type: ignore[call-overload]  # just looked
    return is_a(error, grpc.aio.AbortError)


def number_of(code: object) -> int:
    """The number of a code, as a servicer gives it: one of `grpc.StatusCode`, or a number; UNKNOWN for anything else."""
    if is_a(code, grpc.StatusCode):
        number: int = code.value[0]  # type: ignore[attr-defined]  # just looked
        return number
    if is_a(code, int) and 0 <= int.__add__(code, 0) <= Code.UNAUTHENTICATED:  # type: ignore[operator]  # just looked
        return int.__add__(code, 0)  # type: ignore[operator]  # as above
    return int(Code.UNKNOWN)


def text_argument(details: object) -> str:
    """The text of a status.

    Raises:
        TypeError: it is none.
    """
    if details is None:
        return ""
    if is_a(details, bytes):
        return bytes.decode(details, "utf-8", "backslashreplace")  # type: ignore[arg-type]  # just looked
    if not is_a(details, str):
        raise TypeError(f"details must be a str, got {kind_of(details)}")
    return str.__str__(details)


def pairs_of(metadata: object) -> list[tuple[str, str | bytes]]:
    """Metadata as a servicer gives it: pairs, of which some have bytes where a text is meant, or the other way round.

    Raises:
        TypeError: it is no metadata.
    """
    if metadata is None:
        return []
    if is_a(metadata, str, bytes) or not isinstance(metadata, Iterable):
        raise TypeError(f"metadata must be pairs of a key and a value, got {kind_of(metadata)}")
    given: Iterable[Any] = metadata.items() if isinstance(metadata, Mapping) else metadata
    return [_pair_of(pair) for pair in given]


def _pair_of(pair: Any) -> tuple[str, str | bytes]:
    try:
        key, value = pair
    except (TypeError, ValueError):
        raise TypeError(f"metadata must be pairs of a key and a value, got {kind_of(pair)}") from None
    if is_a(key, bytes):
        key = key.decode("ascii", "backslashreplace")
    if is_a(key, str):
        if key.endswith(_BINARY):
            value = value.encode() if is_a(value, str) else value
        elif is_a(value, bytes):
            value = value.decode("ascii", "backslashreplace")
    return key, value
