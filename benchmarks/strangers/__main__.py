"""What strangers can do: `python -m benchmarks.strangers [decoders|sockets|abuse|soak]`, short by default."""

import argparse
import asyncio
import logging
from pathlib import Path

from benchmarks.faults.report import Finding, conditions, show
from benchmarks.strangers import abuse, decoders, soak, sockets

PARTS = ("decoders", "sockets", "abuse", "soak")


def main() -> None:
    """Run the parts that are named, or all; end with 1 where something is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.strangers", description="What strangers can do to a collector."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all by default)")
    parser.add_argument("--seed", type=int, default=1, help="decides every input (1)")
    parser.add_argument("--inputs", type=int, default=50_000, help="bad inputs for the decoders (50,000)")
    parser.add_argument("--sockets", type=int, default=300, help="bad inputs over sockets (300)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each attack (3)")
    parser.add_argument("--attack", action="append", default=[], help="attacks whose name has this word")
    parser.add_argument("--soak", type=float, default=20.0, help="seconds of the soak (20)")
    parser.add_argument("--plot", type=Path, help="where the soak is drawn; needs matplotlib")
    chosen = parser.parse_args()
    for part in chosen.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}, there are {', '.join(PARTS)}")
    logging.getLogger("collector_mesh").setLevel(logging.CRITICAL + 1)
    print(f"{conditions()}, seed {chosen.seed}")
    missed = 0
    for part in chosen.parts or PARTS:
        print(f"\n{part}", flush=True)
        found = _run(part, chosen)
        missed += sum(finding.is_met is False for finding in found)
    print(f"\n{missed} missed" if missed else "\nall met")
    raise SystemExit(1 if missed else 0)


def _run(part: str, chosen: argparse.Namespace) -> list[Finding]:
    if part == "abuse":
        return asyncio.run(abuse.run(abuse.names_of(chosen.attack), chosen.seconds))
    if part == "decoders":
        found = decoders.run(chosen.seed, chosen.inputs)
    elif part == "sockets":
        found = asyncio.run(sockets.run(chosen.seed, chosen.sockets))
    else:
        found = asyncio.run(soak.run(chosen.seed, chosen.soak, chosen.plot))
    print(f"  {found[0].scenario}")
    for finding in found:
        show(finding)
    return found


if __name__ == "__main__":
    main()
