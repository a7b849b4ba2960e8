"""What can run here."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import DuplicateMethodError, MeshError, NotFoundError, quoted
from collector_mesh.domain.model.kinds import KINDS, UNARY, Kind, mismatch
from collector_mesh.domain.model.names import MethodKey, check_name, text_argument
from collector_mesh.domain.model.payload import Payload, payload_of

if TYPE_CHECKING:
    from collector_mesh.domain.model.snapshot import MethodInfo
    from collector_mesh.domain.serving.around import Around


class Uses(Protocol):
    """Counts the calls that use something; see `serving.life`."""

    state: Any
    """What the lifespan has yielded."""

    def enter(self) -> None:
        """A call waits to use it."""
        ...

    def leave(self) -> None:
        """It does not anymore."""
        ...


@attrs.frozen
class Method:
    """A method that can run here.

    Attributes:
        key: its names.
        function: takes the request and the context and gives the result, or an awaitable of it.
        blocking: whether the function is a plain one, which runs in a thread.
        read: turns the payload into the request, or raises InvalidCallError; None gives the payload.
        write: turns the result into a payload of so many bytes at most, or raises a MeshError or TypeError.
        may_be_payload: whether a result that is a `Payload` is sent without being written.
        kind: how many messages go in and come out; only methods of one and one can be called.
        idempotent: whether it may run twice for one call.
        life: what the lifespan of its service has opened in this collector, None where it has none.
        takes: the class of messages that it takes, `NoneType` where it takes nothing; None where that is not known.
        gives: the same of its results.
        is_own: whether it is a method of the mesh itself: nobody is told of it, and no validator asked.
        around: middleware around the function, None where there is none.
    """

    key: MethodKey
    function: Callable[[Any, CallContext], Any]
    blocking: bool = False
    read: Callable[[Payload], Any] | None = None
    write: Callable[[Any, int], Payload] = payload_of
    may_be_payload: bool = True
    kind: Kind = attrs.field(default=UNARY, validator=attrs.validators.in_(KINDS))
    idempotent: bool = False
    life: Uses | None = attrs.field(default=None, eq=False, repr=False)
    takes: type | None = attrs.field(default=None, eq=False, repr=False)
    gives: type | None = attrs.field(default=None, eq=False, repr=False)
    is_own: bool = False
    around: "Around | None" = attrs.field(default=None, eq=False, repr=False)
    info: "MethodInfo" = attrs.field(init=False, eq=False, repr=False)
    """The method as others see it: one and the same object each time, so that they can tell what is new."""

    @info.default
    def _its_info(self) -> "MethodInfo":
        # Whoever imports a service does not look at a collector.
        from collector_mesh.domain.model.snapshot import MethodInfo

        return MethodInfo(self.key, self.kind, self.idempotent)


class HandlerRegistry:
    """The namespaces of a collector, and the methods that it runs in them.

    Each change is made as a whole, under the lock, by a step that nobody sees the middle of: one call of a built-in
    dictionary, or a new one in the place of the old one. So another thread may make it while calls are looked up.

    Args:
        namespaces: to begin with.
        lock: held by whoever changes something, and for no longer than that takes.
    """

    def __init__(
        self, namespaces: Iterable[str] = (), *, lock: AbstractContextManager[object] | None = None
    ) -> None:
        self._namespaces: dict[str, None] = {}
        self._methods: dict[MethodKey, Method]
        self._callable: dict[MethodKey, Method]
        self.find: Callable[[tuple[str, str, str]], Method | None]
        """Gives the method of that name that can be called, or None; the names need not be well-formed.

        It is the look-up itself, and no method: each call asks up to four times. It may be another one after a change.
        """
        self._set_methods({})
        self.own: Callable[[str], Iterable[Method]] = _none
        """Gives the mesh's own methods in a namespace, which are there as long as the collector is a member of it."""
        self.around: Around | None = None
        """Middleware around all methods that are added from now on, but those of the mesh itself."""
        self.changes = 0
        """Counts the changes."""
        self._lock: AbstractContextManager[object] = lock or nullcontext()
        self.on_change: Callable[[], None] = _nobody
        """Called after each change, by `hand_over`."""
        self.watchers: list[Callable[[], None]] = []
        """Called after that; they must not raise."""
        self.hand_over: Callable[[Callable[[], None]], None] = _at_once
        """Calls something where the rest of the collector runs, now or soon."""
        for namespace in namespaces:
            self.add_namespace(namespace)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces, in the order in which they were added."""
        return tuple(self._namespaces)

    @property
    def methods(self) -> tuple[Method, ...]:
        """What can run here, in order of the names."""
        methods = self._methods
        return tuple(methods[key] for key in sorted(methods) if not methods[key].is_own)

    @property
    def infos(self) -> "tuple[MethodInfo, ...]":
        """What can run here, as others see it, in the order in which it was added."""
        # A list of them is made at once, whatever another thread does.
        return tuple([method.info for method in list(self._methods.values()) if not method.is_own])

    def add_namespace(self, namespace: str) -> None:
        """Become a member of a namespace. Idempotent.

        Raises:
            InvalidCallError: it is no name.
        """
        self.add(namespaces=(namespace,))

    def register(self, method: Method, *, replace: bool = False) -> None:
        """Make a method available; see `add`."""
        self.add((method,), replace=replace)

    def add(
        self, methods: Iterable[Method] = (), *, namespaces: Iterable[str] = (), replace: bool = False
    ) -> None:
        """Become a member of namespaces, and make methods available: all of it, or nothing.

        Raises:
            InvalidCallError: a name is malformed.
            NotFoundError: the namespace of a method is none of this collector, and none of those.
            DuplicateMethodError: a method is registered already, and is not to be replaced.
        """
        joined = []
        for namespace in namespaces:
            check_name("namespace", namespace)
            joined.append(text_argument("namespace", namespace))
        if self.around is not None:
            methods = [_surrounded(method, self.around) for method in methods]
        added = {method.key: method for method in methods}
        for key in added:
            key.check()
        with self._lock:
            for key in added:
                if key.namespace not in self._namespaces and key.namespace not in joined:
                    raise self._no_namespace(key.namespace)
                if key in self._methods and not replace:
                    raise DuplicateMethodError(f"method {key} is registered already")
            new = [namespace for namespace in joined if namespace not in self._namespaces]
            has_changed = bool(added) or bool(new)
            added |= {method.key: method for namespace in new for method in self.own(namespace)}
            self._namespaces.update(dict.fromkeys(joined))
            if any(key in self._methods and self._methods[key].kind != added[key].kind for key in added):
                self._set_methods({**self._methods, **added})
            else:
                self._methods.update(added)
                self._callable.update(_callable(added))
        if has_changed:
            self._changed()

    def remove_namespace(self, namespace: str) -> None:
        """Leave a namespace; what was served in it goes with it. Calls that are running go on.

        Raises:
            NotFoundError: it is not one of this collector.
        """
        with self._lock:
            if namespace not in self._namespaces:
                raise self._no_namespace(namespace)
            self._set_methods(
                {key: method for key, method in self._methods.items() if key.namespace != namespace}
            )
            self._namespaces = {name: None for name in self._namespaces if name != namespace}
        self._changed()

    def has(self, key: MethodKey) -> bool:
        """Whether there is a method of that name, of whatever kind."""
        return key in self._methods

    def other_kind(self, key: MethodKey) -> Kind | None:
        """The kind of a method that is there and cannot be called, None if there is none or it can."""
        method = self._methods.get(key)
        return None if method is None or method.kind == UNARY else method.kind

    def not_callable(self, key: MethodKey) -> MeshError:
        """Why a method cannot be run here."""
        kind = self.other_kind(key)
        if kind is not None:
            return mismatch(key, kind)
        if not self.has_namespace(key.namespace):
            return NotFoundError(f"namespace {quoted(key.namespace)} not found")
        return NotFoundError(f"method {quoted(key.short)} not found in namespace {quoted(key.namespace)}")

    def has_namespace(self, namespace: str) -> bool:
        """Whether this collector is a member of a namespace."""
        return namespace in self._namespaces

    def some_of(self, namespaces: Iterable[str]) -> frozenset[str]:
        """Some of the namespaces.

        Raises:
            NotFoundError: one of them is none of this collector.
        """
        some = frozenset(namespaces)
        for namespace in sorted(some):
            if namespace not in self._namespaces:
                raise self._no_namespace(namespace)
        return some

    def unregister(self, *keys: MethodKey) -> None:
        """Make methods unavailable: all of them, or none. Calls that are running go on.

        Raises:
            NotFoundError: there is no such method.
        """
        with self._lock:
            for key in keys:
                if key not in self._methods:
                    raise NotFoundError(f"method {key} is not registered")
            gone = frozenset(keys)
            self._set_methods({key: method for key, method in self._methods.items() if key not in gone})
        self._changed()

    def _changed(self) -> None:
        with self._lock:
            self.changes += 1
        self.hand_over(self._tell)

    def _tell(self) -> None:
        self.on_change()
        for watcher in list(self.watchers):
            watcher()

    def _no_namespace(self, namespace: str) -> NotFoundError:
        known = ", ".join(self._namespaces) or "none"
        return NotFoundError(f"namespace {quoted(namespace)} is not one of this collector: it has {known}")

    def _set_methods(self, methods: dict[MethodKey, Method]) -> None:
        self._methods = methods
        self._callable = _callable(methods)
        self.find = self._callable.get  # type: ignore[assignment]  # a MethodKey is such a tuple


def _callable(methods: dict[MethodKey, Method]) -> dict[MethodKey, Method]:
    """Those methods that can be called."""
    return {key: method for key, method in methods.items() if method.kind == UNARY}


def _surrounded(method: Method, around: "Around") -> Method:
    """A method with middleware around all that is around it already."""
    return attrs.evolve(method, around=around.outside(method.around))


def _none(_namespace: str) -> tuple[Method, ...]:
    """The mesh has no methods of its own."""
    return ()


def _nobody() -> None:
    """Tell nobody of a change."""


def _at_once(work: Callable[[], None]) -> None:
    work()
