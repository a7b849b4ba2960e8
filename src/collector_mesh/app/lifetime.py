"""How a collector begins and ends: what is opened is closed in reverse, after a drain."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Literal

from collector_mesh.app.container import CollectorContainer
from collector_mesh.app.hooks.holding import Holding
from collector_mesh.app.keys.making import open_keys
from collector_mesh.app.services.lives import Lives
from collector_mesh.app.tracing.making import flushed
from collector_mesh.domain.model.events import Draining, RegistryAway, RegistryBack, Started, Stopped
from collector_mesh.domain.peers.waiting import holds_within
from collector_mesh.domain.ports.transport import Listener
from collector_mesh.domain.readiness import Peers

State = Literal["new", "serving", "draining", "closed"]

_LOOK_SECONDS = 0.02
"""How often a drain looks whether calls are still running."""


class Lifetime:
    """The life of one collector."""

    def __init__(self, container: CollectorContainer, lives: Lives) -> None:
        self._container = container
        self._lives = lives
        self.holding = Holding(container)
        """The validator that is used while it is open."""
        self.state: State = "new"
        self.listener: Listener | None = None
        self._opened = AsyncExitStack()
        self._unreachable = asyncio.Event()
        self._why_unreachable = ""
        self._is_opening = False
        self._end: asyncio.Future[None] | None = None
        """Given when it has closed, from when it begins to."""

    async def wait_unreachable(self) -> str:
        """Wait until nobody can connect anymore, and give the reason."""
        await self._unreachable.wait()
        return self._why_unreachable

    def check_is_no_start(self) -> None:
        """See that it is not being opened.

        Raises:
            RuntimeError: it is.
        """
        if self._is_opening:
            collector_id = self._container.options().collector_id
            raise RuntimeError(
                f"collector '{collector_id}' is being started: cancel that in place of stopping it"
            )

    async def open(self, listen: str, peers: tuple[str, ...], *, ready: Callable[[], None]) -> None:
        """Take calls and keep peers connected until `close`.

        Args:
            listen: the address to listen at, empty for none.
            peers: addresses.
            ready: called when the first call may come.

        Raises:
            LifespanError: the lifespan of a service could not be opened.
            MeshError: the store of the registry cannot be used.
            InvalidCallError: an address is malformed, or plaintext would leave this machine.
            ListenError: the address cannot be listened on.
            Exception: what the transport raises when it is opened.
        """
        self._is_opening = True
        try:
            await self._open(listen, peers, ready)
        finally:
            self._is_opening = False

    async def _open(self, listen: str, peers: tuple[str, ...], ready: Callable[[], None]) -> None:
        parts = self._container
        options, collector_id = parts.options(), parts.options().collector_id
        keeping, admission, observer = parts.keeping(), parts.admission(), parts.guarded_observer()
        gateway, inspection = parts.gateway(), parts.inspection()
        registering, types = parts.registering(), parts.types()
        gateway.on_unreachable = self._lost
        parts.topology().on_turn = parts.reporting().breaker_turned
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(parts.guarded_transport().open())
            opened.push_async_callback(self._close)
            await self._open_metrics(opened)
            for address in peers:
                keeping.check(address)
            registry = parts.registry()
            if registry is not None:
                opened.callback(registry.watchers.remove, self._store_turned)
                registry.watchers.append(self._store_turned)
                if not registry.is_open:
                    await opened.enter_async_context(registry)
            await opened.enter_async_context(open_keys(parts.key_store(), admission))
            if types is not None:
                opened.push_async_callback(types.aclose)
            opened.push_async_callback(self.holding.close)
            self.holding.open()
            opened.push_async_callback(self._lives.close)
            await self._lives.open()
            ready()
            if options.wait_for_peers is not None:
                gateway.is_ready = False
            if listen:
                listening = parts.guarded_transport().listen(listen, gateway)
                self.listener = await opened.enter_async_context(listening)
                admission.address = inspection.address = self.listener.address
            opened.push_async_callback(keeping.close)
            keeping.start()
            parts.reporting().start()
            for address in peers:
                keeping.want(address)
            if options.wait_for_peers is not None:
                parts.tasks().start(self._wait_for(options.wait_for_peers), "wait for peers")
            opened.push_async_callback(self._drain)
            if registering is not None:
                opened.push_async_callback(registering.close)
                registering.start()
            self.state = inspection.state = "serving"
            observer.tell(Started(collector_id, admission.address))
            # No generator waits here for the end: asyncio would close it beside the transport's own, where the loop of a
            # collector ends that was never left.
            self._opened = opened.pop_all()

    async def _open_metrics(self, opened: AsyncExitStack) -> None:
        """Before anything else that others see, so that its end is seen too."""
        metrics = self._container.metrics()
        if metrics is not None:
            await opened.enter_async_context(metrics.open())

    async def close(self) -> None:
        """Drain, and close what was opened, in reverse; once. Whoever comes later waits until that is done."""
        if self._end is not None:
            await asyncio.shield(self._end)
            return
        end = self._end = asyncio.get_running_loop().create_future()
        try:
            await self._opened.aclose()
        finally:
            end.set_result(None)

    async def _wait_for(self, peers: Peers) -> None:
        """Tell that calls are taken when those are connected that are needed for that."""
        readiness = self._container.readiness()
        await readiness.wait(peers, ())
        if not readiness.is_closed:
            self._container.gateway().ready()

    def _lost(self, reason: str) -> None:
        self._why_unreachable = reason
        self._unreachable.set()

    async def _drain(self) -> None:
        """Refuse what is new, let finish what runs, cancel the rest."""
        parts = self._container
        options, settings, clock = parts.options(), parts.settings(), parts.clock()
        running, outgoing, plain = parts.running(), parts.outgoing(), parts.plain()
        self.state = parts.inspection().state = "draining"
        parts.admission().is_draining = True
        parts.waiting().close()
        parts.readiness().close()
        parts.guarded_observer().tell(Draining(options.collector_id))
        if self.listener is not None:
            await self.listener.drain()
        # Whoever is refused was told why before.
        parts.checks().is_draining = True
        await parts.streams().announce_drain()

        def is_done() -> bool:
            return not (running.taken or outgoing.taken or plain.waiting)

        await holds_within(clock, settings.drain_timeout, is_done, look=_LOOK_SECONDS)
        cancelled = parts.tasks().cancel_all()
        await clock.alarm().wait(0)
        await parts.reporting().close()
        if (tracer := parts.tracer()) is not None:
            await flushed(tracer)
        parts.guarded_observer().tell(Stopped(options.collector_id, cancelled))

    def _store_turned(self, reason: str, seconds: float) -> None:
        """The store of the registry that is offered has failed, or works again."""
        parts = self._container
        registry, collector_id = parts.registry(), parts.options().collector_id
        where = registry.where if registry is not None else ""
        event = (
            RegistryAway(collector_id, where, reason, "keep")
            if reason
            else RegistryBack(collector_id, where, round(seconds, 3), "keep")
        )
        parts.guarded_observer().tell(event)

    async def _close(self) -> None:
        await self._container.tasks().close()
        self.state = self._container.inspection().state = "closed"
