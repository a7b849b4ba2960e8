import asyncio
import contextlib
import gc
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulation.shop import METHOD, orders, rough_day

from collector_mesh import CallContext, Collector, Payload, Service, UnavailableError
from collector_mesh.simulation import InvariantError, Sim, Simulation, SimulationError

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
    with replaying("1", range(20)) as one, replaying("2", range(20)) as two:
        first, second = one.communicate(timeout=60)[0], two.communicate(timeout=60)[0]

    assert first == second
    assert len({line.partition(" ")[2] for line in first.splitlines()}) == 20


def test_most_calls_survive_a_rough_day() -> None:
    result = Simulation(seed=42).run(rough_day, until=200.0)

    assert isinstance(result.value, list)
    assert result.value.count(200) / len(result.value) > 0.9
    assert result.stats["calls"] == len(result.value)
    assert 70 < result.virtual_seconds < 70 + 60


async def pair(sim: Sim, service: Service | None = None) -> Collector:
    """A front, connected to a shop."""
    sim.collector("shop", services=[service or orders()])
    front = sim.collector("front", namespaces=["orders"], peers=["shop"])
    await sim.settled()
    return front


def state(front: Collector) -> str:
    return front.snapshot().connections[0].state


def test_a_silent_partition_is_suspected_after_11_seconds_and_dead_after_16() -> None:
    async def scenario(sim: Sim) -> list[tuple[float, str]]:
        front = await pair(sim)
        begin, seen = sim.now, [(0.0, state(front))]
        sim.network.partition({"front"}, {"shop"})
        while sim.now < begin + 20:
            await sim.sleep(0.1)
            if state(front) != seen[-1][1]:
                seen.append((sim.now - begin, state(front)))
        sim.network.heal()
        await sim.settled()
        seen.append((sim.now - begin, state(front)))
        return seen

    seen = Simulation(seed=1).run(scenario, until=60.0).value

    assert isinstance(seen, list)
    assert [what for _, what in seen] == ["live", "suspect", "reconnecting", "live"]
    assert [round(at) for at, _ in seen][1:3] in ([11, 15], [11, 16])
    assert seen[3][0] < 25


def test_loss_shows_as_delay_and_loses_nothing() -> None:
    async def scenario(sim: Sim) -> tuple[list[int], float]:
        front = await pair(sim)
        sim.network.loss("front", "shop", 0.2)
        begin = sim.now
        codes = [(await front.dispatch(*METHOD)).status.code for _ in range(50)]
        return codes, sim.now - begin

    value: Any = Simulation(seed=3).run(scenario, until=600.0).value
    codes, took = value

    assert set(codes) == {200}
    assert took > 50 * 0.05


def test_what_is_said_of_two_hosts_leaves_what_else_is_said_of_all_and_can_be_taken_back() -> None:
    async def scenario(sim: Sim) -> list[float]:
        front = await pair(sim, orders(0.0))
        took = []

        async def call() -> None:
            begin = sim.now
            assert (await front.dispatch(*METHOD)).status.code == 200
            took.append(round(sim.now - begin, 1))

        sim.network.latency("front", "*", median=0.5, p99=0.5)
        sim.network.loss("front", "shop", 0.0)
        await call()
        sim.network.latency("front", "shop", median=0.1, p99=0.1)
        await call()
        sim.network.restore("front", "shop", "latency", "loss")
        await call()
        return took

    assert Simulation(seed=3).run(scenario, until=600.0).value == [1.0, 0.2, 1.0]


def test_each_fault_of_a_wire_is_ended_by_its_own_end() -> None:
    async def scenario(sim: Sim) -> list[int]:
        front = await pair(sim)
        codes = []

        async def call() -> None:
            codes.append((await front.dispatch(*METHOD, timeout=1.0)).status.code)

        sim.network.partition({"front"}, {"shop"})
        sim.network.clog("shop", "front")
        await call()
        sim.network.unclog("front", "shop")
        await call()
        sim.network.cut("front", "shop")
        sim.network.heal({"shop"}, {"front"})
        await call()
        sim.network.mend("front", "shop")
        await sim.settled()
        await call()
        return codes

    assert Simulation(seed=3).run(scenario, until=600.0).value == [504, 504, 504, 200]


def test_frames_that_are_held_stay_in_order() -> None:
    from collector_mesh.adapters.simulated.host import Host
    from collector_mesh.adapters.simulated.loop import SimulatedLoop
    from collector_mesh.adapters.simulated.network import SimulatedNetwork
    from collector_mesh.adapters.simulated.streams import Flow, SimulatedStream
    from collector_mesh.adapters.simulated.trace import Trace
    from collector_mesh.domain.model.frames import Frame

    loop, came = SimulatedLoop(), list[int]()
    network = SimulatedNetwork(loop, "1", Trace(loop))
    one, other = Host("one"), Host("other")
    network.add_host(one)
    network.add_host(other)
    flow = Flow(network, one, other)
    flow.end = SimulatedStream("one", Flow(network, other, one))
    flow.end.attach(lambda frame: came.append(frame.credit), lambda _reason: None)
    network.latency("one", "other", median=0.1, p99=0.1)

    async def send() -> None:
        flow.send(Frame(1))
        network.clog("one", "other")
        flow.send(Frame(2))  # the first one is still on its way
        await asyncio.sleep(1.0)
        network.heal()
        flow.heal()
        await asyncio.sleep(1.0)

    loop.run_until_complete(send())
    loop.close()

    assert came == [1, 2]


def test_an_interrupt_in_a_handler_ends_the_run() -> None:
    async def scenario(sim: Sim) -> None:
        service = Service("orders", "OrderService")

        @service.method("CreateOrder")
        async def create_order() -> None:
            raise KeyboardInterrupt

        front = await pair(sim, service)
        while True:
            await front.dispatch(*METHOD)

    with pytest.raises(KeyboardInterrupt):
        Simulation(seed=3).run(scenario, until=600.0)


def test_a_wire_carries_so_many_bytes_a_second_and_no_more() -> None:
    async def scenario(sim: Sim) -> float:
        front = await pair(sim)
        sim.network.bandwidth("front", "shop", 50_000)
        begin = sim.now
        calls = [front.dispatch(*METHOD, Payload("text", b"1" * 50_000), timeout=60.0) for _ in range(8)]
        replies = await asyncio.gather(*calls)
        assert {reply.status.code for reply in replies} == {200}
        return sim.now - begin

    value: Any = Simulation(seed=3).run(scenario, until=600.0).value

    assert 8 < value < 9


def test_a_connection_that_loses_nearly_everything_breaks_after_15_seconds() -> None:
    async def scenario(sim: Sim) -> tuple[str, float]:
        front = await pair(sim)
        sim.network.loss("front", "shop", 0.99)
        begin = sim.now
        await front.dispatch(*METHOD, timeout=60.0)
        ended = front.snapshot().ended[0]
        return ended.reason, sim.now - ended.age - begin

    value: Any = Simulation(seed=3).run(scenario, until=600.0).value
    reason, seconds = value

    assert "the connection timed out" in reason
    assert 15 <= seconds < 16


def test_who_writes_to_a_collector_that_has_crashed_unseen_is_told_so() -> None:
    async def scenario(sim: Sim) -> tuple[list[str], float]:
        front = await pair(sim)
        sim.network.clog("front", "shop")
        await sim.crash("shop")
        await sim.restart("shop")
        sim.network.unclog("front", "shop")
        begin = sim.now
        states = [state(front)]
        await sim.calm()  # everybody knows then which links are gone
        ended = front.snapshot().ended[0]
        states.append(state(front))
        assert ended.reason == "shop has reset the connection"
        return states, sim.now - begin

    value: Any = Simulation(seed=3).run(scenario, until=600.0).value
    states, seconds = value

    assert states == ["live", "live"]
    assert 0.1 < seconds < 6


def test_nobody_listens_where_a_collector_has_crashed() -> None:
    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await sim.crash("shop")
        await sim.sleep(1.0)
        await front.connect("shop", timeout=1.0)

    with pytest.raises(UnavailableError, match="nobody listens at shop"):
        Simulation(seed=3).run(scenario, until=600.0)


def test_nothing_of_a_crashed_host_has_any_effect_anymore() -> None:
    marks: list[str] = []

    async def scenario(sim: Sim) -> tuple[int, int]:
        service = Service("orders", "OrderService")

        @service.method("CreateOrder")
        async def create_order() -> None:
            marks.append("began")
            try:
                await asyncio.sleep(1.0)
                marks.append("ended")
            finally:
                marks.append("cleaned up")

        front = await pair(sim, service)
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=5.0))
        await sim.sleep(0.5)
        await sim.crash("shop")
        lost = await call
        await sim.sleep(10)
        seen = list(marks)
        again = await front.dispatch(*METHOD, timeout=5.0)
        assert seen == ["began"]
        return lost.status.code, again.status.code

    assert Simulation(seed=4).run(scenario, until=60.0).value == (502, 503)


def test_a_fresh_restart_has_new_services_and_another_one_the_same() -> None:
    def counting() -> list[Service]:
        service, count = Service("orders", "OrderService"), 0

        @service.method("CreateOrder")
        async def create_order() -> Payload:
            nonlocal count
            count += 1
            return Payload("count", b"%d" % count)

        return [service]

    async def scenario(sim: Sim) -> list[bytes]:
        sim.collector("shop", services=counting)
        front = sim.collector("front", namespaces=["orders"], peers=["shop"])
        counts = []
        for fresh in (None, False, True):
            if fresh is not None:
                await sim.crash("shop")
                await sim.restart("shop", fresh=fresh)
            await sim.settled()
            counts.append((await front.dispatch(*METHOD)).payload.value)
        return counts

    assert Simulation(seed=5).run(scenario, until=60.0).value == [b"1", b"2", b"1"]


def test_a_paused_host_stands_still_with_its_timers() -> None:
    async def scenario(sim: Sim) -> tuple[float, str]:
        front = await pair(sim, orders(seconds=1.0))
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=30.0))
        await sim.sleep(0.5)
        begin = sim.now
        sim.pause("shop")
        await sim.sleep(8)
        sim.resume("shop")
        reply = await call
        return sim.now - begin, reply.handled_by

    value: Any = Simulation(seed=6).run(scenario, until=60.0).value
    took, by = value

    assert by == "shop"
    assert 8.0 <= took < 8.2


def test_what_a_crashed_collector_is_asked_for_is_unavailable() -> None:
    async def scenario(sim: Sim) -> tuple[int, str]:
        front = await pair(sim)
        await sim.crash("front")
        reply = await front.dispatch(*METHOD)
        return reply.status.code, reply.status.message

    assert Simulation(seed=7).run(scenario, until=60.0).value == (503, "collector 'front' has crashed")


def test_a_scenario_that_does_not_end_in_time_fails_with_its_seed() -> None:
    async def scenario(sim: Sim) -> None:
        await sim.sleep(1000)

    with pytest.raises(SimulationError, match="seed 10: the scenario is still running after 5 s"):
        Simulation(seed=10).run(scenario, until=5.0)


def test_a_scenario_that_raises_fails_with_what_it_raises() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        raise LookupError("planted")

    with pytest.raises(LookupError, match="planted"):
        Simulation(seed=11).run(scenario, until=5.0)


def test_a_scenario_that_raises_before_its_collectors_have_begun_leaves_nothing_behind() -> None:
    async def scenario(sim: Sim) -> None:
        sim.collector("shop", services=[orders()])
        raise LookupError("planted")

    # What was never awaited would warn, and warnings are errors.
    with pytest.raises(LookupError, match="planted"):
        Simulation(seed=11).run(scenario, until=5.0)
    gc.collect()


def test_a_scenario_that_raises_tells_what_was_broken_before() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await sim.sleep(1)
        raise LookupError("planted")

    with pytest.raises(LookupError, match="planted") as failure:
        Simulation(seed=11).run(scenario, until=5.0)

    assert "before that: Exception in callback" in failure.value.__notes__[0]
    assert "ZeroDivisionError" in failure.value.__notes__[0]


def test_a_call_that_ends_after_its_deadline_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector_mesh.domain.link.engine import LinkEngine

    # A planted bug: nobody looks at deadlines.
    monkeypatch.setattr(LinkEngine, "_look_at_deadlines", lambda _engine, _now: None)

    async def scenario(sim: Sim) -> None:
        front = await pair(sim, orders(seconds=3.0))
        sim.network.latency("front", "shop", median=0.4, p99=0.5)
        await front.dispatch(*METHOD, timeout=1.0)

    with pytest.raises(
        InvariantError, match=r"seed 12: call 0 of orders/OrderService\.CreateOrder at front has ended"
    ):
        Simulation(seed=12).run(scenario, until=60.0)


def test_mistakes_are_named() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        with pytest.raises(ValueError, match="there is a collector 'shop' already"):
            sim.collector("shop")
        with pytest.raises(ValueError, match="there is no collector 'shp': there are shop, front"):
            sim.pause("shp")
        with pytest.raises(ValueError, match="collector 'shop' is running: crash it first"):
            await sim.restart("shop")
        with pytest.raises(ValueError, match=r"share must be from 0 to 0\.99, got 2"):
            sim.network.loss("front", "shop", 2)
        mistakes: list[Callable[[], object]] = [
            lambda: sim.network.partition({"shp"}, {"front"}),
            lambda: sim.network.clog("shp", "front"),
            lambda: sim.network.unclog("shp", "front"),
            lambda: sim.network.cut("front", "shp"),
            lambda: sim.network.latency("shp", "*", median=0.1, p99=0.2),
        ]
        for mistake in mistakes:
            with pytest.raises(ValueError, match="there is no collector 'shp': there are shop, front"):
                mistake()
        with pytest.raises(ValueError, match="collector 'shop' is in two groups"):
            sim.network.partition({"shop"}, {"front", "shop"})
        with pytest.raises(
            ValueError, match="median must be over 0 and at most p99, both finite, got 1 and inf"
        ):
            sim.network.latency("shop", "front", median=1, p99=math.inf)
        with pytest.raises(ValueError, match="factor must be over 0 and finite, got inf"):
            sim.clock_rate("shop", math.inf)
        await sim.crash("shop")
        with pytest.raises(ValueError, match="collector 'shop' is down already"):
            await sim.crash("shop")
        await sim.restart("shop")
        with pytest.raises(ValueError, match=r"rate must be over 0 and finite, got 0"):
            sim.chaos(rate=0)
        with pytest.raises(ValueError, match=r"seconds must be at least 0 and finite, got -1"):
            sim.slow("shop", -1)

    Simulation(seed=13).run(scenario, until=60.0)


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_call_that_runs_twice_breaks_an_invariant_and_its_handler_sees_nothing_of_that(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collector_mesh.domain.executor import Executor

    # A planted bug: whatever comes in is run twice.
    begin, seen = Executor.begin, list[object]()

    def twice(executor: Executor, call: Any, answer: Any) -> Any:
        begin(executor, call, lambda _reply: None)
        return begin(executor, call, answer)

    monkeypatch.setattr(Executor, "begin", twice)

    async def scenario(sim: Sim) -> None:
        service = Service("orders", "OrderService")

        @service.method("CreateOrder")
        async def create_order(request: Payload, context: CallContext) -> None:
            seen.append((type(request.value), len(request.value), context.metadata))

        front = await pair(sim, service)
        await front.dispatch(*METHOD, Payload("text", b"1" * size), metadata=[("who", "me")])

    with pytest.raises(InvariantError, match=r"call 0 of .* has run at shop and again at shop"):
        Simulation(seed=19).run(scenario, until=60.0)

    assert seen == [(bytes, size, (("who", "me"),))] * 2


def test_bytes_that_a_link_keeps_after_its_end_break_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector_mesh.domain.link.outbox import Outbox

    # A planted bug: what has left the queue is not taken off its size.
    monkeypatch.setattr(Outbox, "_has_left", lambda _outbox, _entry: None)

    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await front.dispatch(*METHOD)

    with pytest.raises(InvariantError, match=r"left after the end: 0 sent calls, 0 taken ones and \d+ bytes"):
        Simulation(seed=20).run(scenario, until=60.0)


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


@pytest.mark.parametrize(
    ("run", "error", "said"),
    [
        (lambda: Simulation(1).run(pair, until=0), ValueError, "until must be over 0 and finite, got 0"),
        (lambda: Simulation("1"), TypeError, "seed must be a whole number, got '1'"),  # type: ignore[arg-type]  # a mistake
        (
            lambda: Simulation(1).run(lambda _sim: 3),  # type: ignore[arg-type,return-value]  # a mistake
            TypeError,
            "a scenario must be an async function, got <function",
        ),
    ],
)
def test_what_cannot_be_run_is_named(run: Callable[[], object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        run()


@pytest.mark.asyncio
async def test_a_simulation_in_another_loop_is_refused() -> None:
    with pytest.raises(SimulationError, match="run it outside of async functions"):
        Simulation(1).run(pair)


def test_a_rule_of_the_user_is_looked_at_after_every_call() -> None:
    seen: list[int] = []

    async def scenario(sim: Sim) -> None:
        front = await pair(sim)

        def at_most_three() -> None:
            seen.append(1)
            assert len(seen) < 4, "called too often"

        sim.invariant(at_most_three)
        for _ in range(5):
            await front.dispatch(*METHOD)

    with pytest.raises(AssertionError, match="called too often"):
        Simulation(seed=14).run(scenario, until=60.0)


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


def test_a_collector_that_is_stopped_ends_what_it_has_begun() -> None:
    async def scenario(sim: Sim) -> tuple[int, int]:
        front = await pair(sim, orders(seconds=2.0))
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=5.0))
        await sim.sleep(0.5)
        await sim.stop("shop")
        first = (await call).status.code
        await sim.restart("shop")
        await sim.settled()
        return first, (await front.dispatch(*METHOD, timeout=5.0)).status.code

    assert Simulation(seed=15).run(scenario, until=60.0).value == (200, 200)


def test_a_slow_host_takes_longer_for_each_handler() -> None:
    async def scenario(sim: Sim) -> float:
        front = await pair(sim)
        sim.slow("shop", 1.0)
        begin = sim.now
        assert (await front.dispatch(*METHOD)).status.code == 200
        return sim.now - begin

    value: Any = Simulation(seed=16).run(scenario, until=60.0).value
    assert 1.0 < value < 1.1


def test_what_fails_in_the_background_breaks_an_invariant() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await sim.sleep(1)

    with pytest.raises(InvariantError, match="division by zero"):
        Simulation(seed=17).run(scenario, until=60.0)


OLD_METHODS: list[Callable[[Collector], Any]] = [
    lambda old: old.dispatch(*METHOD),
    lambda old: old.call(*METHOD),
    lambda old: old.connect("shop"),
    lambda old: old.disconnect("shop"),
    lambda old: old.snapshot(),
    lambda old: old.explain(*METHOD),
    lambda old: old.register(*METHOD, orders),
    lambda old: old.add_service(orders()),
    lambda old: old.remove_service(orders()),
    lambda old: old.add_namespace("goods"),
    lambda old: old.remove_namespace("orders"),
    lambda old: old.set_validator(None),
]


def test_the_object_of_an_earlier_start_raises_whatever_it_is_asked_for() -> None:
    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await sim.crash("front")
        again = await sim.restart("front")
        await sim.settled()
        for method in OLD_METHODS:
            with pytest.raises(
                SimulationError, match="collector 'front' was started again: use what restart has returned"
            ):
                await method(front)
        assert (await again.dispatch(*METHOD)).status.code == 200

    Simulation(seed=18).run(scenario, until=60.0)


def test_who_starts_or_ends_a_collector_by_hand_is_told_who_does_that() -> None:
    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        with pytest.raises(SimulationError, match="collector 'front' is started by its simulation"):
            async with front:
                raise AssertionError("it has been started")

    Simulation(seed=18).run(scenario, until=60.0)


def test_a_scenario_that_cannot_be_cancelled_fails_in_time_all_the_same() -> None:
    async def scenario(sim: Sim) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await sim.sleep(1.0)

    with pytest.raises(SimulationError, match="seed 22: the scenario is still running after 5 s"):
        Simulation(seed=22).run(scenario, until=5.0)


def test_a_scenario_that_never_waits_for_time_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector_mesh.adapters.simulated import loop

    monkeypatch.setattr(loop, "_MOST_TURNS", 1000)

    async def scenario(sim: Sim) -> None:
        await sim.sleep(1.0)
        while True:
            await asyncio.sleep(0)

    with pytest.raises(SimulationError, match="time stands still at 1 s"):
        Simulation(seed=23).run(scenario, until=5.0)
