"""Where this process spends its time while it dispatches over a link."""

import cProfile
import pstats

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, calls_per_second
from benchmarks.sides import link

LINES = 25


async def main(conditions: Conditions) -> None:
    """Profile the dispatching side and print the functions with the most time of their own."""
    conditions.announce("Profile of the dispatching side of a link", in_flight=IN_FLIGHT, size=len(PAYLOAD))
    async with link(conditions) as calls:
        call = calls(PAYLOAD)
        await calls_per_second(call, conditions.seconds / 4)
        with cProfile.Profile() as profile:
            rate = await calls_per_second(call, conditions.seconds)
    print(f"  {rate:,.0f}/s while profiled")
    pstats.Stats(profile).sort_stats(pstats.SortKey.TIME).print_stats(LINES)
