"""A registry that is elsewhere, for programs."""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING

from collector_mesh.adapters.grpc.remote_registry import RemoteRegistry
from collector_mesh.adapters.grpc.tls import Tls
from collector_mesh.app.options import token_argument
from collector_mesh.app.registry.registrable import registrable

if TYPE_CHECKING:
    from collector_mesh.adapters.wire.registry_requests import RegisteredName
from collector_mesh.app.registry.registrable import Registrable


class RegistryClient(RemoteRegistry):
    """Asks a registry that is elsewhere, and changes what is in it; `Registry` is one in this process.

    It is used inside `async with`, in one event loop. Requests may overlap. Each ends within `timeout` seconds, with an answer
    or an error. With the original registry it registers, looks up, validates and lists.

    Args:
        address: HOST:PORT, or `unix:PATH`.
        tls: certificates.
        insecure: whether plaintext may leave this machine.
        timeout: seconds for an answer.
        token: a bearer token to show; it is sent over TLS, or to this machine.
        token_file: a file with nothing but that token.

    Raises:
        InvalidCallError: it is no address, or plaintext would leave this machine.
        ValueError: the timeout is none.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: Tls | None = None,
        insecure: bool = False,
        timeout: float = 10.0,
        token: str | None = None,
        token_file: "str | PathLike[str] | None" = None,
    ) -> None:
        shown = token_argument(token, token_file)
        super().__init__(address, tls=tls, insecure=insecure, timeout=timeout, token=shown)

    async def register(
        self,
        namespace: str,
        what: "Registrable",
        *,
        labels: Mapping[str, str] | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> "tuple[RegisteredName, ...]":
        """Register services and the files that they are in; all of them, or none.

        Args:
            namespace: where.
            what: as for `Registry.register`.
            labels: of the services, or of the files where there are none; None for those that they have, `{}` to remove them.
            force: whether to register it also where it is incompatible with what is registered.
            dry_run: whether to say only what would come of it; differences are in the result then, and no error.

        Returns:
            What has become of each service, or of each file where there are no services.

        Raises:
            InvalidCallError: something is malformed, missing, contradicts itself, or is more than there may be.
            IncompatibleError: it is incompatible; the text has the differences.
            ForbiddenError: the registry does not let this program.
            UnavailableError: the registry is away.
            DeadlineExceededError: it has not answered in time, and may have done it: to register the same again changes nothing.
            TypeError: an argument is of the wrong type.
        """
        given = registrable(what)
        services = [(name, None) for name in given.services]
        return await self.register_files(
            namespace, given.files, services, labels=labels, force=force, dry_run=dry_run
        )
