"""A registry that is elsewhere, as a collector registers there what it serves."""

import asyncio
from typing import TYPE_CHECKING

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from collector_mesh.adapters.grpc.remote_registry import RemoteRegistry
from collector_mesh.adapters.grpc.tls import TlsError
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
        self._is_open = False
        self._has_answered = asyncio.Event()
        """Set from an answer on until it was heard that the connection is lost, over which it has come."""

    async def register(self, offer: Offer) -> bool:
        """See the port."""
        files = FileDescriptorSet.FromString(offer.files).file
        given = [file.SerializeToString() for file in without_known(files)]
        service = offer.name.service, offer.descriptor or None
        await self._open()
        try:
            done = await self._registry.register_files(offer.name.namespace, given, [service])
        except UnavailableError:
            await self._renew()
            raise
        self._has_answered.set()
        return any(one.outcome != "unchanged" for one in done)

    async def has(self, offer: Offer) -> bool:
        """See the port."""
        await self._open()
        try:
            found = await self._registry.validate(*offer.name, offer.method)
        except UnavailableError:
            await self._renew()
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
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        self._has_answered.clear()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._is_open:
            self._is_open = False
            await self._registry.__aexit__(None, None, None)

    async def _open(self) -> None:
        if not self._is_open:
            try:
                await self._registry.__aenter__()
            except TlsError as error:
                raise UnavailableError(str(error)) from error
            self._is_open = True

    async def _renew(self) -> None:
        """Have the next request read the certificates anew, and look its address up again."""
        await self.aclose()


if TYPE_CHECKING:
    _fits: type[RegisteringPlace] = GrpcRegisteringPlace
