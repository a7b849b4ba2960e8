"""What the services of the mesh look like, asked of those who have them, and kept for a while."""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

import attrs

from collector_mesh.adapters.wire.file_sets import FileSet
from collector_mesh.domain.model.errors import AmbiguousError, MeshError, NotFoundError, clipped, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.routing_keys import NAMESPACE_KEY
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.reflecting import Holder

_ASK_SECONDS = 2.0
"""How long a collector has to answer."""

_LOOK_SECONDS = 5.0
"""How long services are looked through, one after the other."""

_KEPT_SECONDS = 10.0
"""How long an answer is believed: a service may be replaced by one with the same methods, of which nobody tells."""

_REFUSED_SECONDS = 1.0
"""The same where there is none that can be used."""

_MOST_KEPT = 256
_MOST_KEPT_BYTES = 16 << 20
_MOST_LOOKED_AT = 64
"""Services that are looked through for a name of which it is not known where it belongs."""

_MOST_NAMESPACES = 8
"""Namespaces whose descriptors of a service are compared."""

_Place = tuple[str, str, str]
"""A namespace, a service in it, and who serves that."""


@attrs.frozen
class _Kept:
    """What a collector has told of a service, or why that is of no use."""

    version: object
    until: float
    files: FileSet | None
    reason: str = ""


class Seen(NamedTuple):
    """What a caller may see.

    Attributes:
        namespaces: where.
        identity: who it is.
    """

    namespaces: tuple[str, ...]
    identity: Identity | None = None


class Reflected:
    """The files of services of the mesh.

    Args:
        gateway: the collector.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._kept: dict[_Place, _Kept] = {}
        self._asking: dict[_Place, asyncio.Lock] = {}
        """Held by whoever asks."""
        self._bytes = 0

    async def files_of(self, seen: Seen, service: str) -> FileSet | None:
        """The files of a service that is in some of the namespaces, None if it is in none.

        Raises:
            AmbiguousError: they are not the same in all of these.
            NotFoundError: nobody tells them.
        """
        having = [name for name in seen.namespaces if service in self._services(seen, name)]
        if not having:
            return None
        found: dict[str, FileSet] = {}
        reasons: list[MeshError] = []
        for namespace in having[:_MOST_NAMESPACES]:
            try:
                found[namespace] = await self._of(namespace, service)
            except NotFoundError as error:
                reasons.append(error)
        if not found:
            raise reasons[0]
        _check_same(f"the service {quoted(service)}", found, lambda files: files.service_file)
        return next(iter(found.values()))

    async def all_files(self, seen: Seen) -> list[FileSet]:
        """The files of all services that are seen, as far as they are told; of very many services some."""
        return [files for _, files in await self._all(seen)]

    async def found(self, seen: Seen, what: str, find: Callable[[FileSet], str]) -> tuple[FileSet, str]:
        """The first files among which something is found, and the name of the file.

        Raises:
            NotFoundError: it is found nowhere.
            AmbiguousError: it is found in several namespaces, and is not the same there.
        """
        found: dict[str, FileSet] = {}
        for namespace, files in await self._all(seen):
            # In one namespace the first that has it counts.
            if namespace not in found and find(files):
                found[namespace] = files
        if not found:
            raise NotFoundError(f"{what} is not known")
        _check_same(what, found, find)
        files = next(iter(found.values()))
        return files, find(files)

    def _services(self, seen: Seen, namespace: str) -> tuple[str, ...]:
        return self._gateway.reflecting.services(namespace, seen.identity)

    async def _all(self, seen: Seen) -> list[tuple[str, FileSet]]:
        places = (
            (namespace, service)
            for namespace in seen.namespaces
            for service in self._services(seen, namespace)
        )
        found = []
        now = asyncio.get_running_loop().time
        until = now() + _LOOK_SECONDS
        for namespace, service in list(islice(places, _MOST_LOOKED_AT)):
            if now() > until:
                # Some do not answer: whoever asks hears of what was found until then.
                break
            try:
                found.append((namespace, await self._of(namespace, service)))
            except NotFoundError:
                continue
        return found

    async def _of(self, namespace: str, service: str) -> FileSet:
        reasons: list[str] = []
        for holder in self._gateway.reflecting.holders(namespace, service):
            kept = await self._asked(namespace, service, holder)
            if kept.files is not None:
                return kept.files
            who = f"collector {quoted(holder.collector_id)}" if holder.collector_id else "registry"
            reasons.append(f"{who}: {kept.reason}")
        reason = "; ".join(reasons[-2:]) or "nobody has it anymore"
        raise NotFoundError(
            clipped(
                f"no descriptor of the service {quoted(service)} in namespace {quoted(namespace)}: {reason}"
            )
        )

    async def _asked(self, namespace: str, service: str, holder: Holder) -> _Kept:
        place = namespace, service, holder.collector_id
        kept = self._known(place, holder)
        if kept is not None:
            return kept
        # Of many who want to know at once, one asks.
        lock = self._asking.setdefault(place, asyncio.Lock())
        try:
            async with lock:
                return self._known(place, holder) or await self._told(place, holder)
        finally:
            if not lock.locked():
                self._asking.pop(place, None)

    def _known(self, place: _Place, holder: Holder) -> _Kept | None:
        kept = self._kept.get(place)
        if kept is None or kept.version is not holder.version:
            return None
        return kept if asyncio.get_running_loop().time() < kept.until else None

    async def _told(self, place: _Place, holder: Holder) -> _Kept:
        files, reason = None, ""
        try:
            files = FileSet(await self._gateway.reflecting.describe(*place, timeout=_ASK_SECONDS), place[1])
        except MeshError as error:
            reason = str(error)
        # From now on: to ask may have taken long.
        until = asyncio.get_running_loop().time() + (_REFUSED_SECONDS if files is None else _KEPT_SECONDS)
        kept = _Kept(holder.version, until, files, reason)
        self._keep(place, kept)
        return kept

    def _keep(self, place: _Place, kept: _Kept) -> None:
        self._forget(place)
        self._kept[place] = kept
        self._bytes += _size(kept)
        while len(self._kept) > _MOST_KEPT or self._bytes > _MOST_KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, place: _Place) -> None:
        gone = self._kept.pop(place, None)
        if gone is not None:
            self._bytes -= _size(gone)


def _size(kept: _Kept) -> int:
    return 0 if kept.files is None else kept.files.size


def _check_same(what: str, found: dict[str, FileSet], find: Callable[[FileSet], str]) -> None:
    """See that what was found is the same in all namespaces.

    Raises:
        AmbiguousError: it is not.
    """
    versions = {tuple(sorted(files.with_imports(find(files)))) for files in found.values()}
    if len(versions) > 1:
        named = ", ".join(map(quoted, sorted(found)))
        raise AmbiguousError(
            f"{what} is not the same in the namespaces {named}: the metadata {NAMESPACE_KEY!r} of the call of"
            " reflection has to say which one"
        )
