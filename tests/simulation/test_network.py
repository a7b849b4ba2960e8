"""What the network does to frames and connections."""

import asyncio
from typing import Any

import pytest
from tests.simulation.shop import METHOD, orders, pair, state

from collector_mesh import Collector, Payload, UnavailableError
from collector_mesh.simulation import Sim, Simulation


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

    class Taker:
        def received(self, frame: Frame) -> None:
            came.append(frame.credit)

        def ended(self, error: Exception | None) -> None:
            raise AssertionError(error)

        def unsendable(self, frame: Frame, error: Exception) -> None:
            raise AssertionError(frame) from error

        def next_frame(self) -> Frame | None:
            return None

    flow.end.open(Taker())
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


def test_a_reset_does_not_overtake_the_goodbye_of_whoever_has_ended() -> None:
    async def scenario(sim: Sim) -> list[str]:
        front = await pair(sim, orders(0.1))
        sim.network.latency("front", "shop", median=0.15, p99=0.5)
        calls = []
        for _ in range(50):
            calls.append(asyncio.create_task(front.dispatch(*METHOD, timeout=5.0)))
            await sim.sleep(0.01)
        await sim.stop("shop")
        await asyncio.gather(*calls)
        await sim.sleep(2)
        return [end.reason for end in front.snapshot().ended if end.peer_id == "shop"]

    reasons = [Simulation(seed).run(scenario, until=60.0).value for seed in range(20)]

    assert reasons == [["collector 'shop' has ended"]] * 20


def test_nobody_listens_where_a_collector_has_crashed() -> None:
    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await sim.crash("shop")
        await sim.sleep(1.0)
        await front.connect("shop", timeout=1.0)

    with pytest.raises(UnavailableError, match="nobody listens at shop"):
        Simulation(seed=3).run(scenario, until=600.0)


@pytest.mark.parametrize("seed", range(10))
def test_who_was_away_for_long_is_found_soon_though_it_goes_once_more_at_once(seed: int) -> None:
    async def scenario(sim: Sim) -> float:
        front = await pair(sim)
        await sim.crash("shop")
        await sim.sleep(20.0)
        await sim.restart("shop")
        await until_live(sim, front)
        await sim.crash("shop")
        await sim.sleep(0.6)
        await sim.restart("shop")
        begin = sim.now
        await until_live(sim, front)
        return sim.now - begin

    async def until_live(sim: Sim, front: Collector) -> None:
        while state(front) != "live":
            await sim.sleep(0.01)

    took = Simulation(seed=seed).run(scenario, until=120.0).value

    assert isinstance(took, float)
    assert took <= 0.5


def test_what_makes_no_sense_is_named() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        with pytest.raises(ValueError, match="a partition takes at least two groups, got 1"):
            sim.network.partition({"shop"})
        with pytest.raises(ValueError, match="must be one of latency, loss, bandwidth, got 'lates'"):
            sim.network.restore("shop", "front", "lates")

    Simulation(seed=1).run(scenario, until=60.0)


def test_a_reset_ends_a_link_for_both_sides_and_it_is_dialed_again() -> None:
    async def scenario(sim: Sim) -> tuple[int, list[str], int]:
        front = await pair(sim, orders(seconds=1.0))
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=5.0))
        await sim.sleep(0.5)
        sim.network.reset("front", "shop")
        lost = await call
        await sim.settled()
        ended = [sim.find(name).snapshot().ended[0].reason for name in ("front", "shop")]
        again = await front.dispatch(*METHOD, timeout=5.0)
        return lost.status.code, ended, again.status.code

    seen: Any = Simulation(seed=1).run(scenario, until=60.0).value
    code, ended, again = seen

    # The handler went on, and its reply came over the new link.
    assert (code, again) == (200, 200)
    assert all("the connection was reset on its way" in reason for reason in ended)


def test_dials_of_a_host_raise_what_they_are_told_to_until_that_is_taken_back() -> None:
    async def scenario(sim: Sim) -> tuple[str, str]:
        front = await pair(sim)
        sim.network.fail_dials("front", lambda: LookupError("no certificate"))
        sim.network.reset("front", "shop")
        await sim.sleep(3.0)
        during = state(front)
        sim.network.fail_dials("front", None)
        await sim.settled()
        return during, state(front)

    assert Simulation(seed=1).run(scenario, until=60.0).value == ("reconnecting", "live")
