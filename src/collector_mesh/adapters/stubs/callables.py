"""What stubs call: an object for each method, which begins a call each time."""

from collections.abc import Sequence
from typing import Any

import grpc
from grpc import aio

from collector_mesh.adapters.stubs.bases import UnaryUnaryBase
from collector_mesh.adapters.stubs.call import UnaryUnaryCall
from collector_mesh.adapters.stubs.intercepted import InterceptedCall
from collector_mesh.adapters.stubs.method import StubMethod, seconds_of
from collector_mesh.adapters.stubs.owner import CallOwner, check_credentials, check_open


class UnaryUnaryMultiCallable(UnaryUnaryBase):
    """A method of one request and one response.

    Args:
        owner: the channel.
        method: the method.
    """

    def __init__(self, owner: CallOwner, method: StubMethod) -> None:
        self._owner = owner
        self._method = method

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> UnaryUnaryCall:
        """Begin a call; see `Collector.channel` for the arguments.

        Raises:
            UsageError: the channel is closed, or there are credentials.
            TypeError: the timeout is no number.
            RuntimeError: the collector, or the client, is not open, or belongs to another event loop or process.
        """
        owner = self._owner
        if owner.is_closed or credentials is not None:
            check_open(owner)
            check_credentials(credentials)
        _ = (
            wait_for_ready,
            compression,
        )  # whoever is dialed is waited for as the settings say; nothing is compressed
        call = UnaryUnaryCall(self._method, owner.under_way)
        call.begin(owner.starter, request, timeout, metadata)
        return call


class InterceptedMultiCallable(UnaryUnaryBase):
    """The same, of a channel that has interceptors.

    Args:
        owner: the channel.
        method: the method.
        interceptors: in the order in which they see a request.
    """

    def __init__(
        self, owner: CallOwner, method: StubMethod, interceptors: Sequence[aio.UnaryUnaryClientInterceptor]
    ) -> None:
        self._owner = owner
        self._method = method
        self._interceptors = tuple(interceptors)

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> InterceptedCall:
        """Begin a call, in a task in which the interceptors run.

        Raises:
            UsageError: the channel is closed.
            TypeError: the timeout is no number.
        """
        _ = compression
        check_open(self._owner)
        return InterceptedCall(
            self._owner,
            self._method,
            self._interceptors,
            request,
            timeout=seconds_of(timeout),
            metadata=metadata,
            credentials=credentials,
            wait_for_ready=wait_for_ready,
        )
