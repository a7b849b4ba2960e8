"""Choosing a route with 10 and with 10,000 known peers."""

import time

from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, ratio
from collector_mesh.adapters.runtime.randomness import SystemRandomness
from collector_mesh.app.testing.fake_links import FakeWay
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.routing.router import Router
from collector_mesh.domain.topology.connection import Connection
from collector_mesh.domain.topology.topology import Topology

KEY = MethodKey("orders", "OrderService", "CreateOrder")
FEW, MANY = 10, 10_000


def router(peers: int) -> Router:
    """A router that knows so many peers, every one of which shares the namespace."""
    topology = Topology()
    for index in range(peers):
        shared = ("orders", f"own-{index}")
        methods = (MethodInfo(KEY, "unary", idempotent=True),)
        topology.put(
            Connection(
                f"peer-{index}", "", "", shared, FakeWay(), dialed=False, last_news=0.0, methods=methods
            )
        )
    return Router(topology)


def choices_per_second(chooser: Router, seconds: float) -> float:
    """How often a route is chosen in a second."""
    call, dice, done = Call(KEY), SystemRandomness(), 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for _ in range(1000):
            chooser.choose(call, tried=(), now=0.0, dice=dice)
        done += 1000
    return done / (time.perf_counter() - begin)


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    routers = [router(FEW), router(MANY)]
    # Many short rounds in turns, so that a slow moment of the machine hits both.
    rounds = [
        [choices_per_second(chooser, conditions.seconds / 16) for chooser in routers]
        for _ in range(8 * ROUNDS)
    ]
    few, many = (Figure(tuple(rates)) for rates in zip(*rounds, strict=True))
    print(f"\nChoosing a route with {FEW} and with {MANY:,} known peers (target: within 1.2 x)")
    print(f"  {FEW:6,} peers                 {few}")
    print(f"  {MANY:6,} peers                 {many}")
    print(f"  time with many / with few    {ratio(few, many):.2f} x")
