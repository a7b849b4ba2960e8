"""The dispatcher service on a grpc server: bytes in, the gateway's answer out."""

import attrs
import grpc

from collector_mesh.adapters.grpc.callers import Callers, connection_of
from collector_mesh.adapters.grpc.door import Context, Door
from collector_mesh.adapters.grpc.headers import headers_of, metadata_of
from collector_mesh.adapters.grpc.unary_link import FOREVER, SERVICE
from collector_mesh.adapters.wire.dispatcher_codec import (
    decode_connect,
    decode_dispatch,
    decode_serve,
    encode_connected,
    encode_dispatched,
    encode_served,
)
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.introduction import Welcome
from collector_mesh.domain.model.status import Reply, status_of
from collector_mesh.domain.ports.gateway import Gateway


class DispatcherService:
    """Connect, Serve and Dispatch.

    They take bytes and decode them here, so that what cannot be decoded is an outcome like any other
    (400) and not an error of grpc that shows the names of our classes.
    """

    def __init__(self, gateway: Gateway, *, proves_identity: bool) -> None:
        self._gateway = gateway
        self._callers = Callers(gateway.identify, proves_identity=proves_identity)

    def handler(self, door: Door) -> grpc.GenericRpcHandler:
        """What a server takes."""
        methods = {
            "Connect": door.unary(self.connect, lambda error: encode_connected(Welcome(status_of(error)))),
            "Serve": door.unary(self.serve, lambda error: encode_served(Reply.refused(error))),
            "Dispatch": door.unary(self.dispatch, lambda error: encode_dispatched(Reply.refused(error))),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def connect(self, data: bytes, context: Context) -> bytes:
        """Answer Connect."""
        try:
            offer = decode_connect(data)
        except InvalidCallError as error:
            return encode_connected(Welcome(status_of(error)))
        offer = attrs.evolve(offer, identity=self._callers.identity(context), source=connection_of(context))
        return encode_connected(await self._gateway.connect(offer))

    async def serve(self, data: bytes, context: Context) -> bytes:
        """Answer Serve."""
        try:
            request = decode_serve(data)
        except InvalidCallError as error:
            return encode_served(Reply.refused(error))
        del data
        identity, headers = self._callers.known(context)
        reply = await self._gateway.serve(
            request.key,
            request.payload,
            timeout=timeout_of(context),
            metadata=metadata_of(headers),
            identity=identity,
            idempotency_key=request.idempotency_key,
            address=connection_of(context),
        )
        if reply.metadata or reply.initial_metadata:
            await _tell_metadata(reply, context)
        return encode_served(reply)

    async def dispatch(self, data: bytes, context: Context) -> bytes:
        """Answer Dispatch."""
        try:
            request = decode_dispatch(data)
        except InvalidCallError as error:
            return encode_dispatched(Reply.refused(error))
        del data
        identity, headers = self._callers.known(context)
        reply = await self._gateway.dispatch(
            request.key,
            request.payload,
            timeout=timeout_of(context),
            target=request.target,
            hints=request.hints,
            metadata=metadata_of(headers),
            identity=identity,
            idempotency_key=request.idempotency_key,
            address=connection_of(context),
        )
        if reply.metadata or reply.initial_metadata:
            await _tell_metadata(reply, context)
        return encode_dispatched(reply)


async def _tell_metadata(reply: Reply, context: Context) -> None:
    """Send the metadata of a reply as headers and trailers."""
    initial, trailing = headers_of(reply)
    context.set_trailing_metadata(trailing)
    if initial:
        await context.send_initial_metadata(initial)


def timeout_of(context: Context) -> float | None:
    """The time that a call has left, in seconds: `math.inf` for no limit, None where the caller has set none."""
    left = context.time_remaining()
    if left is None:
        return None
    return float("inf") if left > FOREVER / 2 else left
