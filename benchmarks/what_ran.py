"""Whether replies tell the truth on whether a handler ran: counts those that do not, in calls of chaos.

`python -m benchmarks.what_ran [CALLS] [--first SEED]`; exit status 1 if there is one.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from examples.scenarios.what_ran import scenario

from collector_mesh.simulation import InvariantError, Simulation, SimulationError

_TOGETHER = 8
"""Seeds that are begun at once, so that the last ones are not many too many."""


def seed(number: int) -> tuple[int, int, dict[str, int], int, str]:
    """Run one: gives its number, its calls, how many were told what, how many untruths, and what else is wrong."""
    simulation, failure = Simulation(number), ""
    try:
        simulation.run(scenario, until=600.0)
    except (InvariantError, SimulationError, AssertionError) as error:
        failure = str(error)
    run = simulation.last_run
    assert run is not None  # for the type checker: there was one
    watch = run.watch
    told = {executed.value: count for executed, count in watch.told.items()}
    return number, watch.calls, told, watch.untruths, failure


def main() -> int:
    """Run seeds until there were as many calls as are wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.what_ran", description=__doc__)
    parser.add_argument("calls", type=int, nargs="?", default=100_000)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    calls = untruths = failed = 0
    told: dict[str, int] = {}
    first = arguments.first
    with ProcessPoolExecutor(arguments.jobs) as pool:
        while calls < arguments.calls:
            for number, made, said, wrong, failure in pool.map(seed, range(first, first + _TOGETHER)):
                calls, untruths = calls + made, untruths + wrong
                told = {executed: told.get(executed, 0) + count for executed, count in said.items()}
                if failure:
                    failed += 1
                    print(f"seed {number}: {failure[:300]}")
            first += _TOGETHER
    replies = ", ".join(f"{count:,} {executed}" for executed, count in told.items())
    print(f"{calls:,} calls under {first - arguments.first} seeds; replies that say executed: {replies}")
    print(f"{untruths} of them are not true; {failed} seeds fail")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
