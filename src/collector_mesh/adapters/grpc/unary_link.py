"""A link to a collector that is called with one RPC for each call."""

import asyncio
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import grpc

from collector_mesh.adapters.grpc.channels import MAX_STREAMS
from collector_mesh.adapters.grpc.errors import RefusedStreamError, mesh_error
from collector_mesh.adapters.grpc.headers import reply_metadata_of
from collector_mesh.adapters.runtime.cancelling import is_being_cancelled
from collector_mesh.adapters.wire.dispatcher_codec import (
    UNREADABLE,
    decode_connected,
    decode_dispatched,
    decode_served,
    encode_connect,
    encode_dispatch,
    encode_serve,
)
from collector_mesh.domain.link.sizes import METADATA_HEADER_BYTES, header_bytes
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    InvalidCallError,
    OutcomeUnknownError,
    UnavailableError,
)
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import OK, Metadata, Reply
from collector_mesh.domain.model.trace_context import IDS_BYTES, TRACE_KEYS, headers_for
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.link import UnaryLink

T = TypeVar("T")
_Method = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]

SERVICE = "collector.CollectiveDispatcher"

FOREVER = 2 * 365 * 86400.0
"""What stands for no limit, in seconds: without a timeout a collector takes its default.

grpc carries at most 27,000 hours.
"""

_MAX_IN_FLIGHT = MAX_STREAMS // 2
"""A stream that has ended here counts at the peer until it has heard of it; beyond its limit it refuses."""

_REFUSED_SECONDS = 0.02
"""How long a call waits that the peer has refused because of its limit of streams."""


class GrpcUnaryLink:
    """A link to one address over one channel.

    Made inside the loop that uses it, and not to be used after a fork.
    """

    def __init__(self, address: str, channel: grpc.aio.Channel, clock: Clock) -> None:
        self.address = address
        self._channel = channel
        self._clock = clock
        self._pid = os.getpid()
        self._slots = asyncio.Semaphore(_MAX_IN_FLIGHT)
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closing = False
        self._connect: _Method = channel.unary_unary(f"/{SERVICE}/Connect")
        self._serve: _Method = channel.unary_unary(f"/{SERVICE}/Serve")
        self._dispatch: _Method = channel.unary_unary(f"/{SERVICE}/Dispatch")

    async def connect(self, offer: Offer, *, timeout: float) -> Welcome:
        """See the port."""
        try:
            return await self._call(
                self._connect,
                encode_connect(offer),
                decode_connected,
                timeout=timeout,
                wait_for_ready=True,
            )
        except DeadlineExceededError:
            raise UnavailableError(f"nobody has answered at {self.address} within {timeout:g} s") from None
        except OutcomeUnknownError as error:
            raise UnavailableError(str(error).removeprefix("outcome unknown: ")) from error

    async def serve(self, call: Call) -> Reply:
        """See the port."""
        return await self._run(self._serve, encode_serve(call), decode_served, call)

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        return await self._run(self._dispatch, encode_dispatch(call), decode_dispatched, call)

    async def aclose(self, *, grace: float = 0.0) -> None:
        """See the port."""
        self._is_closing = True
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            pass
        finally:
            await self._channel.close()

    async def _run(
        self,
        method: _Method,
        data: bytes,
        decode: Callable[[bytes], Reply],
        call: Call,
    ) -> Reply:
        metadata = call.metadata
        _check_metadata(metadata)
        if call.trace:
            metadata = _with_trace(metadata, call.trace)
        await self._take_slot(call.deadline)
        try:
            reply = await self._sent(method, data, decode, call, metadata)
        finally:
            self._slots.release()
        code = reply.status.code
        if code != OK.code and not 400 <= code <= 599:
            # An empty answer is a message too, with code 0: no word on whether a handler ran.
            raise OutcomeUnknownError(
                f"outcome unknown: {self.address} has answered with the code {code}, which means nothing",
                executed=Executed.YES if reply.executed is Executed.YES else Executed.MAYBE,
                handled_by=reply.handled_by,
            )
        return reply

    async def _sent(
        self,
        method: _Method,
        data: bytes,
        decode: Callable[[bytes], Reply],
        call: Call,
        metadata: Metadata,
    ) -> Reply:
        while True:
            left = call.deadline - self._clock.now()
            if left <= 0:
                raise DeadlineExceededError("deadline exceeded", executed=Executed.NO)
            try:
                return await self._call(method, data, decode, timeout=min(left, FOREVER), metadata=metadata)
            except RefusedStreamError:
                # Its limit of streams is lower than ours: the call has to wait until another one has ended.
                if not self._in_flight:
                    raise
                await asyncio.sleep(min(_REFUSED_SECONDS, left))

    async def _take_slot(self, deadline: float) -> None:
        """Wait until the peer's limit of streams has room for another call."""
        if not self._slots.locked():
            await self._slots.acquire()
            return
        left = deadline - self._clock.now()
        try:
            async with asyncio.timeout(None if left == math.inf else left):
                await self._slots.acquire()
        except TimeoutError:
            raise DeadlineExceededError("deadline exceeded", executed=Executed.NO) from None

    async def _call(
        self,
        method: _Method,
        data: bytes,
        decode: Callable[[bytes], T],
        *,
        timeout: float,
        metadata: Metadata = (),
        wait_for_ready: bool = False,
    ) -> T:
        if self._is_closing:
            raise UnavailableError(f"the link to {self.address} is closed")
        if os.getpid() != self._pid:
            raise UnavailableError("a link cannot be used after a fork: start the process anew")
        self._in_flight += 1
        self._idle.clear()
        try:
            call = method(
                data,
                timeout=timeout,
                metadata=metadata or None,
                wait_for_ready=wait_for_ready or None,
            )
            return await _with_metadata(decode(await call), call)
        except grpc.aio.AioRpcError as error:
            raise mesh_error(error, self.address) from error
        except UNREADABLE as error:
            raise OutcomeUnknownError(
                f"outcome unknown: {self.address} has answered what cannot be read"
            ) from error
        except grpc.aio.UsageError as error:
            raise UnavailableError(f"the link to {self.address} is closed") from error
        except grpc.aio.InternalError as error:
            raise InvalidCallError(f"metadata that cannot be sent: {error}") from error
        except asyncio.CancelledError:
            # A closed channel looks to whoever waits like its own cancellation.
            if is_being_cancelled():
                raise
            raise OutcomeUnknownError(f"outcome unknown: the link to {self.address} was closed") from None
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()


async def _with_metadata(found: T, call: "grpc.aio.UnaryUnaryCall[bytes, bytes]") -> T:
    """What has come of a call that has ended, with the metadata that came with it."""
    if isinstance(found, Reply):
        found.initial_metadata = reply_metadata_of(await call.initial_metadata())
        found.metadata = reply_metadata_of(await call.trailing_metadata())
    return found


def _with_trace(metadata: Metadata, trace: bytes) -> Metadata:
    """Metadata with where the trace of a call has come to by now, in place of what whoever has made the call has said."""
    others = tuple(pair for pair in metadata if pair[0] not in TRACE_KEYS)
    whole = (*others, *headers_for(trace))
    if len(trace) > IDS_BYTES and header_bytes(whole) > METADATA_HEADER_BYTES:
        return (*others, *headers_for(trace[:IDS_BYTES]))
    return whole


def _check_metadata(metadata: Metadata) -> None:
    """See that metadata goes into the headers of a request: in large ones a peer's grpc refuses some at random.

    Raises:
        InvalidCallError: it does not.
    """
    if metadata and (size := header_bytes(metadata)) > METADATA_HEADER_BYTES:
        raise InvalidCallError(
            f"metadata of {len(metadata)} pairs takes {size} bytes of the headers of a request, 32 for each pair"
            f" included: to a collector without links at most {METADATA_HEADER_BYTES} are allowed"
        )


if TYPE_CHECKING:
    _fits: type[UnaryLink] = GrpcUnaryLink
