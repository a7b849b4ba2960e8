"""Runs scenarios: the same seed gives the same run, to the last frame."""

import asyncio
import gc
import inspect
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

from collector_mesh.adapters.simulated.errors import SimulationError
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.adapters.simulated.threads import Stuck
from collector_mesh.app.simulation.results import SimulationResult
from collector_mesh.app.simulation.seams import virtual_world
from collector_mesh.app.simulation.sim import Sim
from collector_mesh.app.simulation.watch import InvariantError

QUIET_SECONDS = 60.0
"""How long collectors may take to end after the scenario has."""

T = TypeVar("T")

Scenario = Callable[[Sim], Awaitable[object]]


class Simulation:
    """Runs scenarios: the same seed gives the same run, to the last frame.

    Args:
        seed: decides everything that is left to chance.
        checked: whether calls are watched, and there is a trace with its digest; without it a run is
            faster, and breaks no invariant but those at its end.
    """

    def __init__(self, seed: int = 0, *, checked: bool = True) -> None:
        """Make it ready to run.

        Raises:
            TypeError: the seed is not a whole number.
        """
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise TypeError(f"seed must be a whole number, got {seed!r}")
        self.seed = seed
        self._checked = checked
        self.last_run: Sim | None = None
        """The last run, also one that has failed, with its trace."""

    def run(self, scenario: Scenario, *, until: float = 3600.0) -> SimulationResult:
        """Run a scenario, and then the quiet phase of at most 60 virtual seconds.

        Raises:
            SimulationError: the scenario is still running after `until` virtual seconds, or does what a
                simulation cannot.
            InvariantError: something has happened that must not happen.
            TypeError: the scenario is not an async function.
            ValueError: `until` is not positive and finite.
        """
        if not 0 < until < math.inf:
            raise ValueError(f"until must be over 0 and finite, got {until:g}")
        if asyncio._get_running_loop() is not None:  # noqa: SLF001  # the other one raises where there is none
            raise SimulationError(
                "a simulation has an event loop of its own: run it outside of async functions"
            )
        loop = SimulatedLoop()
        sim = self.last_run = Sim(loop, self.seed, checked=self._checked)
        thresholds = gc.get_threshold()
        # The objects of a mesh live as long as it does: they need not be looked at all the time.
        gc.set_threshold(100_000, 20, 100)
        gc.callbacks.append(loop.collects)
        loop.set_exception_handler(lambda _loop, told: sim.has_failed(told))
        try:
            with virtual_world(loop, str(self.seed)):
                try:
                    value = loop.run_until_complete(self._run(sim, scenario, until))
                except BaseException as error:
                    if sim.watch.interrupt is not None:
                        raise sim.watch.interrupt from None
                    if isinstance(error, Stuck):
                        raise SimulationError(f"seed {self.seed}: {error}") from None
                    if sim.watch.broken:
                        error.add_note(f"before that: {'; '.join(sim.watch.broken[:5])}")
                    raise
                finally:
                    sim.abandon()
                    loop.abandon()
        finally:
            gc.callbacks.remove(loop.collects)
            gc.set_threshold(*thresholds)
            loop.close()
        if sim.watch.broken:
            raise InvariantError(f"seed {self.seed}: {'; '.join(sim.watch.broken[:5])}")
        stats = {
            "calls": sim.watch.calls,
            "frames": sim.trace.frames,
            "advertisements": sim.trace.advertisements,
        }
        stats |= {f"outcome_{code}": count for code, count in sorted(sim.watch.outcomes.items())}
        return SimulationResult(
            self.seed, sim.trace.digest, tuple(sim.trace.lines), stats, loop.time(), value
        )

    async def _run(self, sim: Sim, scenario: Scenario, until: float) -> object:
        work = scenario(sim)
        if not inspect.isawaitable(work):
            raise TypeError(f"a scenario must be an async function, got {scenario!r}")
        value = await self._within(until, work, f"the scenario is still running after {until:g} s")
        told = f"collectors have not ended {QUIET_SECONDS:g} s after the scenario"
        await self._within(QUIET_SECONDS, sim.close(), told)
        return value

    async def _within(self, seconds: float, work: Awaitable[T], told: str) -> T:
        """Wait for something, but not if it takes too long: then it is left where it stands, whatever it does."""
        task = asyncio.ensure_future(work)
        await asyncio.wait((task,), timeout=seconds)
        if not task.done():
            raise SimulationError(f"seed {self.seed}: {told}")
        return task.result()
