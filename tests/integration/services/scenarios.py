"""Scenarios for the command line."""

import os
from pathlib import Path

from collector_mesh import Payload, Service
from collector_mesh.simulation import Sim

echoes = Service("echoes", "Echo")


@echoes.method("Say", idempotent=True)
async def say(request: Payload) -> Payload:
    return request


async def calm(sim: Sim) -> None:
    sim.collector("shop", services=[echoes])
    front = sim.collector("front", namespaces=["echoes"], peers=["shop"])
    await sim.settled()
    assert (await front.dispatch("echoes", "Echo", "Say")).status.code == 200


async def unlucky(sim: Sim) -> None:
    await calm(sim)
    assert sim.seed % 5 != 3, "an unlucky seed"


def plain(_sim: Sim) -> None:
    """No scenario: it is not async."""


async def without() -> None:
    """It takes no Sim."""


async def deadly(_sim: Sim) -> None:
    os._exit(3)


async def leaving(_sim: Sim) -> None:
    raise SystemExit(5)


async def endless(_sim: Sim) -> None:
    Path(os.environ["MARK"]).touch()  # noqa: ASYNC240  # it is alone
    while True:
        pass


class UntoldError(Exception):
    """It cannot even be told."""

    def __str__(self) -> str:
        raise LookupError


async def grouped(_sim: Sim) -> None:
    raise ExceptionGroup("two", [KeyError("price"), UntoldError()])
