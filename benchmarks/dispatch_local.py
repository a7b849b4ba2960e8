"""In-process dispatch to a local handler, through the whole pipeline, beside what asyncio takes for a task."""

import asyncio

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, alternate, ratio
from collector_mesh import Collector, LoopbackNetwork, Payload, Service


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    service = Service("bench", "Bench")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    request = Payload("bytes", PAYLOAD)
    async with Collector("bench", transport=LoopbackNetwork(), services=[service]) as collector:

        async def dispatch() -> None:
            reply = await collector.dispatch("bench", "Bench", "Echo", request)
            if reply.status.code != 200:
                raise SystemExit(f"unexpected reply: {reply}")

        async def bare_task() -> None:
            await asyncio.get_running_loop().create_task(echo(request))

        ours, task = await alternate([dispatch, bare_task], conditions.seconds)
    print(
        f"\nIn-process dispatch to a local handler, {IN_FLIGHT} in flight, {len(PAYLOAD)} B (target 150,000/s)"
    )
    print(f"  collector.dispatch           {ours}")
    print(f"  a bare asyncio task          {task}")
    print(f"  ratio                        {ratio(ours, task):.2f}")
