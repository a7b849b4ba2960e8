"""Collectors that end as soon as they have begun."""

import subprocess
import sys

from tests.limits import LIMIT_SECONDS

PROGRAM = """
import asyncio
from collector_mesh import Collector

async def main():
    for turns in range(400):
        async with Collector("b", listen="127.0.0.1:0"):
            for _ in range(turns % 4):
                await asyncio.sleep(0)
            if turns % 2:
                await asyncio.sleep(turns % 11 / 1000)

asyncio.run(main())
"""


def test_a_listener_that_ends_as_soon_as_it_listens_crashes_no_process() -> None:
    # In a process of its own: what is connected to while it ends crashes grpcio 1.78.2.
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )

    assert (ended.returncode, ended.stderr) == (0, "")
