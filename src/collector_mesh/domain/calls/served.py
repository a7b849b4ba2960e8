"""Which services run here, for health checks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.kinds import UNARY
from collector_mesh.domain.ports.served import Served
from collector_mesh.domain.serving.handlers import HandlerRegistry


class ServedServices:
    """Knows in which namespaces each service has a method that can be called here.

    It looks at what runs here only when somebody asks after a change.

    Args:
        handlers: what runs here.
        checks: who may use what.
    """

    def __init__(self, handlers: HandlerRegistry, checks: CallChecks) -> None:
        self._handlers = handlers
        self._checks = checks
        self._namespaces: dict[str, tuple[str, ...]] = {}
        self._as_of = -1

    def has(self, identity: Identity | None, service: str, *, sees_all: bool = False) -> bool:
        """See the port."""
        namespaces = self._known().get(service, ())
        return bool(namespaces) and (sees_all or self._may_use(identity, service, namespaces))

    def services(self, identity: Identity | None, *, sees_all: bool = False) -> tuple[str, ...]:
        """See the port."""
        known = self._known()
        return tuple(
            service
            for service in sorted(known)
            if sees_all or self._may_use(identity, service, known[service])
        )

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """See the port."""
        watched = self._handlers.watchers, self._checks.access.watchers
        for watchers in watched:
            watchers.append(callback)

        def end() -> None:
            for watchers in watched:
                watchers.remove(callback)

        return end

    def _may_use(self, identity: Identity | None, service: str, namespaces: tuple[str, ...]) -> bool:
        access = self._checks.access
        return any(access.may_use(identity, namespace, service) for namespace in namespaces)

    def _known(self) -> dict[str, tuple[str, ...]]:
        changes = self._handlers.changes
        if self._as_of != changes:
            # Another thread may change them again: then they are looked at once more.
            self._as_of = changes
            found: dict[str, dict[str, None]] = {}
            for info in self._handlers.infos:
                if info.kind == UNARY:
                    found.setdefault(info.key.service, {})[info.key.namespace] = None
            self._namespaces = {service: tuple(sorted(names)) for service, names in found.items()}
        return self._namespaces


if TYPE_CHECKING:
    _fits: type[Served] = ServedServices
