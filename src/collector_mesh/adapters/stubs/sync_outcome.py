"""What a call through a stub for threads has come to, and the error that tells of it where it is no success."""

import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, NoReturn, Self

import grpc

from collector_mesh.adapters.stubs.method import StubMethod, UnfitResponseError
from collector_mesh.adapters.stubs.outcome import Outcome as TellsOf
from collector_mesh.adapters.stubs.outcome import outcome_of as told_of
from collector_mesh.adapters.stubs.owner import check_callback
from collector_mesh.domain.model.errors import MeshError, stand_for
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.texts import visible


class Pair(NamedTuple):
    """One of the pairs of metadata, as grpc gives them."""

    key: str
    value: str | bytes


Pairs = tuple[Pair, ...]


class Outcome(NamedTuple):
    """How a call has ended.

    Attributes:
        code: a code of gRPC.
        details: for people.
        initial: initial metadata.
        trailing: trailing metadata.
        debug: more, for people.
        response: what the stub gives, where the code is that of success.
        is_cancelled: whether it was cancelled here.
        cause: the error behind that, if there is one.
        raised: what was raised as the call was to be begun, which is raised again in the place of all of this.
        nested: the error of the mesh, of a call that a handler has made.
    """

    code: grpc.StatusCode
    details: str
    initial: Pairs = ()
    trailing: Pairs = ()
    debug: str = ""
    response: Any = None
    is_cancelled: bool = False
    cause: Exception | None = None
    raised: Exception | None = None
    nested: MeshError | None = None


class SyncRpcError(grpc.RpcError, grpc.Call, grpc.Future):  # type: ignore[type-arg]  # it takes none when this runs
    """A call through a stub for threads that was no success: raised, and looked at as a call that has ended.

    Args:
        code: the code.
        details: for people.
        initial: initial metadata.
        trailing: trailing metadata.
        debug: more, for people.
    """

    def __init__(
        self, code: grpc.StatusCode, details: str, initial: Pairs = (), trailing: Pairs = (), debug: str = ""
    ) -> None:
        super().__init__(code, details, initial, trailing, debug)
        self._code = code
        self._details = details
        self._initial = initial
        self._trailing = trailing
        self._debug = debug

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """The error for an outcome that is no success."""
        error = cls(outcome.code, outcome.details, outcome.initial, outcome.trailing, outcome.debug)
        error.__cause__ = outcome.cause
        if outcome.nested is not None:
            stand_for(error, outcome.nested)
        return error

    def code(self) -> grpc.StatusCode:
        """The code."""
        return self._code

    def details(self) -> str:
        """What is said for people."""
        return self._details

    def initial_metadata(self) -> Pairs:
        """The initial metadata."""
        return self._initial

    def trailing_metadata(self) -> Pairs:  # type: ignore[override]  # grpc's own class is private
        """The trailing metadata."""
        return self._trailing

    def debug_error_string(self) -> str:
        """What is known beside the code."""
        return self._debug

    def is_active(self) -> bool:
        """Whether the call is under way: it is not."""
        return False

    def time_remaining(self) -> float | None:  # type: ignore[override]  # as grpc documents it
        """Seconds that the call has left: it has ended."""
        return None

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Refuse: the call has ended."""
        _ = callback
        return False

    def cancel(self) -> bool:
        """Refuse: the call has ended."""
        return False

    def cancelled(self) -> bool:
        """Whether the call was cancelled here before it had ended: never of one that is raised."""
        return False

    def running(self) -> bool:
        """Whether the call is under way: it is not."""
        return False

    def done(self) -> bool:
        """Whether the call has ended: it has."""
        return True

    def result(self, timeout: float | None = None) -> NoReturn:
        """Raise this."""
        _ = timeout
        raise self

    def exception(self, timeout: float | None = None) -> Self:
        """Give this."""
        _ = timeout
        return self

    def traceback(self, timeout: float | None = None) -> types.TracebackType | None:
        """The traceback of this, as it is raised here."""
        _ = timeout
        return traceback_of(self)

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Call a function with this, at once."""
        check_callback(fn)
        fn(self)

    def __iter__(self) -> Iterator[Any]:
        """As what a call gives whose responses are a stream: there is none."""
        return self

    def __next__(self) -> NoReturn:
        """Raise this."""
        raise self

    def next(self) -> NoReturn:
        """Raise this."""
        raise self

    def __str__(self) -> str:
        return shown_as(type(self).__name__, self._code, self._details, self._debug)

    __repr__ = __str__


def traceback_of(error: BaseException) -> types.TracebackType | None:
    """The traceback that an error has once it was raised."""
    try:
        raise error
    except BaseException as raised:  # noqa: BLE001  # it was raised to be caught
        return raised.__traceback__


def shown_as(kind: str, code: grpc.StatusCode, details: str, debug: str) -> str:
    """A call that has ended as a text, as gRPC writes it."""
    more = f'\n\tdebug_error_string = "{visible(debug)}"' if debug else ""
    return (
        f'<{kind} of RPC that terminated with:\n\tstatus = {code}\n\tdetails = "{visible(details)}"{more}\n>'
    )


def outcome_of(method: StubMethod, reply: Reply) -> Outcome:
    """What a reply tells of."""
    if reply.status.code != OK.code:
        return _of(told_of(reply))
    try:
        response = method.response(reply.payload)
    except UnfitResponseError as error:
        return Outcome(grpc.StatusCode.INTERNAL, str(error), cause=error)
    initial, trailing = reply.initial_metadata, reply.metadata
    return Outcome(
        grpc.StatusCode.OK,
        "",
        _pairs(initial) if initial else (),
        _pairs(trailing) if trailing else (),
        response=response,
    )


def _of(told: TellsOf) -> Outcome:
    """The same, of what is told to those that await."""
    return Outcome(
        told.code,
        told.details,
        _pairs(told.initial),
        _pairs(told.trailing),
        told.debug,
        nested=told.nested,
    )


def _pairs(metadata: Iterable[tuple[str, str | bytes]]) -> Pairs:
    return tuple(Pair(key, value) for key, value in metadata)
