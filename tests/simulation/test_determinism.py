"""The same seed, the same run."""

import asyncio
import os
import subprocess
import sys
from contextvars import copy_context
from enum import StrEnum
from functools import partial
from pathlib import Path

import pytest
from tests.simulation.shop import METHOD, orders, pair, rough_day

from collector_mesh import Payload
from collector_mesh.adapters.simulated.loop import SimulatedLoop
from collector_mesh.app.simulation import sim as of_scenarios
from collector_mesh.simulation import Sim, Simulation

ROOT = Path(__file__).parents[2]


def replaying(hash_seed: str, seeds: range) -> "subprocess.Popen[str]":
    """A process of its own that prints the digests of seeds."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.simulation.shop", *map(str, seeds)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_seed_gives_the_same_digest_in_another_process_under_another_hash_seed() -> None:
    with replaying("1", range(10)) as one, replaying("2", range(10)) as two:
        first, second = one.communicate(timeout=60)[0], two.communicate(timeout=60)[0]

    assert first == second
    assert len({line.partition(" ")[2] for line in first.splitlines()}) == 10


@pytest.mark.seeds(5)
def test_chaos_is_the_same_for_the_same_seed_and_ends_with_calm(simulation: Simulation) -> None:
    async def scenario(sim: Sim) -> int:
        sim.chaos(rate=2.0)
        for n in (1, 2):
            sim.collector(f"shop-{n}", services=lambda: [orders()])
        sim.collector("front", namespaces=["orders"], peers=["shop-1", "shop-2"])
        await sim.sleep(20)
        await sim.calm()
        assert sim.up == ["shop-1", "shop-2", "front"]
        await sim.sleep(5)
        return (await sim.find("front").dispatch(*METHOD, timeout=10.0)).status.code

    first = simulation.run(scenario, until=120.0)

    assert first.value == 200
    assert first.digest == Simulation(simulation.seed).run(scenario, until=120.0).digest


def test_the_trace_tells_where_each_call_was_sent_and_by_whom() -> None:
    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await front.dispatch(*METHOD)

    trace = Simulation(seed=21).run(scenario, until=60.0).trace
    words = [(word, about) for _, word, about in trace if word in ("call", "route", "run", "reply")]

    assert words == [
        ("call", ("front", *METHOD, "0")),
        ("route", ("0", "front", "shop")),
        ("run", ("0", "shop")),
        ("reply", ("0", "200", "shop", "shop")),
    ]


def test_most_calls_survive_a_rough_day() -> None:
    result = Simulation(seed=42).run(rough_day, until=200.0)

    assert isinstance(result.value, list)
    assert result.value.count(200) / len(result.value) > 0.9
    assert result.stats["calls"] == len(result.value)
    assert 70 < result.virtual_seconds < 70 + 60


class Shops(StrEnum):
    """Names that are texts of a class of their own."""

    FIRST = "shop-1"
    SECOND = "shop-2"


def test_names_may_be_of_a_class_of_their_own() -> None:
    async def scenario(sim: Sim) -> None:
        for name in Shops:
            sim.collector(name, services=[orders()])
        front = sim.collector("front", namespaces=["orders"], peers=list(Shops))
        await sim.settled()
        assert (await front.dispatch(*METHOD, target=Shops.SECOND)).handled_by == "shop-2"

    first, again, other = (Simulation(seed).run(scenario, until=60.0).digest for seed in (1, 1, 2))

    assert first == again != other


def test_what_waits_for_rest_runs_last_before_time_goes_on() -> None:
    told: list[str] = []

    async def scenario(sim: Sim) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        loop.call_at_rest(lambda: told.append(f"rest {sim.now:g}"), copy_context())
        for turn in range(5):
            await asyncio.sleep(0)
            told.append(f"turn {turn}")
        await sim.sleep(1.0)
        told.append(f"later {sim.now:g}")

    Simulation(1).run(scenario, until=60.0)

    assert told == [*(f"turn {turn}" for turn in range(5)), "rest 0", "later 1"]


def test_the_digest_covers_what_payloads_are() -> None:
    def digest(*types: str) -> str:
        async def scenario(sim: Sim) -> None:
            front = await pair(sim)
            for type_url in types:
                await front.dispatch(*METHOD, Payload(type_url, b""))

        return Simulation(1).run(scenario, until=60.0).digest

    assert digest("a", "b", "a", "b") != digest("a", "b", "b", "a")


@pytest.mark.parametrize("seed", range(3))
def test_a_run_whose_frames_are_encoded_on_the_way_is_the_same_run(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    digests = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(of_scenarios, "CODEC_SHARE", share)
        day = partial(rough_day, customers=2, pause=0.2)
        digests.append(Simulation(seed).run(day, until=200.0).digest)

    assert digests[0] == digests[1]


def test_the_seed_says_whether_frames_are_encoded_on_the_way() -> None:
    async def scenario(sim: Sim) -> bool:
        await pair(sim)
        return sim.network.codec is not None

    encoded = [bool(Simulation(seed).run(scenario, until=60.0).value) for seed in range(60)]
    again = [bool(Simulation(seed).run(scenario, until=60.0).value) for seed in range(8)]
    unchecked = [Simulation(seed, checked=False).run(scenario, until=60.0).value for seed in range(8)]

    assert 1 <= sum(encoded) <= 20
    assert again == encoded[:8]
    assert unchecked == [False] * 8
