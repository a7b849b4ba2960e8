"""A registry that is elsewhere, as a collector registers there what it serves."""

import asyncio
from typing import TYPE_CHECKING

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from collector_mesh.adapters.grpc.remote_registry import RemoteRegistry
from collector_mesh.adapters.grpc.tls import TlsError
from collector_mesh.adapters.runtime.cancelling import is_being_cancelled
from collector_mesh.adapters.wire.given_files import without_known
from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.ports.registering import Offer, RegisteringPlace


class GrpcRegisteringPlace:
    """Registers services over one connection, which is opened for the first of them.

    Args:
        registry: the registry; it is opened and closed here.
    """

    def __init__(self, registry: RemoteRegistry) -> None:
        self._registry = registry
        self._has_answered = asyncio.Event()
        """Set from an answer on until it was heard that the connection is lost, over which it has come."""

    async def register(self, offer: Offer) -> bool:
        """See the port."""
        files = FileDescriptorSet.FromString(offer.files).file
        given = [file.SerializeToString() for file in without_known(files)]
        service = offer.name.service, offer.descriptor or None
        await self._reach()
        try:
            done = await self._registry.register_files(offer.name.namespace, given, [service])
        except UnavailableError:
            # The next one reads the certificates anew, and looks the address up again.
            await self._registry.aclose()
            raise
        self._has_answered.set()
        return any(one.outcome != "unchanged" for one in done)

    async def has(self, offer: Offer) -> bool:
        """See the port."""
        await self._reach()
        try:
            found = await self._registry.validate(*offer.name, offer.method)
        except UnavailableError:
            # The next one reads the certificates anew, and looks the address up again.
            await self._registry.aclose()
            raise
        self._has_answered.set()
        return found.is_valid

    async def lost(self) -> None:
        """See the port."""
        await self._has_answered.wait()
        try:
            await self._registry.lost()
        except (RuntimeError, grpc.aio.BaseError, asyncio.CancelledError):
            # It was closed meanwhile, which may look like a cancellation of whoever waits.
            if is_being_cancelled():
                raise
        self._has_answered.clear()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._registry.aclose()

    async def _reach(self) -> None:
        try:
            await self._registry.reach()
        except TlsError as error:
            raise UnavailableError(str(error)) from error


if TYPE_CHECKING:
    _fits: type[RegisteringPlace] = GrpcRegisteringPlace
