"""One mesh, in this process: `python -m benchmarks.scale.mesh SHAPE COUNT` prints what it costs, as JSON."""

import json
import resource
import sys
from time import process_time

from benchmarks.scale.shapes import SHAPES, Shape
from collector_mesh import Payload, Service, Settings
from collector_mesh.simulation import Sim, Simulation


def _service(name: str) -> Service:
    service = Service("work", name)

    @service.method("Do", idempotent=True)
    async def do(request: Payload) -> Payload:
        return request

    return service


async def _nothing(_sim: Sim) -> None:
    pass


def grow(shape: Shape, count: int) -> dict[str, float]:
    """Start a mesh at once, wait until it has settled, and then let one collector have something new."""
    found: dict[str, float] = {}
    Simulation(1, checked=False).run(_nothing)  # what every simulation imports is no part of the mesh
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    async def scenario(sim: Sim) -> None:
        begin = process_time()
        sim.network.latency("*", "*", median=0.001, p99=0.005)
        dialed = shape.dialed(count)
        mesh = [
            sim.collector(
                f"c-{one}",
                services=[_service(f"S{one}")],
                peers=[f"c-{other}" for other in dialed[one]],
                settings=Settings(relay=one < shape.hubs, max_links=20_000),
            )
            for one in range(count)
        ]
        await sim.settled()
        found["cpu"] = process_time() - begin
        found["converged"] = sim.trace.advertised_at
        found["advertisements"] = sim.trace.advertisements
        found["links"] = sum(map(len, dialed))
        found["mib"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        told, at = sim.trace.advertisements, sim.now
        mesh[0].add_service(_service("News"))
        await sim.settled()
        found["news_advertisements"] = sim.trace.advertisements - told
        found["news"] = sim.trace.advertised_at - at
        last = count - 1
        there = count // 2 if shape.hubs or not dialed[last] else dialed[last][0]
        reply = await mesh[last].dispatch("work", f"S{there}", "Do")
        assert reply.status.code == 200, reply.status

    Simulation(1, checked=False).run(scenario, until=1e5)
    return found


if __name__ == "__main__":
    wanted = next(shape for shape in SHAPES if shape.name == sys.argv[1])
    print(json.dumps(grow(wanted, int(sys.argv[2]))))
