"""Collectors of one process that reach each other without sockets."""

import asyncio
import contextvars
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from collector_mesh.adapters.runtime.clock import LoopClock
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    InvalidCallError,
    ListenError,
    OutcomeUnknownError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.link import Link
from collector_mesh.domain.ports.transport import Listener, Transport

T = TypeVar("T")

_ADDRESS = re.compile(r"[A-Za-z0-9._:-]{1,255}")


_Calls = dict[asyncio.Task[Any], None]
"""Calls under way, in the order in which they have begun."""


async def _cut(calls: _Calls) -> None:
    """Cancel calls under way and wait until they have ended."""
    tasks = list(calls)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


class LoopbackListener:
    """Where a collector of this process takes calls."""

    def __init__(self, address: str, gateway: Gateway) -> None:
        self.address = self.bound = address
        self.gateway = gateway
        self.is_open = True
        self.calls: _Calls = {}

    async def drain(self) -> None:
        """See the port; nobody asks for the health of a loopback listener."""

    async def close(self) -> None:
        """Take nothing anymore and let go of what has not been answered."""
        self.is_open = False
        await _cut(self.calls)


class LoopbackLink:
    """A link to whoever listens at an address when it is first used."""

    def __init__(self, network: "LoopbackNetwork", address: str, caller: str) -> None:
        self.address = address
        self._network = network
        self._caller = caller
        self._listener: LoopbackListener | None = None
        self._is_closed = False
        self._calls: _Calls = {}

    async def connect(self, offer: Offer, *, timeout: float) -> Welcome:
        """See the port."""
        listener = self._open()
        try:
            async with asyncio.timeout(timeout):
                return await self._run(listener, listener.gateway.connect(offer))
        except TimeoutError:
            raise UnavailableError(f"nobody has answered at {self.address} within {timeout:g} s") from None

    async def serve(self, call: Call) -> Reply:
        """See the port."""
        listener = self._open()
        return await self._run(
            listener,
            listener.gateway.serve(
                call.key,
                call.payload,
                timeout=call.deadline - self._network.clock.now(),
                metadata=call.metadata,
                caller=self._caller,
            ),
        )

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        listener = self._open()
        return await self._run(
            listener,
            listener.gateway.dispatch(
                call.key,
                call.payload,
                timeout=call.deadline - self._network.clock.now(),
                target=call.target,
                hints=call.hints,
                metadata=call.metadata,
            ),
        )

    async def aclose(self, *, grace: float = 0.0) -> None:
        """See the port."""
        self._is_closed = True
        if self._calls:
            await asyncio.wait(list(self._calls), timeout=grace)
        await _cut(self._calls)

    async def _run(self, listener: LoopbackListener, work: Coroutine[Any, Any, T]) -> T:
        """Run a call over there in a task and a context of its own, as if it had come over a wire."""
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._calls[task] = listener.calls[task] = None
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise OutcomeUnknownError(f"outcome unknown: the link to {self.address} has ended") from None
        finally:
            del self._calls[task], listener.calls[task]

    def _open(self) -> LoopbackListener:
        if self._listener is None:
            self._listener = self._network.find(self.address)
        if self._is_closed or self._listener is None or not self._listener.is_open:
            raise UnavailableError(f"nobody listens at {self.address}")
        return self._listener


class LoopbackNetwork:
    """A transport inside one process; collectors on different networks never see each other."""

    leaves_process = False

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or LoopClock()
        self._listeners: dict[str, LoopbackListener] = {}

    def check_address(self, address: str) -> None:
        """See the port; an address here is a name of letters, digits and `._:-`."""
        if not address:
            raise InvalidCallError("address is required")
        if not _ADDRESS.fullmatch(address):
            raise InvalidCallError(f"address must match {_ADDRESS.pattern}, got {quoted(address)}")

    def find(self, address: str) -> LoopbackListener | None:
        """Whoever listens at an address."""
        return self._listeners.get(address)

    def listen(self, address: str, gateway: Gateway) -> AbstractAsyncContextManager[Listener]:
        """See the port."""
        return self._listen(address, gateway)

    @asynccontextmanager
    async def _listen(self, address: str, gateway: Gateway) -> AsyncIterator[Listener]:
        self.check_address(address)
        if address in self._listeners:
            raise ListenError(f"cannot listen on {address}: it is taken")
        listener = self._listeners[address] = LoopbackListener(address, gateway)
        try:
            yield listener
        finally:
            del self._listeners[address]
            await listener.close()

    def open(self, address: str, *, caller: str) -> LoopbackLink:
        """See the port."""
        self.check_address(address)
        return LoopbackLink(self, address, caller)


if TYPE_CHECKING:
    _network_fits: type[Transport] = LoopbackNetwork
    _listener_fits: type[Listener] = LoopbackListener
    _link_fits: type[Link] = LoopbackLink
