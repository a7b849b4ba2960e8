"""A validator that asks a registry in the same process."""

import asyncio
from typing import TYPE_CHECKING

from collector_mesh.adapters.runtime.asking import AskingValidator
from collector_mesh.adapters.runtime.registry_types import RegistryTypes
from collector_mesh.adapters.wire.file_sets import set_of_files
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, UnavailableError, kind_of
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.ports.validator import ReadyValidator
from collector_mesh.domain.registry.remembered import Answer, Refused, Times, Undecided, Valid

if TYPE_CHECKING:
    from collector_mesh.app.registry.registry import Registry

_FRESH_SECONDS = 1.0
_REFUSED_SECONDS = 0.05
_ANSWER_SECONDS = 2.0


class LocalTypes:
    """Tells the types of services of a registry of this process.

    Args:
        registry: the registry.
    """

    def __init__(self, registry: "Registry") -> None:
        self._registry = registry

    async def described(self, namespace: str, service: str) -> bytes:
        """See the port."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                files = await self._registry.files(namespace, service)
        except (TimeoutError, RuntimeError) as error:
            raise UnavailableError(f"no answer from {self._registry!r}") from error
        return set_of_files(files, service)

    async def aclose(self) -> None:
        """The registry is closed by whoever has opened it."""


class LocalRegistryValidator(AskingValidator):
    """A validator that asks a `Registry` of this process; see `RegistryValidator` for one that is elsewhere.

    What is registered may be called within 0.05 s, what is removed is refused within 1 s. While the store of the registry
    cannot be used, methods that were there the last time may be called for an hour, and others are answered with 503.

    Args:
        registry: the registry; it is open while calls run.

    Raises:
        TypeError: it is none.
    """

    def __init__(self, registry: "Registry") -> None:
        from collector_mesh.app.registry.registry import Registry

        if not isinstance(registry, Registry):
            raise TypeError(f"registry must be a collector_mesh.Registry, got {kind_of(registry)}")
        super().__init__(repr(registry), Times(fresh=_FRESH_SECONDS, refused=_REFUSED_SECONDS))
        self._local = registry

    def types(self) -> "LocalTypes":
        """What tells the types of services that the registry has."""
        return LocalTypes(self._local)

    async def _ask(self, key: MethodKey) -> Answer:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await self._local.validate(*key)
        except TimeoutError:
            text = f"no answer from {self._local!r} within {_ANSWER_SECONDS:g} s"
            return Undecided(text, is_away=True)
        except InvalidCallError as error:
            return Refused(str(error))
        except (MeshError, RuntimeError) as error:
            # The last one where it is not open.
            return Undecided(str(error), is_away=True)
        return Valid(Allowed(found.takes, found.gives)) if found.is_valid else Refused(found.message)


if TYPE_CHECKING:
    _fits: type[ReadyValidator] = LocalRegistryValidator
    _tells: type[RegistryTypes] = LocalTypes
