"""The services of one collector: which are served, and whose lifespans are open."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from math import inf
from threading import Lock, RLock
from types import MethodType
from typing import Any

from collector_mesh.adapters.runtime.tasks import PATIENCE_SECONDS
from collector_mesh.app.container import CollectorContainer
from collector_mesh.app.services.added import Added
from collector_mesh.app.services.lifespan import Lifespan, LifespanError
from collector_mesh.app.services.service import Service
from collector_mesh.domain.model.errors import DuplicateMethodError
from collector_mesh.domain.model.events import LifespanFailed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.peers.waiting import holds_within
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method
from collector_mesh.domain.serving.life import Life


class _Lived:
    """A service with a lifespan."""

    def __init__(self, service: Service, life: Life, span: Lifespan) -> None:
        self.service = service
        self.life = life
        self.span = span
        self.added = Added()
        self.methods: dict[MethodKey, Method] = {}
        self.is_begun = False
        """Whether its lifespan was begun to be opened."""
        self.is_registered = False
        self.is_removed = False
        self.bind()

    def bind(self) -> tuple[Method, ...]:
        """The methods that the service has now, with the state of this life."""
        bound = {method.key: self.life.bind(method) for method in self.service.methods}
        self.methods.update(bound)
        return tuple(bound.values())


class Lives:
    """The services of one collector. Services are added and removed from any thread.

    A lifespan is open before the first call of its methods, and closed when none of them is served anymore and their
    calls have ended.

    Args:
        parts: of the collector.
        hand_over: calls something in the event loop of the collector, now or soon.
    """

    def __init__(self, parts: CollectorContainer, hand_over: Callable[[Callable[[], None]], None]) -> None:
        self._parts = parts
        self._handlers: HandlerRegistry = parts.handlers()
        self._descriptors = parts.descriptors()
        self._hand_over = hand_over
        self._lock = RLock()
        self._all: list[_Lived] = []
        self._is_open = False
        self._is_over = False

    def add(self, service: Service, *, replace: bool = False) -> Added:
        """Serve a service: at once, or as soon as its lifespan is open; see `Collector.add_service`."""
        with self._lock:
            if service.lifespan is None:
                self._serve(service, service.methods, replace=replace)
                added = Added(at_once=True)
            elif (known := self._known(service)) is not None:
                added = self._again(known, replace=replace)
            elif self._is_open:
                added = self._later(service, replace=replace)
            else:
                lived = self._make(service)
                self._register(lived, tuple(lived.methods.values()), replace=replace)
                self._all.append(lived)
                if self._is_over:
                    lived.added.settle(
                        LifespanError(f"lifespan of {_name(service)} is not opened: the collector is closed")
                    )
                added = lived.added
        self.look()
        return added

    def remove(self, service: Service | None, keys: tuple[MethodKey, ...]) -> None:
        """Serve methods no longer, and close the lifespan that was theirs; see `Collector.remove_service`."""
        with self._lock:
            whole = [
                lived
                for lived in self._all
                if lived.service is service or (keys and set(keys) == set(lived.methods))
            ]
            opening = [lived for lived in whole if not lived.is_registered and not lived.is_removed]
            if not opening:
                self._handlers.unregister(*keys)
            for lived in opening + [lived for lived in whole if not lived.methods]:
                self._let_go(lived)
        self.look()

    def look(self) -> None:
        """See which lifespans nobody needs anymore, after methods were removed or replaced."""
        with self._lock:
            for lived in tuple(self._all):
                if lived.is_registered and lived.methods and not self._is_served(lived):
                    self._let_go(lived)

    async def open(self) -> None:
        """Open all lifespans, in the order of the services.

        Raises:
            LifespanError: one cannot be opened.
        """
        seconds = self._parts.settings().lifespan_open_timeout
        while (lived := self._next()) is not None:
            try:
                await lived.span.open(seconds)
            except BaseException as error:
                lived.added.settle(LifespanError(str(error)))
                raise
            lived.added.settle()
            if lived.is_removed:
                await self._end(lived)

    async def close(self) -> None:
        """Close what is open, in reverse. Each has its time, and what one raises keeps nobody else open."""
        with self._lock:
            self._is_open, self._is_over = False, True
            every = tuple(self._all)
        async with AsyncExitStack() as closing:
            for lived in every:
                closing.push_async_callback(self._end, lived, patience=PATIENCE_SECONDS)

    # ---- one service ---------------------------------------------------------------------------------

    def _known(self, service: Service) -> _Lived | None:
        found = (each for each in self._all if not each.is_removed and _are_same(each.service, service))
        known = next(found, None)
        if known is not None:
            known.service = service
        return known

    def _is_served(self, lived: _Lived) -> bool:
        """Whether one of its methods has not been removed or replaced."""
        found = map(self._handlers.find, lived.methods)
        return any(method is not None and method.life is lived.life for method in found)

    def _make(self, service: Service) -> _Lived:
        assert service.lifespan is not None  # for the type checker: others have no life
        name, life, parts = _name(service), Life(Lock()), self._parts
        failed = partial(self._failed, name)
        return _Lived(service, life, Lifespan(name, service.lifespan, life, tasks=parts.tasks, failed=failed))

    def _register(self, lived: _Lived, methods: tuple[Method, ...], *, replace: bool) -> None:
        self._serve(lived.service, methods, replace=replace)
        lived.is_registered = True

    def _serve(self, service: Service, methods: tuple[Method, ...], *, replace: bool) -> None:
        self._handlers.add(methods, namespaces=(service.namespace,), replace=replace)
        if service.descriptor is not None:
            self._descriptors.add(service.namespace, {service.name: service.descriptor}, of=(service.name,))
        elif replace and self._are_all_of(service, methods):
            # It says what methods take that are not served anymore.
            self._descriptors.add(service.namespace, {}, of=(service.name,))

    def _are_all_of(self, service: Service, methods: tuple[Method, ...]) -> bool:
        """Whether methods are all that a descriptor knows of a service."""
        known = self._descriptors.find(service.namespace, service.name)
        names = {method.key.method for method in methods}
        return known is not None and names >= {each.name for each in known.methods}

    def _again(self, lived: _Lived, *, replace: bool) -> Added:
        """A service that is there already: it may have other methods now, and its lifespan stays open."""
        if lived.is_registered:
            self._register(lived, lived.bind(), replace=replace)
        elif replace:
            lived.bind()
        else:
            raise DuplicateMethodError(f"service {lived.service.name} is being added already")
        return lived.added

    def _later(self, service: Service, *, replace: bool) -> Added:
        """A service that is added while the collector is running."""
        lived = self._make(service)
        for key in lived.methods:
            if not replace and self._handlers.has(key):
                raise DuplicateMethodError(f"method {key} is registered already")
        lived.is_begun = True
        self._all.append(lived)
        self._start(partial(self._open_later, lived, replace=replace), lived)
        return lived.added

    async def _open_later(self, lived: _Lived, *, replace: bool) -> None:
        try:
            await lived.span.open(self._parts.settings().lifespan_open_timeout)
            with self._lock:
                self._check_is_wanted(lived)
                self._register(lived, lived.bind(), replace=replace)
        except BaseException as error:
            await self._has_not_opened(lived, error)
            if not isinstance(error, Exception):
                raise
        else:
            lived.added.settle()
            self.look()

    async def _has_not_opened(self, lived: _Lived, error: BaseException) -> None:
        if lived.is_removed or self._is_over or not isinstance(error, Exception):
            error = LifespanError(f"service {_name(lived.service)} was removed before its lifespan was open")
        else:
            self._failed(_name(lived.service), "opening", error.__cause__ or error)
        lived.added.settle(error)
        await self._end(lived)

    def _check_is_wanted(self, lived: _Lived) -> None:
        if lived.is_removed or self._is_over:
            raise LifespanError("it was removed")

    def _next(self) -> _Lived | None:
        """The next one that is to be opened; from when there is none, they are opened as they come."""
        with self._lock:
            for lived in self._all:
                if not lived.is_begun:
                    lived.is_begun = True
                    return lived
            self._is_open = True
            return None

    def _let_go(self, lived: _Lived) -> None:
        """Nobody needs it anymore."""
        if lived.is_removed:
            return
        lived.is_removed = True
        if not lived.is_begun:
            self._all.remove(lived)
            lived.added.settle(
                LifespanError(f"service {_name(lived.service)} was removed before its lifespan was open")
            )
        elif self._is_open:
            # Calls that are running go on, as long as they like.
            self._start(partial(self._end, lived), lived)

    async def _end(self, lived: _Lived, *, patience: float = inf) -> None:
        """Close a lifespan when the calls that use it have ended; they are not waited for longer than that."""
        clock = self._parts.clock()
        await holds_within(clock, patience, lambda: not lived.life.running)
        lived.life.end()
        await lived.span.close(self._parts.settings().lifespan_close_timeout)
        with self._lock:
            if lived in self._all:
                self._all.remove(lived)

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]], lived: _Lived) -> None:
        """Have something done in the loop of the collector, in the background."""
        self._hand_over(lambda: self._begin(work, lived))

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]], lived: _Lived) -> None:
        self._parts.tasks().start(work(), f"service {_name(lived.service)}")

    def _failed(self, name: str, phase: str, error: BaseException) -> None:
        event = LifespanFailed(self._parts.options().collector_id, name, phase, error)
        self._parts.guarded_observer().tell(event)


def _are_same(one: Service, other: Service) -> bool:
    """Whether two services are the same, made twice: one of the same names, whose lifespan is the same."""
    return one is other or (
        _name(one) == _name(other)
        # Methods of one instance are another object each time.
        and (one.lifespan is other.lifespan or (_is_bound(one.lifespan) and one.lifespan == other.lifespan))
    )


def _is_bound(lifespan: object) -> bool:
    return isinstance(lifespan, MethodType)


def _name(service: Service) -> str:
    return f"{service.namespace}/{service.name}"
