"""A program outside the mesh that calls into it, in plain functions: threads wait, and nobody awaits."""

import atexit
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, NoReturn, Self
from weakref import WeakSet

from collector_mesh.adapters.runtime.bridge import Bridge, check_no_loop
from collector_mesh.app.arguments import key_argument
from collector_mesh.app.calls import made_in_handler
from collector_mesh.app.clients.opened_client import AWAITED, FORKED, InnerClient, OpenedClient
from collector_mesh.app.settings import Settings
from collector_mesh.app.stub_channels import sync_channel_to
from collector_mesh.app.unclosed import Unclosed
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.payload import Message, Payload, Plain
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.ports.call_starter import CallStarter

if TYPE_CHECKING:
    import grpc

    from collector_mesh.adapters.grpc.tls import Tls
    from collector_mesh.app.stub_channels import ClientInterceptor
    from collector_mesh.domain.calls.watched_client import WatchedClientLink
    from collector_mesh.domain.peers.client_link import ClientLink
    from collector_mesh.domain.ports.tracer import Tracer
    from collector_mesh.domain.ports.transport import Transport


class SyncMeshClient(BlockingCaller):
    """Calls into the mesh through a collector, from code that does not await: threads, Django, Flask, Celery.

    Used as a context manager, or made once, for example at import, and closed by `close` or by the end of the program.
    Any number of threads may use it at once. It opens nothing before the first call: until then it has no
    thread, and grpc is not loaded, so that the process may be forked. It has an event loop in a thread of its own.

    Args:
        address: HOST:PORT of any collector, or an address of the transport; or several, as `"a:1,b:2"`. Of several the
            client dials one at random, and another one when that fails, is silent, is lost or drains.
        tls: certificates for gRPC.
        insecure: whether plaintext may be used to an address that is not of this machine.
        token: a bearer token to show; it is sent over TLS, or to this machine.
        token_file: a file with nothing but that token, which is read again when the collector is dialed.
        transport: how the client reaches the collector; gRPC by default. If it belongs to an event loop
            (`loop`), as a `LoopbackNetwork` does whose collectors are entered, the client runs in that loop.
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
        self._opened: OpenedClient | None = None
        self._unclosed: Unclosed | None = None

        def make() -> InnerClient:
            # No object that can be printed has the token.
            return InnerClient(
                address,
                tls=tls,
                insecure=insecure,
                token=token,
                token_file=token_file,
                transport=transport,
                settings=settings,
                tracer=tracer,
            )

        self._make = make
        made = make()
        self.address, self._max_payload_bytes = made.address, made.max_payload_bytes
        self._transport = transport
        self._what = f"the client of {visible(self.address)}"
        self._is_closed = False
        self._is_ending = False
        """Whether the program ends."""
        self._is_forked = False
        self._is_opening = False
        self._lock = threading.RLock()
        """Held by whoever opens or closes it; a signal handler may come in between, in the same thread."""
        _CLIENTS.add(self)

    def __enter__(self) -> Self:
        """Return this client; it opens nothing before the first call.

        Raises:
            RuntimeError: it is closed, or an event loop runs in this thread.
        """
        check_no_loop(self._what, AWAITED)
        if self._is_closed:
            raise self._closed()
        return self

    def __exit__(self, *_failure: object) -> None:
        """Close it; see `close`."""
        self.close()

    def close(self) -> None:
        """Close; running calls of other threads end with an unknown outcome. Idempotent.

        Raises:
            RuntimeError: an event loop runs in this thread, and would stand still meanwhile.
        """
        if self._opened is not None:
            check_no_loop(self._what, "a MeshClient")
        with self._lock:
            self._is_closed = True
            opened, self._opened = self._opened, None
            if self._unclosed is not None:
                self._unclosed.settle()
        if opened is not None:
            opened.close()

    @property
    def max_payload_bytes(self) -> int:
        """See the base class."""
        return self._max_payload_bytes

    def dispatch(
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
        """Have the collector find a collector that runs a method, and wait; see `BlockingCaller.dispatch`."""
        opened = self._opened or self._open()
        method_key = key_argument(namespace, service, method)
        try:
            call = opened.calls.make(method_key, request, target, timeout, hints, metadata, idempotent, key)
        except MeshError as error:
            reply = Reply.refused(error)
        else:
            try:
                reply = opened.bridge.have(partial(_submitted, opened.link, call))
            except RuntimeError:
                self._stay_at_exit()
                raise
        if reply.status is OK:
            return reply
        self._stay_at_exit()
        return made_in_handler(reply, method_key, self.address)

    def serve(
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
        """Have the collector run one of its own methods, and wait; it never passes the call on.

        Arguments, reply and errors are those of `dispatch`.
        """
        opened = self._opened or self._open()
        return opened.bridge.run(
            partial(
                opened.client.serve,
                namespace,
                service,
                method,
                request,
                timeout=timeout,
                metadata=metadata,
                key=key,
            )
        )

    def sync_channel(
        self,
        namespace: str,
        *,
        target: str = "",
        interceptors: "Iterable[ClientInterceptor]" = (),
    ) -> "grpc.Channel":
        """A channel of gRPC for stubs; any number of threads may use it. To close it does not close this client.

        Args:
            namespace: where the methods are that stubs call.
            target: the id of the only collector that may run them.
            interceptors: of grpc's own kinds for threads; the first is the outermost, as in `grpc.intercept_channel`.

        Raises:
            InvalidCallError: the namespace or the target is malformed.
            TypeError: an argument is of a wrong type; the text names it.
        """
        return sync_channel_to(
            self._opened_for_stubs,
            namespace,
            target,
            interceptors,
            awaited="a stub of MeshClient.channel(...)",
            at_failure=self._stay_at_exit,
        )

    def _opened_for_stubs(self) -> tuple[Bridge, CallStarter]:
        opened = self._opened or self._open()
        return opened.bridge, opened.client

    def _open(self) -> "OpenedClient":
        """Open it, once, whichever thread comes first.

        Raises:
            RuntimeError: it cannot be used; the text says why.
            MeshError, TlsError: as where a `MeshClient` is entered.
        """
        check_no_loop(self._what, AWAITED)
        self._stay_at_exit()
        with self._lock:
            if self._is_opening:
                # The lock is this thread's already.
                raise RuntimeError(
                    f"{self._what} is being opened by what this signal handler has interrupted: use it later"
                )
            # A handler that comes before this has done all of it by now, one that comes later is refused: whatever is
            # looked at from here on stays as it is.
            self._is_opening = True
            try:
                return self._opened or self._opened_now()
            finally:
                self._is_opening = False

    def _opened_now(self) -> "OpenedClient":
        if self._is_closed:
            raise self._closed()
        if self._is_forked:
            raise RuntimeError(f"{self._what} belongs to the process that this one was forked from: {FORKED}")
        opened = OpenedClient(self._what, self._make(), getattr(self._transport, "loop", None))
        self._unclosed = Unclosed(self, self._what)
        self._opened = opened
        if self._is_closed:  # by a signal handler
            self.close()
            raise self._closed()
        return opened

    def _end(self) -> None:
        """Close it as the interpreter ends: whatever is called later is refused, as there can be no more threads."""
        self._is_ending = self._is_closed = True
        opened, self._opened = self._opened, None
        if opened is not None:
            with suppress(Exception):
                opened.close()

    def _stay_at_exit(self) -> None:
        """Keep a daemon thread here while the interpreter ends, as that does with all of them: nobody wants its error."""
        if self._is_ending and threading.current_thread().daemon:
            threading.Event().wait()

    def _after_fork(self) -> None:
        """Be of this process. What was of the other one is kept, so that nothing is closed twice."""
        self._is_forked = self._is_forked or self._opened is not None or self._is_opening
        if self._opened is not None:
            _LEFT.append(self._opened)
            self._opened = None
        # Whoever has held it is not here.
        self._is_opening, self._lock = False, threading.RLock()

    def _closed(self) -> RuntimeError:
        return RuntimeError(f"{self._what} is closed; make a new one")

    def __del__(self) -> None:
        """End what a client has that was used and never closed, and do not wait for it."""
        opened = getattr(self, "_opened", None)
        if opened is not None:
            opened.abandon()

    def __reduce__(self) -> NoReturn:
        """A client stays in its process.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self._what} cannot be pickled or copied: make one in the process that uses it")

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "open" if self._opened is not None else "not used yet"
        return f"<SyncMeshClient of {visible(self.address)}, {state}>"


def _submitted(
    link: "ClientLink | WatchedClientLink", call: Call, told: Callable[[Reply], None]
) -> Callable[[], object]:
    return link.submit(call, told).cancel


_CLIENTS: "WeakSet[SyncMeshClient]" = WeakSet()
"""Of the process, not of a mesh: a fork changes all of them, and its end closes all of them."""

_LEFT: list[OpenedClient] = []
"""What belongs to the process that this one was forked from; nobody may touch it here."""


def _after_fork() -> None:
    for client in list(_CLIENTS):
        client._after_fork()  # noqa: SLF001  # of the same module


if hasattr(os, "register_at_fork"):  # which Windows has not, as it has no forks
    os.register_at_fork(after_in_child=_after_fork)


def _close_all() -> None:
    for client in list(_CLIENTS):
        client._end()  # noqa: SLF001  # of the same module


# Now, and not when one is used: what a program has done at its end, it asks for later, and that may call.
atexit.register(_close_all)
