"""A program that forks and uses, in the child, what belongs to the parent; it prints what the child is told."""

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

from collector_mesh import Collector, MeshClient, Service

texts = Service("texts", "Texts")


@texts.method("Nothing")
async def nothing() -> None:
    """Do nothing."""


async def main() -> None:
    async with (
        Collector("c-1", listen="127.0.0.1:0", services=[texts]) as collector,
        MeshClient(collector.address) as client,
    ):
        (await client.dispatch("texts", "Texts", "Nothing")).raise_for_status()
        for caller in (collector, client):
            for use in (in_a_loop_of_its_own, in_the_loop_that_is_running, after_entering_one_of_its_own):
                pid = os.fork()
                if pid == 0:
                    in_child(use, caller)
                os.waitpid(pid, 0)
        (await client.dispatch("texts", "Texts", "Nothing")).raise_for_status()


def in_child(use: Callable[[Any], object], caller: Any) -> None:
    try:
        use(caller)
    except RuntimeError as error:
        sys.stdout.write(f"{error}\n")
        sys.stdout.flush()
    finally:
        os._exit(0)


def in_a_loop_of_its_own(caller: Any) -> None:
    asyncio.run(caller.dispatch("texts", "Texts", "Nothing", timeout=1))


def in_the_loop_that_is_running(caller: Any) -> None:
    caller.dispatch("texts", "Texts", "Nothing", timeout=1).send(None)


def after_entering_one_of_its_own(caller: Any) -> None:
    async def enter() -> None:
        async with MeshClient(caller.address) as client:
            await client.dispatch("texts", "Texts", "Nothing", timeout=1)

    asyncio.run(enter())


if __name__ == "__main__":
    asyncio.run(main())
