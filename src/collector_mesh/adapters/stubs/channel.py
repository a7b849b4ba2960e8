"""A channel of gRPC whose calls go through the mesh."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import grpc
from grpc import aio

from collector_mesh.adapters.stubs.callables import InterceptedMultiCallable, UnaryUnaryMultiCallable
from collector_mesh.adapters.stubs.method import Deserializer, Serializer, StubMethod, key_of
from collector_mesh.adapters.stubs.owner import check_open
from collector_mesh.adapters.stubs.streaming import (
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
)
from collector_mesh.domain.model.errors import kind_of
from collector_mesh.domain.ports.call_starter import CallStarter, Contact

_LOOK_SECONDS = 0.02
"""How often somebody who waits for another state looks."""

_KINDS = (
    aio.UnaryUnaryClientInterceptor,
    aio.UnaryStreamClientInterceptor,
    aio.StreamUnaryClientInterceptor,
    aio.StreamStreamClientInterceptor,
)

STATES = {
    Contact.CLOSED: grpc.ChannelConnectivity.SHUTDOWN,
    Contact.IDLE: grpc.ChannelConnectivity.IDLE,
    Contact.SEARCHING: grpc.ChannelConnectivity.CONNECTING,
    Contact.FAILED: grpc.ChannelConnectivity.TRANSIENT_FAILURE,
    Contact.READY: grpc.ChannelConnectivity.READY,
}
"""What gRPC calls it."""


class Channel(aio.Channel):
    """What generated stubs take for a channel; to close it does not close the collector or the client.

    Args:
        starter: makes the calls.
        namespace: in which the methods are looked for.
        target: the only collector that may run them, or empty.
        interceptors: of grpc.aio's kinds; those for streams have no effect yet.

    Raises:
        TypeError: one of the interceptors is none.
    """

    def __init__(
        self, starter: CallStarter, namespace: str, target: str, interceptors: Iterable[object]
    ) -> None:
        self.starter = starter
        self.under_way: dict[Any, None] = {}
        self.is_closed = False
        self._namespace = namespace
        self._target = target
        found: list[aio.UnaryUnaryClientInterceptor] = []
        for interceptor in interceptors:
            if not isinstance(interceptor, _KINDS):
                raise TypeError(
                    "each of interceptors must be an instance of one of grpc.aio's client interceptors, as"
                    f" grpc.aio.UnaryUnaryClientInterceptor, got {kind_of(interceptor)}"
                )
            if isinstance(interceptor, aio.UnaryUnaryClientInterceptor):
                found.append(interceptor)
        self._interceptors = tuple(found)

    def unary_unary(
        self,
        method: str,
        request_serializer: Serializer | None = None,
        response_deserializer: Deserializer | None = None,
        _registered_method: bool | None = False,  # noqa: FBT001, FBT002  # as grpc has it
        **_later: Any,
    ) -> "aio.UnaryUnaryMultiCallable[Any, Any]":
        """Give what calls a method of one request and one response; generated stubs ask for it.

        Raises:
            ValueError: the method is none; the text says what it has to look like.
        """
        called = StubMethod(
            key_of(self._namespace, method), self._target, request_serializer, response_deserializer
        )
        if self._interceptors:
            return InterceptedMultiCallable(self, called, self._interceptors)
        return UnaryUnaryMultiCallable(self, called)

    def unary_stream(
        self, method: str, *_more: Any, **_options: Any
    ) -> "aio.UnaryStreamMultiCallable[Any, Any]":
        """Give what stands for a method with several responses: its calls end with UNIMPLEMENTED."""
        return UnaryStreamMultiCallable(self, key_of(self._namespace, method))

    def stream_unary(
        self, method: str, *_more: Any, **_options: Any
    ) -> "aio.StreamUnaryMultiCallable[Any, Any]":
        """Give what stands for a method with several requests: its calls end with UNIMPLEMENTED."""
        return StreamUnaryMultiCallable(self, key_of(self._namespace, method))

    def stream_stream(
        self, method: str, *_more: Any, **_options: Any
    ) -> "aio.StreamStreamMultiCallable[Any, Any]":
        """Give what stands for a method with several of both: its calls end with UNIMPLEMENTED."""
        return StreamStreamMultiCallable(self, key_of(self._namespace, method))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002  # as grpc has it
        """Whether calls would find somebody now.

        READY: somebody is in the namespace, or the target is connected; of a client: it has a collector. CONNECTING: nobody
        is, and peers are dialed. IDLE: the collector is not entered yet, or the client has not dialed. SHUTDOWN: the
        channel, the collector or the client is closed.

        Args:
            try_to_connect: whether a client that has not dialed does so.
        """
        if self.is_closed:
            return grpc.ChannelConnectivity.SHUTDOWN
        return STATES[self.starter.contact(self._namespace, self._target, connect=try_to_connect)]

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the state is another one.

        Raises:
            UsageError: the channel is closed, and stays so.
        """
        await self._wait(lambda: self.get_state() is not last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until the state is READY.

        Raises:
            UsageError: the channel is closed.
            RuntimeError: the collector, or the client, is closed.
        """
        await self._wait(lambda: self.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY)

    async def _wait(self, is_there: Callable[[], bool]) -> None:
        check_open(self)
        while not is_there():
            if not self.is_closed and self.get_state() is grpc.ChannelConnectivity.SHUTDOWN:
                raise RuntimeError("the channel is of a collector, or of a client, that is closed")
            await asyncio.sleep(_LOOK_SECONDS)
            check_open(self)

    async def close(self, grace: float | None = None) -> None:
        """Take no more calls, and cancel those that have not ended within `grace` seconds; at once without it. Idempotent."""
        self.is_closed = True
        if grace and self.under_way:
            await asyncio.wait([call.ended() for call in self.under_way], timeout=grace)
        for call in list(self.under_way):
            call.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    def __repr__(self) -> str:
        target = f", target {self._target!r}" if self._target else ""
        return f"<Channel to namespace {self._namespace!r}{target} of {self.starter!r}>"
