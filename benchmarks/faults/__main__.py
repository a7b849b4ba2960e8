"""Faults with real processes: `python -m benchmarks.faults [NAME ...] [--write]`."""

import argparse
import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.faults import deaths, overload, partition, sickness
from benchmarks.faults.report import Finding, conditions, show, write

SCENARIOS: dict[str, Callable[[], Coroutine[Any, Any, list[Finding]]]] = {
    "kill": deaths.kill,
    "stop": deaths.stop,
    "fails": sickness.fails,
    "drops_links": sickness.drops_links,
    "fails_seldom": sickness.fails_seldom,
    "slow": sickness.slow,
    "flaps": sickness.flaps,
    "all_down": deaths.all_down,
    "partition": partition.partition,
    "overload": overload.overload,
    "fair": overload.fair,
}


def main() -> None:
    """Run the scenarios that are named, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description="Faults with real processes."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENARIOS)} (all by default)"
    )
    parser.add_argument("--write", action="store_true", help="put the figures into docs/reliability.md")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in SCENARIOS:
            parser.error(f"there is no scenario {name!r}, there are {', '.join(SCENARIOS)}")
    if arguments.write and arguments.names:
        parser.error("--write takes the figures of all scenarios")
    logging.getLogger("collector_mesh").setLevel(logging.CRITICAL)
    print(conditions())
    findings = []
    for name in arguments.names or SCENARIOS:
        print(f"\n{name}", flush=True)
        found = asyncio.run(SCENARIOS[name]())
        for finding in found:
            show(finding)
        findings += found
    if arguments.write:
        write(findings)
    missed = sum(finding.is_met is False for finding in findings)
    print(f"\n{missed} of {len(findings)} missed" if missed else "\nall met")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
