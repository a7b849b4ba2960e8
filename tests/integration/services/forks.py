"""A program that forks and uses, in the child, what belongs to the parent; it prints what the child is told."""

import asyncio
import os
import sys
from typing import Any

from collector_mesh import Collector, MeshClient


async def main() -> None:
    async with (
        Collector("c-1", listen="127.0.0.1:0") as collector,
        MeshClient(collector.address) as client,
    ):
        for caller in (collector, client):
            pid = os.fork()
            if pid == 0:
                in_child(caller)
            os.waitpid(pid, 0)


def in_child(caller: Any) -> None:
    try:
        asyncio.run(caller.dispatch("texts", "Texts", "Echo", timeout=1))
    except RuntimeError as error:
        sys.stdout.write(f"{error}\n")
        sys.stdout.flush()
    finally:
        os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
