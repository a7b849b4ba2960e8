"""A replica that answers a share of its calls with the mesh's own 503: `python -m benchmarks.faults.sick ID SHARE`."""

import asyncio
import random
import sys

from benchmarks.faults.service import work
from collector_mesh import Collector, Reply, UnavailableError
from collector_mesh.domain.link.entries import TakenCall


async def main(collector_id: str, share: float) -> None:
    """Serve until it is killed."""
    dice = random.Random(1)
    async with Collector(collector_id, listen="127.0.0.1:0", services=[work]) as collector:
        streams = collector.container.streams()
        take = streams.take

        def take_or_refuse(taken: TakenCall) -> None:
            if dice.random() < share:
                taken.answer(Reply.refused(UnavailableError(f"collector {collector_id!r} is sick")))
            else:
                take(taken)

        streams.take = take_or_refuse
        print(f"{collector_id} ready on {collector.address}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
