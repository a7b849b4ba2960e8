"""How fast simulations are: calls a second, and large meshes.

`python -m benchmarks.simulation [calls|regular COUNT DEGREE CALLS]`
"""

import asyncio
import random
import resource
import sys
import time

from benchmarks.scale.shapes import regular as shape
from collector_mesh import Payload, Service
from collector_mesh.simulation import Sim, Simulation


def _clock() -> float:
    """Seconds of the machine: those of a simulation are virtual."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def _service(name: str) -> Service:
    service = Service("work", name)

    @service.method("Do", idempotent=True)
    async def do(request: Payload) -> Payload:
        return request

    return service


def calls(count: int = 20_000, collectors: int = 100, *, checked: bool = True) -> None:
    """Calls that cross a link, from many fronts to one service each; `checked` is trace, digest and invariants."""
    times: list[float] = []
    half = collectors // 2

    async def scenario(sim: Sim) -> None:
        for n in range(half):
            sim.collector(f"shop-{n}", services=[_service(f"S{n}")])
        fronts = [
            sim.collector(f"front-{n}", namespaces=["work"], peers=[f"shop-{n}", f"shop-{(n + 1) % half}"])
            for n in range(half)
        ]
        await sim.settled()
        begin = _clock()

        async def caller(n: int) -> None:
            for _ in range(count // half // 4):
                reply = await fronts[n].dispatch("work", f"S{n}", "Do", Payload("n", b"1"))
                assert reply.status.code == 200

        await asyncio.gather(*(caller(n) for n in range(half) for _ in range(4)))
        times.append(_clock() - begin)

    half = collectors // 2
    result = Simulation(1, checked=checked).run(scenario, until=1e5)
    made = count // half // 4 * 4 * half
    checks = "trace, digest and invariants on" if checked else "all of them off"
    print(
        f"{collectors} collectors, {made} calls, {result.stats['frames']} frames, {checks}:"
        f" {made / times[0]:,.0f} calls/s"
    )


def regular(count: int, degree: int, made: int) -> None:
    """A random regular mesh: how long it takes until it has settled, then calls to direct neighbours."""
    times: dict[str, float] = {}

    async def scenario(sim: Sim) -> None:
        begin = _clock()
        dialed = shape(count, degree)
        neighbours: list[list[int]] = [list(others) for others in dialed]
        for one, others in enumerate(dialed):
            for other in others:
                neighbours[other].append(one)
        dice = random.Random(1)
        mesh = [
            sim.collector(f"c-{n}", services=[_service(f"S{n}")], peers=[f"c-{other}" for other in dialed[n]])
            for n in range(count)
        ]
        await sim.settled()
        times["settled"] = _clock() - begin
        times["virtual"] = sim.now
        begin = _clock()

        async def caller(n: int) -> None:
            for _ in range(made // count):
                there = dice.choice(neighbours[n])
                reply = await mesh[n].dispatch("work", f"S{there}", "Do", Payload("n", b"1"))
                assert reply.status.code == 200

        await asyncio.gather(*(caller(n) for n in range(count)))
        times["calls"] = _clock() - begin

    Simulation(1).run(scenario, until=1e5)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} collectors of degree {degree}: settled in {times['settled']:.1f} s ({times['virtual']:.2f} virtual),"
        f" {made} calls in {times['calls']:.1f} s, {peak:.0f} MiB"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["regular"]:
        regular(*map(int, sys.argv[2:5]))
    else:
        calls()
        calls(checked=False)
