"""Calls methods of any gRPC server, in bytes: it need not be a collector."""

import time
from typing import NoReturn

import attrs
import grpc

from collector_mesh.adapters.grpc.bearer import TokenSource
from collector_mesh.adapters.grpc.failures import Kind
from collector_mesh.adapters.grpc.places import Visitor
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.model.texts import visible

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Of a request and of an answer."""

_LATE = "deadline exceeded"

_NO_GRPC = "Received http2 header with status"
"""What grpc says where HTTP/2 is spoken, and not gRPC."""


@attrs.frozen
class Answer:
    """What a method has answered.

    Attributes:
        data: the message, serialized.
        initial: the metadata that came before it.
        trailing: the metadata that came after it.
        seconds: from the request to the end of the answer.
    """

    data: bytes
    initial: Metadata
    trailing: Metadata
    seconds: float


class StatusError(Exception):
    """A call that has ended with another status than OK.

    Args:
        code: of gRPC, 1 to 16.
        name: of the code.
        text: what the server says, or why it was not reached; it may be anything.
        initial: see `Answer`.
        trailing: see `Answer`.
        seconds: see `Answer`.
        is_refused: whether no program listens at the address.
        is_unreached: whether there was no connection, so that nothing was sent.
    """

    def __init__(
        self,
        code: int,
        name: str,
        text: str,
        *,
        initial: Metadata = (),
        trailing: Metadata = (),
        seconds: float = 0.0,
        is_refused: bool = False,
        is_unreached: bool = False,
    ) -> None:
        super().__init__(f"{name} ({code}): {visible(text)}" if text else f"{name} ({code})")
        self.code = code
        self.name = name
        self.text = text
        self.initial = initial
        self.trailing = trailing
        self.seconds = seconds
        self.is_refused = is_refused
        self.is_unreached = is_unreached

    @property
    def is_late(self) -> bool:
        """Whether it is grpc itself that says that the time was up, in words of its own."""
        return self.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0] and _LATE in self.text.lower()

    @property
    def is_unimplemented(self) -> bool:
        """Whether the server says that it has no such method; a server of web pages says so in its own way."""
        return self.code == grpc.StatusCode.UNIMPLEMENTED.value[0] and not self.text.startswith(_NO_GRPC)


class ServerClient(Visitor):
    """A way to one server; an async context manager.

    Args:
        address: HOST:PORT with a port from 1, or `unix:PATH`.
        tls: certificates; none for a socket of the machine.
        insecure: whether plaintext may leave this machine.
        token: gives the bearer token that is shown, None for none.
        max_bytes: of a request and of an answer, about.

    Raises:
        InvalidCallError: it is no such address.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: Tls | None,
        insecure: bool,
        max_bytes: int = MAX_MESSAGE_BYTES,
        token: TokenSource | None = None,
    ) -> None:
        super().__init__(address, tls=tls, insecure=insecure, max_bytes=max_bytes, token=token)

    async def unary(self, path: str, data: bytes, *, metadata: Metadata, timeout: float) -> Answer:
        """Call a unary method.

        Args:
            path: `/package.Service/Method`.
            data: the request, serialized.
            metadata: of the request.
            timeout: seconds until the answer.

        Raises:
            StatusError: it has ended with another status than OK.
        """
        began = time.monotonic()
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self._open().unary_unary(path)
        call = method(data, timeout=timeout, metadata=grpc.aio.Metadata(*metadata))
        try:
            answer = await call
            initial, trailing = await call.initial_metadata(), await call.trailing_metadata()
        except grpc.aio.AioRpcError as error:
            await self._failed(error, began)
        except grpc.RpcError as error:
            raise InvalidCallError(f"the request cannot be sent: {visible(str(error))}") from error
        finally:
            call.cancel()
        return Answer(answer, _pairs(initial), _pairs(trailing), time.monotonic() - began)

    async def ask(self, path: str, data: bytes, *, metadata: Metadata, timeout: float) -> bytes | None:
        """Send one message to a method of streams, and take the first answer; None if it ends without one.

        Arguments and errors are those of `unary`.
        """
        began = time.monotonic()
        # To the server it is a stream of one request, and none that it refuses can be told too early to be written.
        method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self._open().unary_stream(path)
        call = method(data, timeout=timeout, metadata=grpc.aio.Metadata(*metadata))
        try:
            answer = await call.read()
        except grpc.aio.AioRpcError as error:
            await self._failed(error, began)
        except grpc.RpcError as error:
            raise InvalidCallError(f"the request cannot be sent: {visible(str(error))}") from error
        finally:
            call.cancel()
        return answer if isinstance(answer, bytes) else None

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            raise RuntimeError("the client is closed: it is used inside 'async with'")
        return self._channel

    async def _failed(self, error: grpc.aio.AioRpcError, began: float) -> NoReturn:
        code = error.code()
        text = error.details() or ""
        seconds = time.monotonic() - began
        is_there = self._open().get_state() is grpc.ChannelConnectivity.READY
        is_refused = False
        if code is grpc.StatusCode.UNAVAILABLE and not is_there:
            failure = await self._probes.why(self.address, text or code.name)
            is_refused = failure.kind in {Kind.REFUSED, Kind.NO_SOCKET}
            text = f"nobody answers at {self.address}: {failure.text}"
        raise StatusError(
            code.value[0],
            code.name,
            text,
            initial=_pairs(error.initial_metadata()),
            trailing=_pairs(error.trailing_metadata()),
            seconds=seconds,
            is_refused=is_refused,
            is_unreached=not is_there,
        ) from error


def _pairs(metadata: object) -> Metadata:
    return tuple((key, value) for key, value in metadata or ())  # type: ignore[attr-defined]  # grpc's own, or None
