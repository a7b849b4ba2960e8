"""Rates of two sides, measured in turns, each alone on the machine but for its client."""

from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD, ROUNDS, Figure, calls_per_second
from benchmarks.sides import Side


async def rates(ours: Side, theirs: Side, conditions: Conditions) -> tuple[Figure, Figure]:
    """Calls per second of both."""

    async def measured(side: Side) -> float:
        async with side(conditions) as calls:
            call = calls(PAYLOAD)
            await calls_per_second(call, conditions.seconds / 4)
            return await calls_per_second(call, conditions.seconds, IN_FLIGHT)

    pairs = [(await measured(ours), await measured(theirs)) for _ in range(ROUNDS)]
    our, their = zip(*pairs, strict=True)
    return Figure(our), Figure(their)
