"""All of a registry, page by page."""

from abc import abstractmethod
from collections.abc import AsyncIterator

from collector_mesh.domain.model.errors import UnavailableError
from collector_mesh.domain.registry.limits import MAX_PAGE
from collector_mesh.domain.registry.registry import PAGE
from collector_mesh.domain.registry.results import Change, HistoryPage, RegisteredService, ServicePage

_MOST_EMPTY = 1000


class Every:
    """What goes through all pages of a registry, wherever that is."""

    @abstractmethod
    async def list(self, namespace: str = "", *, after: str = "", limit: int = PAGE) -> ServicePage:
        """Give services, newest first: a page of them."""

    @abstractmethod
    async def history(
        self, namespace: str = "", name: str = "", *, after: str = "", limit: int = PAGE
    ) -> HistoryPage:
        """Give what was changed, latest first: a page of it."""

    async def every(self, namespace: str = "") -> AsyncIterator[RegisteredService]:
        """Give all services, newest first, page by page; see `list`."""
        page = ServicePage((), "")
        seen = _Pages()
        while seen.goes_on(page.after, len(page.services)):
            page = await self.list(namespace, after=page.after, limit=MAX_PAGE)
            for service in page.services:
                yield service

    async def every_change(self, namespace: str = "", name: str = "") -> AsyncIterator[Change]:
        """Give all changes, latest first, page by page; see `history`."""
        page = HistoryPage((), "")
        seen = _Pages()
        while seen.goes_on(page.after, len(page.changes)):
            page = await self.history(namespace, name, after=page.after, limit=MAX_PAGE)
            for change in page.changes:
                yield change


class _Pages:
    """Sees that pages come to an end."""

    def __init__(self) -> None:
        self._has_begun = False
        self._empty = 0

    def goes_on(self, after: str, entries: int) -> bool:
        """Whether there is a page after one with so many entries.

        Raises:
            UnavailableError: there are only empty ones.
        """
        if self._has_begun and not after:
            return False
        self._has_begun = True
        # Those that the caller may not see are left out of a page.
        self._empty = 0 if entries else self._empty + 1
        if self._empty > _MOST_EMPTY:
            raise UnavailableError("the registry answers with empty pages, and does not come to an end")
        return True
