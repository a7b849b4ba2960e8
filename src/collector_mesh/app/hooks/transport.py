"""A transport whose foreign exceptions are outcomes: of a dial, of a stream, of a call, or a log line at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.adapters.runtime.cancelling import is_being_cancelled, running_task
from collector_mesh.app.hooks.given import is_sound_reply, is_sound_welcome
from collector_mesh.app.hooks.guards import HookFailures
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    InvalidCallError,
    MeshError,
    OutcomeUnknownError,
    UnavailableError,
    attribute_of,
    kind_of,
    text_of,
)
from collector_mesh.domain.model.frames import Frame
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import (
    FrameStream,
    MalformedFrameError,
    StreamBrokenError,
    Telling,
)
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import UnaryLink
from collector_mesh.domain.ports.transport import Listener, Transport

T = TypeVar("T")
A = TypeVar("A")

_OURS = "collector_mesh.adapters."


class GuardedTransport:
    """A transport that keeps the promises of the port on what it raises.

    Opening and listening are left alone: what goes wrong there is the business of whoever enters the collector.

    Args:
        transport: the user's, or one of the mesh; the streams of those need no guard.
        failures: told of what the port does not allow.
        clock: the time.
    """

    def __init__(self, transport: Transport, failures: HookFailures, clock: Clock) -> None:
        self._transport = transport
        self._door = _Door(failures)
        self._clock = clock
        self._is_ours = type(transport).__module__.startswith(_OURS)

    def open(self) -> AbstractAsyncContextManager[object]:
        """See the port; where it cannot be left, that is logged."""
        return _Left(self._transport.open, self._door, _as_it_is)

    def is_local(self, address: str) -> bool:
        """See the port; anything but True is no."""
        return self._door.ask(lambda: self._transport.is_local(address), _bad_address(address)) is True

    def check_address(self, address: str) -> None:
        """See the port."""
        self._door.ask(lambda: self._transport.check_address(address), _bad_address(address))

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port; where it cannot be left, that is logged."""
        if self._is_ours:
            return _Left(lambda: self._transport.listen(address, gateway), self._door, _as_it_is)
        guarded: Any = _GuardedGateway(gateway, self._door)
        return _Left(
            lambda: self._transport.listen(address, guarded),
            self._door,
            lambda listener: _GuardedListener(listener, self._door),
        )

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        """See the port."""
        stream = self._door.ask(
            lambda: self._transport.dial(address, is_patient=is_patient), _bad_dial(address)
        )
        return stream if self._is_ours else GuardedStream(stream, self._door)

    def unary(self, address: str) -> UnaryLink:
        """See the port."""
        link = self._door.ask(lambda: self._transport.unary(address), _bad_dial(address))
        return link if self._is_ours else GuardedUnaryLink(address, link, self._door, self._clock)

    def __repr__(self) -> str:
        return repr(self._transport)


class _Door:
    """Where exceptions that the port does not allow become ones that it does."""

    def __init__(self, failures: HookFailures) -> None:
        self._failures = failures

    def ask(self, work: Callable[[], T], otherwise: Callable[[str], Exception]) -> T:
        """Ask the transport something.

        Raises:
            MeshError: what the transport raises of that kind, and what `otherwise` makes of the rest.
        """
        try:
            return work()
        except (MeshError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self.failed(error, otherwise) from error

    async def wait(
        self,
        work: Callable[[], Awaitable[T]],
        otherwise: Callable[[str], Exception],
        *,
        allowed: tuple[type[Exception], ...] = (MeshError,),
    ) -> T:
        """Wait for the transport; see `ask`."""
        waiting = running_task()
        try:
            return await work()
        except KeyboardInterrupt:
            raise
        except GeneratorExit as error:
            # It is made up, unless nobody runs this anymore.
            if waiting is None or running_task() is not waiting:
                raise
            raise self.failed(error, otherwise) from error
        except allowed:
            raise
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            raise self.failed(error, otherwise) from error
        except BaseException as error:
            raise self.failed(error, otherwise) from error

    def failed(self, error: BaseException, otherwise: Callable[[str], Exception]) -> Exception:
        """Tell of something that the port does not allow; gives what stands for it."""
        self._failures.failed("transport", error)
        return otherwise(f"{type(error).__name__}: {text_of(error)}")


class _Left(AbstractAsyncContextManager[A]):
    """A context of the transport that is entered as it is, and left whatever it raises then.

    It is no generator: at the end of a loop in which it was never left, asyncio would close that one and the transport's own at
    the same time, and tell of how they get into each other's way.
    """

    def __init__(
        self, make: Callable[[], AbstractAsyncContextManager[T]], door: _Door, guarded: Callable[[T], A]
    ) -> None:
        self._make = make
        self._door = door
        self._guarded = guarded
        self._context: AbstractAsyncContextManager[T] | None = None

    async def __aenter__(self) -> A:
        context = self._make()
        entered = await context.__aenter__()
        self._context = context
        return self._guarded(entered)

    async def __aexit__(self, *_: object) -> None:
        context, self._context = self._context, None
        if context is None:
            return
        try:
            await self._door.wait(lambda: context.__aexit__(None, None, None), UnavailableError, allowed=())
        except UnavailableError:
            # It is told of, and nobody can do anything about it.
            return


class GuardedStream:
    """A stream of a user's transport: whatever it raises breaks it, and nothing else."""

    def __init__(self, stream: FrameStream, door: _Door) -> None:
        self._stream = stream
        self._door = door
        address = attribute_of(stream, "address")
        self.address = address if isinstance(address, str) else kind_of(stream)
        self.identity = self._identity()

    def _identity(self) -> Identity | None:
        """What is proved; anything but an identity proves nothing."""
        identity = attribute_of(self._stream, "identity")
        return identity if isinstance(identity, Identity) else None

    async def read(self) -> Frame | None:
        """See the port."""
        frame: object = await self._wait(self._stream.read)
        if self.identity is None:
            # It may become known with the first frame.
            self.identity = self._identity()
        if frame is None or isinstance(frame, Frame):
            return frame
        raise MalformedFrameError(f"the transport gives {kind_of(frame)} for a frame")

    async def write(self, frame: Frame) -> None:
        """See the port."""
        await self._wait(lambda: self._stream.write(frame))

    async def aclose(self) -> None:
        """See the port."""
        try:
            await self._wait(self._stream.aclose)
        except StreamBrokenError:
            # It is closed, one way or another.
            return

    async def trouble(self, seconds: float) -> str:
        """See `Telling`, which a stream need not be; in time, and empty where it gives anything but a text."""
        ask: Any = attribute_of(self._stream, "trouble")
        if not callable(ask):
            return ""

        async def in_time() -> object:
            async with asyncio.timeout(seconds):
                return await ask(seconds)

        try:
            told = await self._wait(in_time)
        except StreamBrokenError:
            return ""
        return visible(told) if isinstance(told, str) else ""

    async def _wait(self, work: Callable[[], Awaitable[T]]) -> T:
        return await self._door.wait(work, StreamBrokenError, allowed=(StreamBrokenError,))


class GuardedUnaryLink:
    """A unary link of a user's transport: whatever it raises is the outcome of a call, in time."""

    def __init__(self, address: str, link: UnaryLink, door: _Door, clock: Clock) -> None:
        self.address = address
        self._link = link
        self._door = door
        self._clock = clock

    async def connect(self, offer: Offer, *, timeout: float) -> Welcome:
        """See the port."""
        otherwise = _bad_dial(self.address)
        welcome: object = await self._door.wait(
            lambda: self._in_time(lambda: self._link.connect(offer, timeout=timeout), timeout), otherwise
        )
        if is_sound_welcome(welcome):
            return welcome
        raise otherwise(_odd(welcome, "an answer"))

    async def serve(self, call: Call) -> Reply:
        """See the port."""
        return await self._call(call, self._link.serve)

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        return await self._call(call, self._link.dispatch)

    async def aclose(self, *, grace: float = 0.0) -> None:
        """See the port."""
        try:
            await self._door.wait(lambda: self._link.aclose(grace=grace), UnavailableError)
        except MeshError:
            # It is closed, one way or another.
            return

    async def _call(self, call: Call, send: Callable[[Call], Awaitable[Reply]]) -> Reply:
        left = call.deadline - self._clock.now()
        reply: object = await self._door.wait(lambda: self._in_time(lambda: send(call), left), self._unknown)
        if is_sound_reply(reply):
            return reply
        raise self._unknown(_odd(reply, "a reply"))

    async def _in_time(self, work: Callable[[], Awaitable[T]], seconds: float) -> T:
        limit = asyncio.timeout(None if seconds == inf else max(0.0, seconds))
        try:
            async with limit:
                return await work()
        except TimeoutError:
            if limit.expired():
                raise DeadlineExceededError("deadline exceeded") from None
            raise

    def _unknown(self, text: str) -> Exception:
        return OutcomeUnknownError(f"outcome unknown: the way to {self.address} has failed: {text}")


class _GuardedListener:
    """A listener of a user's transport."""

    def __init__(self, listener: Listener, door: _Door) -> None:
        self.address = listener.address
        self.bound = listener.bound
        self._listener = listener
        self._door = door

    async def drain(self) -> None:
        """See the port."""
        try:
            await self._door.wait(self._listener.drain, UnavailableError)
        except MeshError:
            # Whoever has asked for its health is not told; the drain goes on.
            return


class _GuardedGateway:
    """A gateway for a user's transport: the streams that it hands in are guarded, all else is as it was."""

    def __init__(self, gateway: Gateway, door: _Door) -> None:
        self._gateway = gateway
        self._door = door

    def accept(self, stream: FrameStream) -> None:
        """See the port."""
        self._gateway.accept(GuardedStream(stream, self._door))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


def _odd(found: object, wanted: str) -> str:
    what = "one with odd parts" if isinstance(found, Welcome | Reply) else kind_of(found)
    return f"the transport gives {what} for {wanted}"


def _as_it_is(value: T) -> T:
    return value


def _bad_address(address: str) -> Callable[[str], Exception]:
    return lambda text: InvalidCallError(f"address {address!r} cannot be used: {text}")


def _bad_dial(address: str) -> Callable[[str], Exception]:
    return lambda text: UnavailableError(f"{address} cannot be dialed: {text}")


if TYPE_CHECKING:
    _transport_fits: type[Transport] = GuardedTransport
    _stream_fits: type[FrameStream] = GuardedStream
    _telling_fits: type[Telling] = GuardedStream
    _link_fits: type[UnaryLink] = GuardedUnaryLink
    _listener_fits: type[Listener] = _GuardedListener
