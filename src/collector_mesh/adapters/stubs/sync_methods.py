"""What a stub for threads calls: a method of each kind that gRPC has."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import grpc

from collector_mesh.adapters.stubs.method import StubMethod, UnfitRequestError, check_is_time, seconds_of
from collector_mesh.adapters.stubs.owner import CREDENTIALS, not_carried
from collector_mesh.adapters.stubs.sync_call import SyncCall
from collector_mesh.adapters.stubs.sync_outcome import SyncRpcError
from collector_mesh.adapters.stubs.sync_work import CANCELLED, MethodOwner
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Metadata, Reply
from collector_mesh.domain.ports.call_starter import StartedCall

_NO_PAIRS: Metadata = ()


class SyncUnaryUnary(grpc.UnaryUnaryMultiCallable):  # type: ignore[type-arg]  # it takes none when this runs
    """A method that takes one request and gives one response.

    All three ways to call it take the same: the request; a timeout in seconds, without one what the mesh allows the method,
    or what the call has left that the running handler answers; metadata, pairs for the handler; and what concerns a
    connection of grpc's own: `wait_for_ready` and `compression` have no meaning here, `credentials` are refused.

    Args:
        channel: its channel.
        method: what is called, and how requests and responses are written.
    """

    def __init__(self, channel: MethodOwner, method: StubMethod) -> None:
        self._channel = channel
        self._method = method

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,  # noqa: FBT001  # as grpc has it
        compression: Any = None,
    ) -> Any:
        """Call it, and wait for the response. Whatever ends the waiting early, as Ctrl-C does, cancels the call.

        Raises:
            grpc.RpcError: it was no success.
            ValueError: the channel is closed.
            RuntimeError: this thread cannot wait here; the text says why.
        """
        _ = wait_for_ready, compression
        return self._waited_for(request, timeout, metadata, credentials).response()

    def with_call(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,  # noqa: FBT001  # as grpc has it
        compression: Any = None,
    ) -> tuple[Any, Any]:
        """Call it, and wait for the response; gives it, and the call, which has metadata. Raises what `__call__` does."""
        _ = wait_for_ready, compression
        call = self._waited_for(request, timeout, metadata, credentials)
        return call.response(), call

    def future(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,  # noqa: FBT001  # as grpc has it
        compression: Any = None,
    ) -> Any:
        """Begin a call, and wait for nothing: this may be called in the event loop of the collector too.

        The call goes on also where nobody holds the future.

        Raises:
            grpc.RpcError: the request cannot be serialized.
            ValueError: the channel is closed.
            RuntimeError: the collector or the client is closed, or of the process that this one was forked from.
        """
        _ = wait_for_ready, compression
        call = self._made(request, timeout, metadata, credentials)
        try:
            call.post()
        except BaseException:
            call.end(CANCELLED)
            raise
        return call

    def _waited_for(self, request: Any, timeout: float | None, metadata: Any, credentials: Any) -> SyncCall:
        call = self._made(request, timeout, metadata, credentials)
        try:
            call.wait(is_new=True)
        except BaseException:
            with suppress(RuntimeError):
                call.cancel()
            raise
        return call

    def _made(self, request: Any, timeout: float | None, metadata: Any, credentials: Any) -> SyncCall:
        channel, method = self._channel, self._method
        bridge, starter = channel.opened()
        seconds = seconds_of(timeout)
        if credentials is not None:
            raise SyncRpcError(grpc.StatusCode.UNAUTHENTICATED, CREDENTIALS)
        try:
            payload = method.payload(request)
        except UnfitRequestError as error:
            raise SyncRpcError(grpc.StatusCode.INTERNAL, str(error)) from error
        refused: MeshError | None = None
        target, pairs = method.target, _NO_PAIRS
        idempotency_key: str | None = None
        try:
            if seconds is not None:
                check_is_time(seconds)
            if metadata is not None:
                target, pairs, idempotency_key = method.routed(metadata)
        except MeshError as error:
            refused = error

        def begin(told: Callable[[Reply], None], left: float | None) -> StartedCall | None:
            return starter.submit(
                method.key,
                payload,
                told,
                timeout=left,
                target=target,
                metadata=pairs,
                idempotency_key=idempotency_key,
            )

        call = SyncCall(channel, bridge, method, begin, seconds)
        channel.begins(call)
        if refused is not None:
            call.refuse(refused)
        return call


class Missing:
    """A method of a kind that the mesh does not have.

    Args:
        channel: its channel.
        key: the method.
        kind: what its kind is called.
    """

    def __init__(self, channel: MethodOwner, key: MethodKey, kind: str) -> None:
        self._channel = channel
        self._path = f"/{key.service}/{key.method}"
        self._kind = kind

    def error(self) -> SyncRpcError:
        """What a call of it ends with.

        Raises:
            ValueError: the channel is closed.
        """
        self._channel.check_open()
        return SyncRpcError(grpc.StatusCode.UNIMPLEMENTED, not_carried(self._path, self._kind))


class SyncUnaryStream(grpc.UnaryStreamMultiCallable):  # type: ignore[type-arg]  # it takes none when this runs
    """A method that gives a stream of responses, which ends as one that is not implemented."""

    def __init__(self, missing: Missing) -> None:
        self._missing = missing

    def __call__(self, *_request: Any, **_options: Any) -> Any:
        """Give a stream that raises `grpc.RpcError` with UNIMPLEMENTED when it is read, and is a call that has ended so."""
        return self._missing.error()


class SyncStreamStream(grpc.StreamStreamMultiCallable):  # type: ignore[type-arg]  # it takes none when this runs
    """A method that takes and gives streams, which ends as one that is not implemented."""

    def __init__(self, missing: Missing) -> None:
        self._missing = missing

    def __call__(self, *_requests: Any, **_options: Any) -> Any:
        """Give a stream that raises `grpc.RpcError` with UNIMPLEMENTED when it is read, and is a call that has ended so.

        No request is taken.
        """
        return self._missing.error()


class SyncStreamUnary(grpc.StreamUnaryMultiCallable):  # type: ignore[type-arg]  # it takes none when this runs
    """A method that takes a stream of requests, which ends as one that is not implemented. No request is taken."""

    def __init__(self, missing: Missing) -> None:
        self._missing = missing

    def __call__(self, *_requests: Any, **_options: Any) -> NoReturn:
        """Raise.

        Raises:
            grpc.RpcError: always, with UNIMPLEMENTED.
        """
        raise self._missing.error()

    def with_call(self, *_requests: Any, **_options: Any) -> NoReturn:
        """Raise.

        Raises:
            grpc.RpcError: always, with UNIMPLEMENTED.
        """
        raise self._missing.error()

    def future(self, *_requests: Any, **_options: Any) -> Any:
        """Give a future that has ended with UNIMPLEMENTED."""
        return self._missing.error()
