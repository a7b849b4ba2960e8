"""A registry as callers from outside see it: who may change what is in it, and who sees what."""

from collections.abc import Callable, Iterable

import attrs

from collector_mesh.domain.model.errors import ForbiddenError, UnavailableError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.registry.limits import MAX_PAGE
from collector_mesh.domain.registry.paging import without_names
from collector_mesh.domain.registry.registry import PAGE, Registry
from collector_mesh.domain.registry.results import HistoryPage, ServicePage


@attrs.frozen
class RegistryCaller:
    """Who asks a registry.

    Attributes:
        identity: what the transport has proved, or None.
        address: where the request comes from.
        collector_id: the collector that it says it is; empty for none.
    """

    identity: Identity | None
    address: str
    collector_id: str = ""

    def __str__(self) -> str:
        """Who it is, as the history has it."""
        who = str(self.identity) if self.identity else self.address
        return f"{who} as {self.collector_id}" if self.collector_id else who


class RegistryDoor:
    """Lets callers at a registry, as far as they may.

    Args:
        core: gives the registry; raises `RuntimeError` where it is not open.
        access: who may use a namespace, and who may serve it and so say what is in it; without it everybody may.
    """

    def __init__(
        self,
        core: Callable[[], Registry],
        access: AccessPolicy | None = None,
    ) -> None:
        self._core = core
        self.access = access or AccessPolicy()
        """Who may do what."""

    @property
    def registry(self) -> Registry:
        """The registry.

        Raises:
            UnavailableError: it is not open.
        """
        try:
            return self._core()
        except RuntimeError as error:
            raise UnavailableError("the registry is closed") from error

    def check_write(self, caller: RegistryCaller, namespace: str) -> None:
        """See that a caller may change what is in a namespace.

        Raises:
            InvalidCallError: the namespace is empty or malformed.
            UnauthenticatedError: it has shown no credentials, or wrong ones, where it needs some.
            ForbiddenError: it may not.
        """
        check_name("namespace", namespace)
        try:
            self.access.check_register(caller.identity, caller.collector_id, namespace)
        except ForbiddenError as error:
            raise ForbiddenError(
                f"{quoted(str(caller))} may not register in the namespace {quoted(namespace)}, which is for those who may"
                f" serve it: {error}"
            ) from error

    def check_read(self, caller: RegistryCaller, namespace: str) -> None:
        """See that a caller may see what is in a namespace.

        Raises:
            UnauthenticatedError: it has shown no credentials, or wrong ones, where it needs some.
            ForbiddenError: it may not.
        """
        self.access.check_use(caller.identity, namespace)

    async def services(
        self, caller: RegistryCaller, namespace: str, *, after: str = "", limit: int = 0
    ) -> ServicePage:
        """A page of the services that a caller may see, the newest first; there may be fewer than asked for on it.

        Args:
            caller: who asks.
            namespace: where; empty for everywhere.
            after: `after` of the page before.
            limit: how many are looked at; 0 for some.

        Raises:
            ForbiddenError: it may not see the namespace that it asks for.
            InvalidCallError: a name or `after` is malformed.
            UnavailableError: the store cannot be used.
        """
        if namespace:
            self.check_read(caller, namespace)
        page = await self.registry.services(namespace, after=after, limit=_page(limit))
        if namespace or not self.access.asks:
            return page
        shown = self._shown(caller, {service.namespace for service in page.services})
        services = tuple(service for service in page.services if service.namespace in shown)
        is_last_shown = bool(page.services) and page.services[-1].namespace in shown
        # Names that are not shown are not in the position either.
        return ServicePage(services, page.after if is_last_shown else without_names(page.after))

    async def history(
        self, caller: RegistryCaller, namespace: str, name: str, *, after: str = "", limit: int = 0
    ) -> HistoryPage:
        """A page of the changes that a caller may see, the latest first; there may be fewer than asked for on it.

        Args:
            caller: who asks.
            namespace: where; empty for everywhere.
            name: of a service or a file; empty for all.
            after: `after` of the page before.
            limit: how many are looked at; 0 for some.

        Raises:
            ForbiddenError: it may not see the namespace that it asks for.
            InvalidCallError: a name or `after` is malformed.
            UnavailableError: the store cannot be used.
        """
        if namespace:
            self.check_read(caller, namespace)
        page = await self.registry.history(namespace, name, after=after, limit=_page(limit))
        if namespace or not self.access.asks:
            return page
        shown = self._shown(caller, {change.namespace for change in page.changes})
        # How much was dropped elsewhere is nobody's business.
        return attrs.evolve(
            page, changes=tuple(change for change in page.changes if change.namespace in shown), dropped=0
        )

    def _shown(self, caller: RegistryCaller, namespaces: Iterable[str]) -> set[str]:
        return {namespace for namespace in namespaces if self._shows(caller, namespace)}

    def _shows(self, caller: RegistryCaller, namespace: str) -> bool:
        return self.access.may_use(caller.identity, namespace)


def _page(limit: int) -> int:
    return min(limit or PAGE, MAX_PAGE)
