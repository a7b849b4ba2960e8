"""Which services the mesh has, and whom to ask what their messages look like."""

from typing import TYPE_CHECKING

from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import NotFoundError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching
from collector_mesh.domain.ports.reflecting import (
    DESCRIBE,
    DESCRIPTORS,
    REGISTRY,
    Holder,
    Reflecting,
    TypeSource,
)
from collector_mesh.domain.routing.named_methods import NamedMethods
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

_MOST_HOLDERS = 3
"""Collectors that are asked for one service."""

_MOST_KEPT = 1024
"""Services of which it is remembered who serves them."""


_Shown = tuple[tuple[str, ...], object, tuple[str, ...]]
"""All services of a namespace, the rules, and the services that are shown."""


class Reflection:
    """Shows what can be called: here, at peers, and behind them.

    Descriptors are told by an ordinary method of the mesh, which each collector has in each of its namespaces: so they come
    over as many hops as calls do, and only where a namespace is shared.

    Args:
        collector_id: of this collector.
        handlers: what runs here.
        names: where somebody has a method.
        topology: who is connected.
        reachability: who is reached through whom.
        checks: who may use which namespace.
        dispatcher: asks others.
        clock: tells the time.
        types: a registry that is asked where no collector tells what a service looks like, if there is one.
    """

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        names: NamedMethods,
        topology: Topology,
        reachability: Reachability,
        checks: CallChecks,
        dispatcher: Dispatching,
        *,
        clock: Clock,
        types: TypeSource | None = None,
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._names = names
        self._topology = topology
        self._reachability = reachability
        self._checks = checks
        self._dispatcher = dispatcher
        self._now = clock.now
        self._types = types
        self._holders: dict[tuple[str, str], tuple[Holder, ...]] = {}
        self._as_of = (-1, -1)
        self._shown: dict[tuple[str, Identity | None], _Shown] = {}
        """What callers may see, by rules."""

    def namespaces(self, identity: Identity | None, named: str) -> tuple[str, ...]:
        """See the port."""
        self._checks.access.check_credentials(identity)
        if not named:
            known = sorted(self._handlers.namespaces)
            return tuple(namespace for namespace in known if self._checks.access.may_use(identity, namespace))
        self._checks.access.check_use(identity, named)
        if not self._handlers.has_namespace(named):
            raise NotFoundError(f"namespace {quoted(named)} not found")
        return (named,)

    def services(self, namespace: str, identity: Identity | None = None) -> tuple[str, ...]:
        """See the port."""
        every, access = self._names.services(namespace), self._checks.access
        rules = access.rules
        if rules is None:
            return every
        known = self._shown.get((namespace, identity))
        if known is not None and known[0] is every and known[1] is rules:
            return known[2]
        shown = tuple(service for service in every if access.may_use(identity, namespace, service))
        if len(self._shown) >= _MOST_KEPT:
            self._shown.clear()
        self._shown[namespace, identity] = every, rules, shown
        return shown

    def holders(self, namespace: str, service: str) -> tuple[Holder, ...]:
        """See the port."""
        as_of = self._topology.changes, self._handlers.changes
        if self._as_of != as_of or len(self._holders) >= _MOST_KEPT:
            self._as_of = as_of
            self._holders.clear()
        found = self._holders.get((namespace, service))
        if found is None:
            found = self._holders[namespace, service] = self._found(namespace, service)
        return found

    async def describe(self, namespace: str, service: str, collector_id: str, *, timeout: float) -> bytes:
        """See the port."""
        if collector_id == REGISTRY and self._types is not None:
            return await self._types.described(namespace, service)
        # A message with a text in its first field, which is all that needs to be known of protobuf here.
        name = service.encode()
        length = bytes([len(name)]) if len(name) < 128 else bytes([len(name) & 127 | 128, len(name) >> 7])
        call = Call(
            MethodKey(namespace, DESCRIPTORS, DESCRIBE),
            Payload(f"{TYPE_PREFIX}google.protobuf.StringValue", b"\x0a" + length + name),
            self._now() + timeout,
            collector_id,
            idempotent=True,
        )
        reply = await self._dispatcher.dispatch(call)
        return reply.raise_for_status().payload.value

    def _found(self, namespace: str, service: str) -> tuple[Holder, ...]:
        def serves(methods: tuple[MethodInfo, ...]) -> bool:
            return any(info.key.service == service and info.key.namespace == namespace for info in methods)

        found: list[Holder] = []
        if serves(self._handlers.infos):
            found.append(Holder(self._collector_id, self._handlers.changes))
        connections = [one for one in self._topology if one.is_usable and one.shares(namespace)]
        found += [
            Holder(one.peer_id, one.methods)
            for one in connections
            if one.methods is not None and serves(one.methods)
        ]
        behind = [
            reach
            for one in connections
            for reach in self._reachability.told_over(one.way)
            if serves(reach.methods) and self._topology.get(reach.collector_id) is None
        ]
        behind.sort(key=lambda reach: (len(reach.path), reach.collector_id))
        found += [Holder(reach.collector_id, reach.methods) for reach in behind]
        first: dict[str, Holder] = {}
        for holder in found:
            # Several peers may reach the same one.
            first.setdefault(holder.collector_id, holder)
        holders = tuple(first.values())[:_MOST_HOLDERS]
        # It does not say when it has changed: what it says is believed for a while.
        return holders if self._types is None else (*holders, Holder(REGISTRY, self._types))


if TYPE_CHECKING:
    _fits: type[Reflecting] = Reflection
