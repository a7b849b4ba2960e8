"""What it takes until something can be done: imports, and a collector of the command line that is ready, and idle."""

import asyncio
import os
import statistics
import sys
import time
from pathlib import Path

from benchmarks.conditions import Conditions
from benchmarks.measure import Figure, Target, at_most, compare
from benchmarks.processes import ServerFailedError

ROUNDS = 9
IDLE_SECONDS = 2.0
READY = Target(1.0, " s")
MEMORY = Target(60.0, " MiB")
_LIMIT_SECONDS = 60.0
_MIB = 1 << 20

ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_MESH_")
} | {"PYTHONDONTWRITEBYTECODE": ""}
"""Some images tell Python not to keep what it has compiled: what was installed is compiled, and a checkout would not be."""


async def imported(statement: str) -> float:
    """Milliseconds that a statement takes in a new interpreter, whose own start does not count."""
    program = f"import time; begin = time.perf_counter(); {statement}; print(time.perf_counter() - begin)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env=ENVIRONMENT
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise ServerFailedError(f"{statement!r} has failed")
    return float(told) * 1000


async def served() -> tuple[float, float]:
    """Seconds until `serve` is ready, from the start of the process on, and the MiB that it has when it is idle."""
    begin = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collector_mesh", "serve", "--log-level", "error"),
        stdout=asyncio.subprocess.PIPE,
        env=ENVIRONMENT,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_LIMIT_SECONDS):
            if b" ready on " not in await process.stdout.readline():
                raise ServerFailedError("serve was not ready")
        took = time.perf_counter() - begin
        await asyncio.sleep(IDLE_SECONDS)
        return took, _resident_bytes(process.pid) / _MIB
    finally:
        process.terminate()
        await process.wait()


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce("start: imports, serve", in_flight="none", size="no")
    ours, theirs = [], []
    await imported("import grpc, collector_mesh.app.container")  # so that everything is compiled
    for _ in range(ROUNDS):
        theirs.append(await imported("import grpc"))
        ours.append(await imported("from collector_mesh import Collector"))
    names = ("from collector_mesh import Collector", "import grpc")
    compare("imports", names, Figure(tuple(ours), " ms"), Figure(tuple(theirs), " ms"), at_most(2))
    await served()  # likewise
    rounds = [await served() for _ in range(ROUNDS)]
    print("  collector-mesh serve")
    print(f"    {'ready':34s} {READY.judge(statistics.median(took for took, _ in rounds))}")
    print(f"    {'memory, idle':34s} {MEMORY.judge(statistics.median(memory for _, memory in rounds))}")
