"""A channel of gRPC for threads, whose calls go through the mesh."""

from collections.abc import Callable
from typing import Any, Self

import grpc

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.adapters.runtime.callback_thread import CallbackThread
from collector_mesh.adapters.stubs.channel import STATES
from collector_mesh.adapters.stubs.method import StubMethod, key_of
from collector_mesh.adapters.stubs.owner import check_callback
from collector_mesh.adapters.stubs.sync_connectivity import Connectivity
from collector_mesh.adapters.stubs.sync_methods import (
    Missing,
    SyncStreamStream,
    SyncStreamUnary,
    SyncUnaryStream,
    SyncUnaryUnary,
)
from collector_mesh.adapters.stubs.sync_work import CHANNEL_CLOSED, SyncWork
from collector_mesh.domain.ports.call_starter import CallStarter, Contact

Opened = Callable[[], tuple[Bridge, CallStarter]]


class SyncChannel(grpc.Channel):
    """What stubs are made from in code that does not await: each call is one of a collector or a client.

    Any number of threads may use it. To close it ends its calls, and not the collector or the client.

    Args:
        namespace: where the methods are.
        target: id of the only collector that may run them, or empty.
        opened: gives the way into the event loop, and who makes calls there.
        failed: told what a callback has raised.
        at_failure: called in a thread that has waited for a call which was no success.
        awaited: what code in an event loop uses in place of this, as errors name it.
    """

    def __init__(
        self,
        namespace: str,
        target: str,
        opened: Opened,
        failed: Callable[[BaseException], None],
        *,
        awaited: str,
        at_failure: Callable[[], None] | None = None,
    ) -> None:
        self._namespace = namespace
        self._target = target
        self._opened = opened
        self.awaited = awaited
        """See `CallOwner`."""
        self._failed = failed
        self._at_failure = at_failure
        self._calls: dict[SyncWork, None] = {}
        """Those under way."""
        self._is_closed = self._was_open = False
        self._callbacks = CallbackThread("collector-mesh-callbacks")
        self._connectivity = Connectivity(self._state, failed)

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = None,  # noqa: FBT001  # as grpc has it
        **_later: Any,
    ) -> SyncUnaryUnary:
        """Make a method of one request and one response; generated stubs do this.

        Raises:
            ValueError: `method` is not `/package.Service/Method`.
        """
        key = key_of(self._namespace, method)
        return SyncUnaryUnary(self, StubMethod(key, self._target, request_serializer, response_deserializer))

    def unary_stream(self, method: str, *_more: Any, **_options: Any) -> SyncUnaryStream:
        """Make a method whose responses are a stream: its calls end with UNIMPLEMENTED."""
        return SyncUnaryStream(Missing(self, key_of(self._namespace, method), "server streaming"))

    def stream_unary(self, method: str, *_more: Any, **_options: Any) -> SyncStreamUnary:
        """Make a method whose requests are a stream: its calls end with UNIMPLEMENTED."""
        return SyncStreamUnary(Missing(self, key_of(self._namespace, method), "client streaming"))

    def stream_stream(self, method: str, *_more: Any, **_options: Any) -> SyncStreamStream:
        """Make a method whose requests and responses are streams: its calls end with UNIMPLEMENTED."""
        return SyncStreamStream(Missing(self, key_of(self._namespace, method), "bidirectional streaming"))

    def subscribe(
        self,
        callback: Callable[[grpc.ChannelConnectivity], None],
        try_to_connect: bool | None = False,  # noqa: FBT001, FBT002  # as grpc has it
    ) -> None:
        """Have a function told of the state as it is now, and of each change, in a thread for that.

        READY means that there is somebody in the namespace; of a client, that it has a collector.

        Raises:
            TypeError: it cannot be called.
            RuntimeError: the system gives no thread.
        """
        check_callback(callback)
        self._connectivity.subscribe(callback, try_to_connect=bool(try_to_connect))

    def unsubscribe(self, callback: Callable[[grpc.ChannelConnectivity], None]) -> None:
        """Tell a function no more of the state."""
        self._connectivity.unsubscribe(callback)

    def close(self) -> None:
        """End the calls that are under way, with CANCELLED, and take no others. Never waits; idempotent."""
        self._is_closed = True
        self._connectivity.close()
        for call in list(self._calls):
            call.stop(CHANNEL_CLOSED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close it."""
        self.close()

    def opened(self) -> tuple[Bridge, CallStarter]:
        """The way into the event loop, and who makes calls there.

        Raises:
            ValueError: the channel is closed.
            RuntimeError: the collector or the client is not open.
        """
        self.check_open()
        opened = self._opened()
        self._was_open = True
        return opened

    def begins(self, call: SyncWork) -> None:
        """Take down that a call is under way.

        Raises:
            ValueError: the channel is closed.
        """
        self._calls[call] = None
        if self._is_closed:  # since it was looked at
            call.end(CHANNEL_CLOSED)
            self.check_open()

    def has_ended(self, call: SyncWork) -> None:
        """Take down that a call has ended."""
        self._calls.pop(call, None)

    def has_failed(self) -> None:
        """See `CallOwner`."""
        if self._at_failure is not None:
            self._at_failure()

    def call_back(self, function: Callable[[], None], bridge: Bridge) -> None:
        """Have callbacks run in the thread for them."""
        bridge.call_back(function, self._callbacks)

    def callback_failed(self, error: BaseException) -> None:
        """Tell what a callback has raised."""
        self._failed(error)

    def _state(self, connect: bool) -> grpc.ChannelConnectivity:  # noqa: FBT001  # it is asked so
        """What is told of the state; waits for the loop."""
        try:
            bridge, starter = self.opened()
        except ValueError:  # the channel is closed
            return grpc.ChannelConnectivity.SHUTDOWN
        except RuntimeError:
            return grpc.ChannelConnectivity.SHUTDOWN if self._was_open else grpc.ChannelConnectivity.IDLE

        async def look() -> Contact:
            return starter.contact(self._namespace, self._target, connect=connect)

        try:
            return STATES[bridge.run(look)]
        except RuntimeError:  # the loop stands still, or has ended
            return grpc.ChannelConnectivity.TRANSIENT_FAILURE

    def check_open(self) -> None:
        """See that the channel takes calls.

        Raises:
            ValueError: it is closed.
        """
        if self._is_closed:
            raise ValueError("Cannot invoke RPC on closed channel!")

    def __repr__(self) -> str:
        target = f", target {self._target!r}" if self._target else ""
        return (
            f"<SyncChannel to namespace {self._namespace!r}{target}{', closed' if self._is_closed else ''}>"
        )
