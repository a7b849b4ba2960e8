"""What a call costs now beside what it cost in another version: `python -m benchmarks.against REF [NAME ...]`.

Both run side by side on this machine: the source of REF (a commit, branch or tag, taken out of git into a
temporary folder) and that of this tree as it stands. What is compared is the processor time of a call, of all
processes that take part in it, which other work on the machine hardly changes. Each round starts new processes
of both, has one make its calls, then the other, the other again and the first again; so whatever is slow for a
moment is slow for both, and no layout of memory counts more than once. A ratio of 1.10 means that with the same
processor time there are now 10 % more calls. It is the median of the rounds; its interval holds with 95 %
whatever the distribution is: the order statistics that the sign test leaves.
"""

import argparse
import asyncio
import io
import math
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from benchmarks.processes import Server, ServerFailedError
from benchmarks.workloads import WORKLOADS

ROUNDS = 20
FEWEST_ROUNDS = 6
"""Of fewer, nothing can be said with 95 %."""
_UNSURE = 0.05
_ROOT = Path(__file__).resolve().parent.parent


@attrs.frozen
class Side:
    """A version: what it is called, and where its source is."""

    name: str
    source: Path


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median of what such values are drawn from lies, with at least 95 %."""
    ordered, count = sorted(values), len(values)
    outside, skipped = 2 * 0.5**count, 0
    while (wider := outside + 2 * math.comb(count, skipped + 1) * 0.5**count) <= _UNSURE:
        outside, skipped = wider, skipped + 1
    return ordered[skipped], ordered[count - 1 - skipped]


def taken_out(ref: str, folder: Path) -> Path:
    """The source of a version, put into a folder.

    Raises:
        SystemExit: git knows of no such version.
    """
    archive = subprocess.run(
        ["git", "-C", str(_ROOT), "archive", ref, "src"],  # noqa: S607  # whichever git is at hand
        capture_output=True,
        check=False,
    )
    if archive.returncode:
        raise SystemExit(f"{ref}: {archive.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder / "src"


@asynccontextmanager
async def _started(python: str, side: Side) -> AsyncIterator[tuple[Server, str]]:
    """A process with this source, and its version of Python."""
    process = subprocess.Popen(
        [python, "-m", "benchmarks.workloads"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env=os.environ | {"PYTHONPATH": str(side.source)},
    )
    server = Server(side.name, process)
    try:
        version, _, where = (await server.heard()).partition(" ")
        if side.source not in Path(where).parents:
            raise ServerFailedError(f"{side.name} runs with {where}, which is not in {side.source}")
        yield server, version
    finally:
        server.end()


async def _asked(server: Server, line: str) -> str:
    assert server.process.stdin is not None  # it is a pipe
    server.process.stdin.write(f"{line}\n")
    server.process.stdin.flush()
    return await server.heard()


class Comparison:
    """Rounds of two versions.

    Args:
        python: the interpreter of both.
        before: the other version.
        after: this one.
        seconds: of each version, workload and round.
    """

    def __init__(self, python: str, before: Side, after: Side, seconds: float) -> None:
        self._python = python
        self._before = before
        self._after = after
        self._seconds = seconds
        self.version = ""
        """Of Python."""
        self._counts: dict[str, int] = {}
        self.costs: dict[str, list[tuple[float, float]]] = {}
        """Seconds of processor time of a call, before and after, in each round."""

    async def round(self, names: Sequence[str]) -> None:
        """Measure these workloads once."""
        async with (
            _started(self._python, self._before) as (one, self.version),
            _started(self._python, self._after) as (other, _),
        ):
            for name in names:
                await self._measure(name, one, other)

    async def _measure(self, name: str, before: Server, after: Server) -> None:
        for server in (before, after):
            await _asked(server, f"open {name}")
        if name not in self._counts:
            # Half of it in each turn. Both are asked, so that both are as warm.
            counts = [await _asked(server, f"count {self._seconds / 2}") for server in (before, after)]
            self._counts[name] = int(counts[0])
        count = self._counts[name]
        for server in (before, after):
            await _asked(server, f"run {max(1, count // 4)}")  # to warm up
        costs = {before: 0.0, after: 0.0}
        turns = (before, after, after, before)
        # Who is first, in every other round.
        for server in turns if len(self.costs.get(name, ())) % 2 == 0 else turns[::-1]:
            # Both make the same calls, so that a turn that was cut short for one counts no less.
            costs[server] += float(await _asked(server, f"run {count}"))
        for server in (before, after):
            await _asked(server, "close")
        cost = (costs[before] / (2 * count), costs[after] / (2 * count))
        self.costs.setdefault(name, []).append(cost)

    def line(self, name: str) -> str:
        """What came of a workload."""
        before, after = (statistics.median(costs) * 1e6 for costs in zip(*self.costs[name], strict=True))
        ratios = [one / other for one, other in self.costs[name]]
        low, high = interval(ratios)
        ratio = f"{statistics.median(ratios):6.3f} ({low:.3f} to {high:.3f})"
        return f"  {name:12s} {WORKLOADS[name][0]:44s} {before:8.2f} {after:8.2f}  {ratio}"


async def _compare(arguments: argparse.Namespace) -> None:
    names: list[str] = arguments.names or list(WORKLOADS)
    with tempfile.TemporaryDirectory(prefix="against-") as folder:
        before = Side(arguments.ref, taken_out(arguments.ref, Path(folder)))
        comparison = Comparison(arguments.python, before, Side("this tree", _ROOT / "src"), arguments.seconds)
        try:
            for _ in range(arguments.rounds):
                await comparison.round(names)
        finally:
            # Also of a run that is interrupted.
            _tell(comparison, arguments.ref, arguments.seconds, names)


def _tell(comparison: Comparison, ref: str, seconds: float, names: Sequence[str]) -> None:
    told = [name for name in names if len(comparison.costs.get(name, ())) >= FEWEST_ROUNDS]
    if not told:
        return
    rounds = min(len(comparison.costs[name]) for name in told)
    print(f"Python {comparison.version}, {rounds} rounds of {seconds:g} s, payload 100 B")
    print(f"Processor time of a call in us, {ref} and this tree; calls for the same time (95 %)")
    for name in told:
        print(comparison.line(name))


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.against", description="What a call costs now and in another version."
    )
    parser.add_argument("ref", metavar="REF", help="the other version: a commit, branch or tag")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(WORKLOADS)} (all by default)"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"at least {FEWEST_ROUNDS}")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="of each version, workload and round, about"
    )
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has what both need")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in WORKLOADS:
            parser.error(f"there is no workload {name!r}, there are {', '.join(WORKLOADS)}")
    if arguments.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds must be at least {FEWEST_ROUNDS}, got {arguments.rounds}")
    if not arguments.seconds > 0:
        parser.error(f"--seconds must be more than 0, got {arguments.seconds:g}")
    try:
        asyncio.run(_compare(arguments))
    except ServerFailedError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
