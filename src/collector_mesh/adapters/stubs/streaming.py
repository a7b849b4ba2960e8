"""Methods with streams, which the mesh does not carry yet: each call of one has ended, and says so."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, NoReturn

import grpc
from grpc import aio

from collector_mesh.adapters.stubs.bases import (
    StreamStreamBase,
    StreamStreamCallBase,
    StreamUnaryBase,
    StreamUnaryCallBase,
    UnaryStreamBase,
    UnaryStreamCallBase,
)
from collector_mesh.adapters.stubs.outcome import Outcome, failed, shown
from collector_mesh.adapters.stubs.owner import CallOwner, check_credentials, check_open, not_carried
from collector_mesh.domain.model.names import MethodKey


class _Ended(aio.Call):
    """A call that has ended with UNIMPLEMENTED."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def cancelled(self) -> bool:
        """Whether it was cancelled: it was not."""
        return False

    def done(self) -> bool:
        """Whether it has ended: it has."""
        return True

    def time_remaining(self) -> float | None:
        """Seconds until its time is up: it has no limit."""
        return None

    def cancel(self) -> bool:
        """Stop it; it has ended already."""
        return False

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call something with this call."""
        callback(self)

    async def initial_metadata(self) -> aio.Metadata:
        """What came before the responses: nothing."""
        return self._outcome.initial

    async def trailing_metadata(self) -> aio.Metadata:
        """What came behind the responses: nothing."""
        return self._outcome.trailing

    async def code(self) -> grpc.StatusCode:
        """UNIMPLEMENTED."""
        return self._outcome.code

    async def details(self) -> str:
        """Why."""
        return self._outcome.details

    async def debug_error_string(self) -> str:
        """The same, with the code."""
        return self._outcome.debug

    async def wait_for_connection(self) -> NoReturn:
        """Raise what says that it has ended."""
        raise self._outcome.error()

    def __repr__(self) -> str:
        return shown(type(self).__name__, self._outcome)


class _ResponseStream(_Ended):
    """One whose responses are several."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._responses()

    async def _responses(self) -> AsyncIterator[Any]:
        raise self._outcome.error()
        yield  # which makes it an iterator

    async def read(self) -> NoReturn:
        """Raise what says that it has ended."""
        raise self._outcome.error()


class _RequestStream(_Ended):
    """One whose requests are several."""

    async def write(self, request: Any) -> NoReturn:
        """Refuse the request.

        Raises:
            InvalidStateError: always, as gRPC does once a call has ended.
        """
        _ = request
        raise asyncio.InvalidStateError(f"RPC already finished. {self._outcome.details}")

    async def done_writing(self) -> None:
        """Do nothing, as gRPC does once a call has ended."""


class UnaryStreamCall(_ResponseStream, UnaryStreamCallBase):
    """A call for several responses."""


class StreamUnaryCall(_RequestStream, StreamUnaryCallBase):
    """A call with several requests."""

    def __await__(self) -> Generator[None, None, Any]:
        raise self._outcome.error()
        yield  # which makes it a generator


class StreamStreamCall(_RequestStream, _ResponseStream, StreamStreamCallBase):
    """A call with several of both."""


class _Missing:
    """What the three have in common.

    Args:
        owner: the channel.
        key: the method.
    """

    kind: str

    def __init__(self, owner: CallOwner, key: MethodKey) -> None:
        self._owner = owner
        self._key = key

    def _refused(self, credentials: object) -> Outcome:
        check_open(self._owner)
        check_credentials(credentials)
        path = f"/{self._key.service}/{self._key.method}"
        return failed(grpc.StatusCode.UNIMPLEMENTED, not_carried(path, self.kind))


class UnaryStreamMultiCallable(_Missing, UnaryStreamBase):
    """A method of one request and several responses."""

    kind = "server streaming"

    def __call__(
        self, request: Any, *, credentials: grpc.CallCredentials | None = None, **_options: Any
    ) -> UnaryStreamCall:
        """Give a call that has ended.

        Raises:
            UsageError: the channel is closed, or there are credentials.
        """
        _ = request
        return UnaryStreamCall(self._refused(credentials))


class StreamUnaryMultiCallable(_Missing, StreamUnaryBase):
    """A method of several requests and one response."""

    kind = "client streaming"

    def __call__(
        self,
        request_iterator: Any = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,  # noqa: FBT001  # as grpc has it
        compression: grpc.Compression | None = None,
        **_later: Any,
    ) -> StreamUnaryCall:
        """Give a call that has ended.

        Raises:
            UsageError: the channel is closed, or there are credentials.
        """
        _ = request_iterator, timeout, metadata, wait_for_ready, compression
        return StreamUnaryCall(self._refused(credentials))


class StreamStreamMultiCallable(_Missing, StreamStreamBase):
    """A method of several requests and several responses."""

    kind = "bidirectional streaming"

    def __call__(
        self,
        request_iterator: Any = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,  # noqa: FBT001  # as grpc has it
        compression: grpc.Compression | None = None,
        **_later: Any,
    ) -> StreamStreamCall:
        """Give a call that has ended.

        Raises:
            UsageError: the channel is closed, or there are credentials.
        """
        _ = request_iterator, timeout, metadata, wait_for_ready, compression
        return StreamStreamCall(self._refused(credentials))
