"""In which namespace a call is meant that names a service and a method only."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.checks import CallChecks
from collector_mesh.domain.calls.finding import Finder
from collector_mesh.domain.calls.retry_state import RetryState
from collector_mesh.domain.calls.waiting import WaitingCalls
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    AmbiguousError,
    MeshError,
    NotFoundError,
    UnavailableError,
    error_for,
    quoted,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.kinds import UNARY, mismatch
from collector_mesh.domain.model.names import MethodKey, check_name
from collector_mesh.domain.model.routing_keys import NAMESPACE_KEY
from collector_mesh.domain.policies.callers import name_of
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.placing import Placing
from collector_mesh.domain.routing.named_methods import NamedMethods
from collector_mesh.domain.routing.refusals import with_method
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.topology import Topology

_MOST_KEPT = 1024

_MOST_NAMED = 10
"""Namespaces that an error names."""


class Placer:
    """Finds the namespace of a call: the one that it names, else the only one in which the caller may use the method.

    Of a namespace that the caller may not use it tells nothing, not even that it is there.

    Args:
        collector_id: of this collector.
        handlers: what runs here.
        names: where somebody has a method.
        topology: who is connected.
        finder: says why nobody has one.
        waiting: has calls wait for those who are dialed.
        checks: who may use which namespace.
        clock: tells the time.
        policies: how much time a call has that says nothing about it.
        default: the namespace where none is found, or empty.
    """

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        names: NamedMethods,
        topology: Topology,
        finder: Finder,
        waiting: WaitingCalls,
        checks: CallChecks,
        *,
        clock: Clock,
        policies: Policies,
        default: str = "",
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._names = names
        self._topology = topology
        self._finder = finder
        self._waiting = waiting
        self._checks = checks
        self._now = clock.now
        self._policies = policies
        self._default = default
        self._kept: dict[tuple[str, str], tuple[tuple[int, int], MethodKey]] = {}
        """What was meant, as long as nothing has changed; where all callers may use everything."""
        waiting.where = self._where

    def place(
        self, service: str, method: str, *, namespace: str, target: str, identity: Identity | None
    ) -> MethodKey | None:
        """See the port."""
        if namespace:
            key = MethodKey(namespace, service, method)
            # Before anything else is looked at: what is there, and what is not, is the same to whoever may not use it.
            if self._checks.access.asks:
                self._checks.access.check_call(identity, key)
            return key if self._names.has(key, UNARY) else self._named(key, target)
        kept = None if target or self._checks.access.asks else self._kept.get((service, method))
        if kept is not None and kept[0] == (self._topology.changes, self._handlers.changes):
            return kept[1]
        return self._only_one(service, method, target, identity)

    def _only_one(
        self, service: str, method: str, target: str, identity: Identity | None
    ) -> MethodKey | None:
        """The method in the only namespace in which it can be meant."""
        changes = self._topology.changes, self._handlers.changes
        found: dict[str, str] = {}
        for name, kind in self._names.places(service, method):
            key = MethodKey(name, service, method)
            if found.get(name) != UNARY and self._is_meant(key, kind, target, identity):
                found[name] = kind
                if len(found) > _MOST_NAMED:
                    break
        if not found:
            if self._checks.access.asks:
                self._check_access(MethodKey("", service, method), identity)
            return self._without_anybody(MethodKey("", service, method), target, identity)
        if len(found) > 1:
            raise _ambiguous(service, method, found)
        ((name, kind),) = found.items()
        key = MethodKey(name, service, method)
        if kind != UNARY:
            raise mismatch(key, kind)
        if not target and not self._checks.access.asks:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[service, method] = changes, key
        return key

    async def wait(
        self,
        service: str,
        method: str,
        *,
        namespace: str,
        target: str,
        identity: Identity | None,
        timeout: float | None,
        address: str,
    ) -> MethodKey:
        """See the port."""
        key = MethodKey(namespace, service, method)
        source = name_of(identity, address)
        seconds = self._policies.of(key).timeout if timeout is None else timeout
        call = Call(key, deadline=self._now() + seconds, target=target, origin=Origin.CLIENT, source=source)
        state = RetryState(call)
        while True:
            placed = self.place(service, method, namespace=namespace, target=target, identity=identity)
            if placed is not None:
                return placed
            if not await self._waiting.wait(state, self._now()):
                raise self._nobody(call)

    # ---- where nobody is known to have the method ----------------------------------------------------

    def _named(self, key: MethodKey, target: str) -> MethodKey | None:
        """A method of which nobody tells that it is unary, in the namespace that the call names."""
        if not target and self._may_be_silent(key):
            return key
        for kind in self._names.kinds(key):
            if self._is_at(key, target) if target else self._is_known(key, kind):
                raise mismatch(key, kind)
        if target and self._is_connected(key, target):
            # It is asked for all the same: its news may be on their way.
            return key
        self._check_worth_waiting(key, target)
        return None

    def _check_access(self, key: MethodKey, identity: Identity | None) -> None:
        """See that it is not for want of credentials, or by a rule about the method alone, that nothing is found.

        Raises:
            UnauthenticatedError: the caller has shown no credentials, or wrong ones.
            ForbiddenError: it may use the namespace, and not the method.
        """
        access = self._checks.access
        if self._uses_nothing(identity):
            access.check_shown(identity, f"call {_shown(key)}")
        for name, kind in self._names.places(key.service, key.method):
            there = key._replace(namespace=name)
            if kind == UNARY and self._is_known(there, kind) and access.may_use(identity, name):
                access.check_call(identity, there)

    def _without_anybody(self, key: MethodKey, target: str, identity: Identity | None) -> MethodKey | None:
        """A method that nobody has in a namespace that the caller may use."""
        if self._default and self._checks.access.may_use(identity, self._default):
            return self.place(
                key.service, key.method, namespace=self._default, target=target, identity=identity
            )
        if self._uses_nothing(identity) and not self._checks.is_draining:
            # Who is connected, or dialed, and where, is nothing to it either.
            raise NotFoundError(_nobody_has(key))
        silent = [
            name
            for name in self._names.silent()
            if self._may_be_silent(silently := key._replace(namespace=name))
            and (not target or self._is_at(silently, target))
            and self._checks.access.may_call(identity, silently)
        ]
        if len(silent) > 1:
            raise _ambiguous(key.service, key.method, silent)
        if silent:
            return key._replace(namespace=silent[0])
        self._check_worth_waiting(key, target)
        return None

    def _check_worth_waiting(self, key: MethodKey, target: str) -> None:
        """See that it is worth to wait.

        Raises:
            MeshError: it is not; it says why nobody has the method.
        """
        call = Call(key, target=target, origin=Origin.CLIENT)
        if not self._waiting.may(RetryState(call), self._now()):
            raise self._nobody(call)

    def _nobody(self, call: Call) -> MeshError:
        key, target = call.key, call.target
        if self._checks.is_draining:
            return self._checks.draining()
        is_away = bool(target) and not self._is_connected(key, target)
        if key.namespace and not is_away:
            error = self._finder.nobody(RetryState(call), self._now())
            return error_for(error.code, with_method(str(error), key), error.details)
        dialing = self._finder.dialing_text()
        if target:
            check_name("target_collector_id", target)
        if is_away:
            who = f"no connection to collector {quoted(target)}"
        else:
            who = _nobody_has(key, f"collector {quoted(target)} is not" if target else "nobody is")
        if dialing:
            return UnavailableError(f"{who}, and nobody has answered yet at {dialing}")
        return NotFoundError(who)

    # ---- questions -----------------------------------------------------------------------------------

    def _where(self, key: MethodKey) -> object:
        """The places to which calls may go, whoever may use them."""
        places = self._names.places(key.service, key.method)
        return tuple(
            (name, kind) for name, kind in places if self._is_known(key._replace(namespace=name), kind)
        )

    def _uses_nothing(self, identity: Identity | None) -> bool:
        if not self._checks.access.asks:
            return False
        return not any(self._checks.access.may_use(identity, name) for name in self._handlers.namespaces)

    def _is_meant(self, key: MethodKey, kind: str, target: str, identity: Identity | None) -> bool:
        is_there = self._is_at(key, target) if target else self._is_known(key, kind)
        return is_there and self._checks.access.may_call(identity, key)

    def _is_known(self, key: MethodKey, kind: str) -> bool:
        """Whether somebody has a method to whom calls may go: others tell of more than they share."""
        if self._handlers.has(key):
            return True
        if kind != UNARY:
            return self._topology.other_kind(key) is not None
        return self._topology.having(key) is not None or self._topology.onward(key) is not None

    def _is_connected(self, key: MethodKey, target: str) -> bool:
        return (
            target == self._collector_id
            or self._topology.get(target) is not None
            or self._topology.way_to(target, key) is not None
        )

    def _is_at(self, key: MethodKey, target: str) -> bool:
        if target == self._collector_id:
            return self._handlers.has(key)
        connection = self._topology.get(target)
        if connection is None:
            return self._topology.way_to(target, key) is not None
        has_it = connection.methods is None or connection.has(key) is not None
        return has_it and connection.shares(key.namespace)

    def _may_be_silent(self, key: MethodKey) -> bool:
        """Whether a peer may have a method that does not say what it has."""
        silent = self._topology.silent(key.namespace)
        if silent is None:
            return False
        lacking = self._topology.lacking(key, now=self._now())
        return any(member.peer_id not in lacking for member in silent.members)


def _shown(key: MethodKey) -> str:
    return quoted(f"{key.service}/{key.method}")


def _nobody_has(key: MethodKey, who: str = "nobody is") -> str:
    return f"{who} known to have {_shown(key)} in a namespace that the caller may use"


def _ambiguous(service: str, method: str, namespaces: Iterable[str]) -> AmbiguousError:
    found = sorted(namespaces)
    named = ", ".join(map(quoted, found[:_MOST_NAMED]))
    more = " and others" if len(found) > _MOST_NAMED else ""
    return AmbiguousError(
        f"method {quoted(f'{service}/{method}')} can be meant in several namespaces, {named}{more}: the metadata"
        f" {NAMESPACE_KEY!r} has to say which one"
    )


if TYPE_CHECKING:
    _fits: type[Placing] = Placer
