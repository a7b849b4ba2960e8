"""A program outside the mesh that calls into it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Self

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.app.arguments import key_argument
from collector_mesh.app.begun_in_handler import BegunInHandler
from collector_mesh.app.calls import made_in_handler
from collector_mesh.app.clients.client_calls import ClientCalls
from collector_mesh.app.home import Home
from collector_mesh.app.options import ClientOptions, settings_argument, token_argument
from collector_mesh.app.settings import Settings
from collector_mesh.app.stub_channels import channel_to, sync_channel_to
from collector_mesh.app.tracing.making import flushed
from collector_mesh.app.unclosed import Unclosed
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.caller import Caller, Metadata
from collector_mesh.domain.model.context import current_call
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey, text_argument
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.ports.call_starter import CallStarter, Contact, StartedCall

if TYPE_CHECKING:
    import grpc
    from grpc import aio

    from collector_mesh.adapters.grpc.tls import Tls
    from collector_mesh.app.stub_channels import ClientInterceptor
    from collector_mesh.domain.calls.watched_client import WatchedClientLink
    from collector_mesh.domain.peers.client_link import ClientLink
    from collector_mesh.domain.ports.tracer import Tracer
    from collector_mesh.domain.ports.transport import Transport


class MeshClient(Caller):
    """Calls into the mesh through a collector. Used as an async context manager, or by `start` and `stop`.

    Args:
        address: HOST:PORT of any collector, or an address of the transport; or several, as `"a:1,b:2"`. Of several the
            client dials one at random, and another one when that fails, is silent, is lost or drains.
        tls: certificates for gRPC.
        insecure: whether plaintext may be used to an address that is not of this machine.
        token: a bearer token to show; it is sent over TLS, or to this machine.
        token_file: a file with nothing but that token, which is read again when the collector is dialed.
        transport: how the client reaches the collector; gRPC by default.
        settings: values to tune; a client heeds the times, the size of payloads, and `trace_sample`.
        tracer: takes spans of its calls, as `collector_mesh.OtelTracer` does; without one nothing is recorded.

    Raises:
        InvalidCallError: of several addresses one is empty, or there are too many; or a name is malformed.
        TypeError: an argument is of a wrong type; the text names it.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: "Tls | None" = None,
        insecure: bool = False,
        token: str | None = None,
        token_file: "str | PathLike[str] | None" = None,
        transport: "Transport | None" = None,
        settings: Settings | None = None,
        tracer: "Tracer | None" = None,
    ) -> None:
        self.address = address = text_argument("address", address)
        # All of the mesh is behind it: whoever imports the class need not make one.
        from collector_mesh.app.container import ClientContainer

        self.container = ClientContainer(
            ClientOptions(
                address=address,
                tls=tls,
                insecure=insecure,
                token=token_argument(token, token_file),
                transport=transport,
                tracer=tracer,
            ),
            settings_argument(settings),
        )
        """The parts; to replace one, `override` its provider before the client is entered."""
        # What is wrong with a list of addresses is said now, not at the first call.
        self.container.addresses()
        self._exits = AsyncExitStack()
        self._home = Home(
            f"the client of {visible(address)}", awaited="await client.call(...)", blocking="a SyncMeshClient"
        )
        self._link: ClientLink | WatchedClientLink | None = None
        self._calls: ClientCalls | None = None
        self._unclosed: Unclosed | None = None

    async def start(self) -> None:
        """Make ready; the client sends nothing before the first call. `async with` does this too, and stops it in the end.

        Raises:
            InvalidCallError: an address is malformed, or plaintext would leave this machine.
            TlsError: the certificate files cannot be used.
            RuntimeError: the client was started before; it can be started once.
        """
        await self._begin()
        self._unclosed = Unclosed(self, self._home.what)

    async def stop(self) -> None:
        """Close; running calls end with an unknown outcome. Has no effect if the client is closed already.

        Raises:
            RuntimeError: this is another event loop than the one that it was started in, where it goes on.
        """
        self._home.check_leaving()
        if self._unclosed is not None:
            self._unclosed.settle()
        await self._end()

    async def __aenter__(self) -> Self:
        """As `start`."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """As `stop`."""
        await self.stop()

    async def _begin(self) -> None:
        parts = self.container
        self._home.enter()
        self._calls = ClientCalls(parts)
        for address in parts.addresses().known():
            parts.guarded_transport().check_address(address)
        if (tls := parts.options().tls) is not None:
            tls.channel_credentials()
        await self._exits.enter_async_context(parts.guarded_transport().open())
        self._link = parts.calling()

    async def _end(self) -> None:
        link, self._link = self._link, None
        async with self._exits:
            if link is not None:
                try:
                    await link.aclose()
                    if (tracer := self.container.tracer()) is not None:
                        await flushed(tracer)
                finally:
                    await self.container.tasks().close()

    @property
    def max_payload_bytes(self) -> int:
        """See the base class."""
        return self.container.settings().max_payload_bytes

    async def dispatch(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        target: str = "",
        timeout: float | None = None,
        hints: Mapping[str, str] | None = None,
        metadata: Metadata = (),
        idempotent: bool | None = None,
        key: str | None = None,
    ) -> Reply:
        """Have the collector find somebody who runs a method; see `Caller.dispatch`."""
        return await self._send(
            self._open_link().dispatch,
            key_argument(namespace, service, method),
            request,
            target,
            timeout,
            hints,
            metadata,
            idempotent,
            key,
        )

    async def serve(
        self,
        namespace: str,
        service: str,
        method: str,
        request: Message | Payload | Plain | None = None,
        *,
        timeout: float | None = None,
        metadata: Metadata = (),
        key: str | None = None,
    ) -> Reply:
        """Have the collector run one of its own methods; it never passes the call on.

        Arguments, reply and errors are those of `dispatch`.
        """
        return await self._send(
            self._open_link().serve,
            key_argument(namespace, service, method),
            request,
            "",
            timeout,
            None,
            metadata,
            None,
            key,
        )

    def submit(
        self,
        key: MethodKey,
        payload: Payload,
        answer: Callable[[Reply], None],
        *,
        timeout: float | None = None,
        target: str = "",
        metadata: Metadata = (),
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
    ) -> StartedCall | None:
        """Begin a call as `dispatch` does, and be told of the reply; nothing awaits it. See `Collector.submit`."""
        link = self._open_link()
        assert self._calls is not None  # for the type checker: there is a link
        try:
            call = self._calls.make(
                key, payload, target, timeout, None, metadata, idempotent, idempotency_key
            )
        except MeshError as error:
            answer(made_in_handler(Reply.refused(error), key, self.address))
            return None
        context = current_call()
        if context is None:
            return link.submit(call, answer)
        nested = BegunInHandler(context, answer, key, self.address)
        return nested.begun(link.submit(call, nested.settle))

    def contact(self, namespace: str, target: str = "", *, connect: bool = False) -> Contact:
        """Say whether the client has a collector to call; see `CallStarter.contact`."""
        _ = namespace, target  # the collector knows who is there
        if self._link is None:
            return Contact.CLOSED if self._home.loop else Contact.IDLE
        self._home.check()
        return self._link.contact(connect=connect)

    def channel(
        self, namespace: str, *, target: str = "", interceptors: "Iterable[aio.ClientInterceptor]" = ()
    ) -> "aio.Channel":
        """Give what generated stubs of gRPC take for a channel: their calls are calls of this client.

        See `Collector.channel`.
        """
        return channel_to(self, namespace, target, interceptors)

    def sync_channel(
        self,
        namespace: str,
        *,
        target: str = "",
        interceptors: "Iterable[ClientInterceptor]" = (),
    ) -> "grpc.Channel":
        """A channel of gRPC for stubs in other threads than that of this client's event loop.

        See `Collector.sync_channel`; a program without an event loop has `SyncMeshClient.sync_channel`.
        """
        return sync_channel_to(
            self._opened_for_threads, namespace, target, interceptors, awaited="a stub of client.channel(...)"
        )

    def _opened_for_threads(self) -> tuple[Bridge, CallStarter]:
        if self._link is None:
            raise self._home.closed("closed" if self._home.loop else "new")
        return self._home.bridge(), self

    def _open_link(self) -> "ClientLink | WatchedClientLink":
        link = self._link
        if link is None:
            raise self._home.closed("closed" if self._home.loop else "new")
        self._home.check()
        return link

    async def _send(
        self,
        send: Callable[[Call], Awaitable[Reply]],
        key: MethodKey,
        request: Message | Payload | Plain | None,
        target: str,
        timeout: float | None,
        hints: Mapping[str, str] | None,
        metadata: Metadata,
        idempotent: bool | None,  # noqa: FBT001  # as in every signature of a call
        idempotency_key: str | None,
    ) -> Reply:
        assert self._calls is not None  # for the type checker: there is a link
        try:
            call = self._calls.make(
                key, request, target, timeout, hints, metadata, idempotent, idempotency_key
            )
            reply = await send(call)
        except MeshError as error:
            reply = Reply.refused(error)
        return reply if reply.status is OK else made_in_handler(reply, key, self.address)


if TYPE_CHECKING:
    _fits: type[CallStarter] = MeshClient
