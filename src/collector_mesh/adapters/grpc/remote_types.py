"""The types of services as a registry tells them that is elsewhere."""

from typing import TYPE_CHECKING

from collector_mesh.adapters.grpc.bearer import TokenSource
from collector_mesh.adapters.grpc.remote_registry import RemoteRegistry
from collector_mesh.adapters.grpc.tls import Tls, TlsError
from collector_mesh.adapters.runtime.registry_types import RegistryTypes
from collector_mesh.adapters.wire.file_sets import set_of_files
from collector_mesh.domain.model.errors import UnavailableError

_ANSWER_SECONDS = 2.0


class RemoteTypes:
    """Asks a registry for the files of services, over a connection that is opened for the first one.

    Args:
        address: HOST:PORT of the registry, or `unix:PATH`.
        tls: certificates.
        insecure: whether plaintext may leave this machine.
        token: gives the bearer token that is shown, None for none.

    Raises:
        InvalidCallError: it is no address, or plaintext would leave this machine.
    """

    def __init__(
        self, address: str, *, tls: Tls | None, insecure: bool, token: TokenSource | None = None
    ) -> None:
        self._registry = RemoteRegistry(
            address, tls=tls, insecure=insecure, timeout=_ANSWER_SECONDS, token=token
        )

    async def described(self, namespace: str, service: str) -> bytes:
        """See the port."""
        try:
            await self._registry.reach()
            files = await self._registry.files(namespace, service)
        except (TlsError, RuntimeError) as error:
            # The last one where another one has closed it.
            raise UnavailableError(str(error)) from error
        except UnavailableError:
            # The next one reads the certificates anew.
            await self._registry.aclose()
            raise
        return set_of_files(files, service)

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        await self._registry.aclose()


if TYPE_CHECKING:
    _fits: type[RegistryTypes] = RemoteTypes
