"""From the names of a service and a method to the namespaces in which somebody has it.

All else is looked up by namespace first. Callers that know of no namespaces have a service and a method only.
"""

from collections.abc import Collection, Mapping, Sequence

from collector_mesh.domain.link.catalogs import same_at_begin
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.reachability import Reachability
from collector_mesh.domain.topology.topology import Topology

Place = tuple[str, str]
"""A namespace in which somebody has a method, and the kind that it has there."""

_Names = tuple[str, ...]
"""Of a service and of a method."""

# What plain tuples hold that hold texts alone costs the garbage collector nothing, and most methods are in one place.
_Counted = tuple[Place, int] | dict[Place, int]
"""The places, and how many have told of each."""

_Told = Mapping[str, tuple[MethodInfo, ...]]
"""Methods by the collector that has them."""

_OWN = ""


class NamedMethods:
    """Knows the methods of this collector, of its peers, and of those behind them.

    It is empty until it is asked first. From then on what has changed is taken in when somebody asks the next time: a
    change costs as much as is other than before, a question one look-up. It says where somebody has told to have a
    method; whether calls may go there now is for the router.

    Args:
        handlers: what runs here.
        topology: who is connected.
        reachability: what peers tell of others.
    """

    def __init__(self, handlers: HandlerRegistry, topology: Topology, reachability: Reachability) -> None:
        self._handlers = handlers
        self._topology = topology
        self._reachability = reachability
        self._counted: dict[_Names, _Counted] = {}
        self._places: dict[_Names, tuple[Place, ...]] = {}
        """The same in order, as far as it was asked for since it has changed."""
        self._services: dict[str, tuple[str, ...]] | None = None
        """The services of each namespace, if that was asked for since something has changed."""
        self._told: dict[str, _Told] = {}
        """What was taken in, by who has told it."""
        self._silent: dict[str, tuple[str, ...]] = {}
        """The namespaces shared with each peer that does not say what it has."""
        self._changed: dict[str, None] | None = None
        self._own_changes = -1

    def places(self, service: str, method: str) -> tuple[Place, ...]:
        """Where somebody has a method, in order of the namespaces."""
        if self._changed != {} or self._own_changes != self._handlers.changes:
            self._catch_up()
        names = (service, method)
        found = self._places.get(names)
        if found is None:
            counted = self._counted.get(names)
            if counted is None:
                return ()
            found = self._places[names] = tuple(sorted(_places_in(counted)))
        return found

    def has(self, key: MethodKey, kind: str) -> bool:
        """Whether somebody has a method of a kind."""
        if self._changed != {} or self._own_changes != self._handlers.changes:
            self._catch_up()
        counted = self._counted.get(key[1:])
        return counted is not None and (key.namespace, kind) in _places_in(counted)

    def kinds(self, key: MethodKey) -> list[str]:
        """The kinds that a method has, in order."""
        return [
            kind for namespace, kind in self.places(key.service, key.method) if namespace == key.namespace
        ]

    def services(self, namespace: str) -> tuple[str, ...]:
        """The services of which somebody has a method in a namespace, in order."""
        if self._changed != {} or self._own_changes != self._handlers.changes:
            self._catch_up()
        if self._services is None:
            found: dict[str, dict[str, None]] = {}
            for (service, _), counted in self._counted.items():
                for its, _ in _places_in(counted):
                    found.setdefault(its, {})[service] = None
            self._services = {name: tuple(sorted(services)) for name, services in found.items()}
        return self._services.get(namespace, ())

    def silent(self) -> list[str]:
        """The namespaces in which a peer does not say what it has, in order."""
        if self._changed != {}:
            self._catch_up()
        return sorted({namespace for shared in self._silent.values() for namespace in shared})

    @property
    def kept(self) -> int:
        """How much is kept, for whoever wants to see that none is left of what is gone."""
        return len(self._counted) + len(self._places) + len(self._told) + len(self._silent)

    def _catch_up(self) -> None:
        if self._changed is None:
            self._changed = {connection.peer_id: None for connection in self._topology}
            self._topology.on_peer = self._has_changed
        own_changes = self._handlers.changes
        if self._own_changes != own_changes:
            # Another thread may change them again: then they are looked at once more.
            self._own_changes = own_changes
            self._take_in(_OWN, {_OWN: self._handlers.infos})
        while self._changed:
            peer_id, _ = self._changed.popitem()
            self._look_at(peer_id)

    def _has_changed(self, peer_id: str) -> None:
        if self._changed is not None:
            self._changed[peer_id] = None

    def _look_at(self, peer_id: str) -> None:
        connection = self._topology.get(peer_id)
        told: dict[str, tuple[MethodInfo, ...]] = {}
        self._silent.pop(peer_id, None)
        if connection is not None:
            if connection.methods is None:
                self._silent[peer_id] = connection.shared_namespaces
            else:
                told[_OWN] = connection.methods
            for reach in self._reachability.told_over(connection.way):
                told[reach.collector_id] = reach.methods
        self._take_in(peer_id, told)

    def _take_in(self, teller: str, told: _Told) -> None:
        """Take down what somebody tells now, in place of what it has told before."""
        before = self._told.get(teller, {})
        for target, methods in before.items():
            if target not in told:
                self._change(methods, ())
        for target, methods in told.items():
            earlier = before.get(target, ())
            if earlier is not methods:
                self._change(earlier, methods)
        if told:
            self._told[teller] = told
        else:
            self._told.pop(teller, None)

    def _change(self, old: tuple[MethodInfo, ...], new: tuple[MethodInfo, ...]) -> None:
        self._services = None
        # Mostly few are other ones, beside each other.
        least = min(len(old), len(new))
        begin = same_at_begin(old, new, least)
        end = same_at_begin(old[::-1], new[::-1], least - begin) if begin < least else 0
        self._remove(old[begin : len(old) - end])
        self._add(new[begin : len(new) - end])

    def _add(self, methods: Sequence[MethodInfo]) -> None:
        every = self._counted
        for info in methods:
            key = info.key
            names, place = key[1:], (key[0], info.kind)
            counted = every.get(names)
            if counted is None:
                every[names] = place, 1
            elif isinstance(counted, dict):
                counted[place] = counted.get(place, 0) + 1
            elif counted[0] == place:
                every[names] = place, counted[1] + 1
                continue
            else:
                every[names] = {counted[0]: counted[1], place: 1}
            self._places.pop(names, None)

    def _remove(self, methods: Sequence[MethodInfo]) -> None:
        every = self._counted
        for info in methods:
            key = info.key
            names, place = key[1:], (key[0], info.kind)
            counted = every[names]
            if isinstance(counted, dict):
                counted[place] -= 1
                if not counted[place]:
                    del counted[place]
                if not counted:
                    del every[names]
            elif counted[1] > 1:
                every[names] = place, counted[1] - 1
                continue
            else:
                del every[names]
            self._places.pop(names, None)


def _places_in(counted: _Counted) -> Collection[Place]:
    return counted if isinstance(counted, dict) else counted[:1]
