"""The dispatcher service on a grpc server: bytes in, the gateway's answer out."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from collector_mesh.adapters.grpc.callers import identity_of
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
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.status import Metadata, Reply, status_of
from collector_mesh.domain.ports.gateway import Gateway

_Context = grpc.aio.ServicerContext[Any, Any]
_NOT_OURS = ("user-agent",)


class DispatcherService:
    """Connect, Serve and Dispatch.

    They take bytes and decode them here, so that what cannot be decoded is an outcome like any other
    (400) and not an error of grpc that shows the names of our classes.
    """

    def __init__(self, gateway: Gateway, *, proves_identity: bool) -> None:
        self._gateway = gateway
        self._proves_identity = proves_identity

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server takes."""
        methods: dict[str, Callable[[bytes, _Context], Awaitable[bytes]]] = {
            "Connect": self.connect,
            "Serve": self.serve,
            "Dispatch": self.dispatch,
        }
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()},
        )

    async def connect(self, data: bytes, context: _Context) -> bytes:
        """Answer Connect."""
        try:
            offer = decode_connect(data)
        except InvalidCallError as error:
            return encode_connected(Welcome(status_of(error)))
        identity = self._identity(context)
        if identity is not None:
            offer = Offer(offer.collector_id, offer.address, offer.namespaces, identity)
        return encode_connected(await self._gateway.connect(offer))

    async def serve(self, data: bytes, context: _Context) -> bytes:
        """Answer Serve."""
        try:
            request = decode_serve(data)
        except InvalidCallError as error:
            return encode_served(Reply.refused(error))
        return encode_served(
            await self._gateway.serve(
                request.key,
                request.payload,
                timeout=_timeout(context),
                metadata=_metadata(context),
                identity=self._identity(context),
            )
        )

    async def dispatch(self, data: bytes, context: _Context) -> bytes:
        """Answer Dispatch."""
        try:
            request = decode_dispatch(data)
        except InvalidCallError as error:
            return encode_dispatched(Reply.refused(error))
        return encode_dispatched(
            await self._gateway.dispatch(
                request.key,
                request.payload,
                timeout=_timeout(context),
                target=request.target,
                hints=request.hints,
                metadata=_metadata(context),
                identity=self._identity(context),
            )
        )

    def _identity(self, context: _Context) -> Identity | None:
        return identity_of(context) if self._proves_identity else None


def _timeout(context: _Context) -> float | None:
    left = context.time_remaining()
    if left is None:
        return None
    return float("inf") if left > FOREVER / 2 else left


def _metadata(context: _Context) -> Metadata:
    found = context.invocation_metadata()
    if not found:
        return ()
    return tuple((key, value) for key, value in found if key not in _NOT_OURS)
