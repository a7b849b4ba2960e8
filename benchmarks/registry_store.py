"""What the store of a registry takes: new services in this process, beside bare commits of the same bytes."""

import asyncio
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, Target, calls_per_second, compare
from collector_mesh import Registry

REGISTERING = Target(100, "/s", at_least=True)


def bare_commits(connection: sqlite3.Connection, data: bytes, seconds: float) -> float:
    """Rate of transactions that write some bytes, each on the disk before the next one."""
    done = 0
    begin = time.perf_counter()
    while time.perf_counter() < begin + seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO entries VALUES (?)", (data,))
        connection.execute("COMMIT")
        done += 1
    return done / (time.perf_counter() - begin)


async def main(conditions: Conditions, service_file: Callable[[int], FileDescriptorProto]) -> None:
    """Measure and print.

    Args:
        conditions: how to measure.
        service_file: gives a file with a service, another one for each number.
    """
    data = service_file(0).SerializeToString()
    conditions.announce(
        "Registry in this process: new services of one namespace", in_flight=1, size=len(data)
    )
    numbers = itertools.count()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        async with Registry(Path(folder) / "registry.db") as registry:

            def register() -> Awaitable[object]:
                return registry.register("bench", service_file(next(numbers)))

            with closing(
                sqlite3.connect(Path(folder) / "bare.db", isolation_level=None, check_same_thread=False)
            ) as bare:
                bare.executescript(
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE entries (data BLOB)"
                )
                for _ in range(ROUNDS):
                    ours.append(await calls_per_second(register, conditions.seconds, 1))
                    theirs.append(await asyncio.to_thread(bare_commits, bare, data, conditions.seconds))
    figure = Figure(tuple(ours))
    names = ("Registry.register", "bare commits of SQLite")
    compare("services registered, and commits", names, figure, Figure(tuple(theirs)), None)
    print(f"    {'':34s} {REGISTERING.judge(figure.median)}")
