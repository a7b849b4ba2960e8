"""What must hold, and what is told when it does not."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from tests.simulation.shop import METHOD, orders, pair

from collector_mesh import CallContext, MeshError, Payload, Reply, Service
from collector_mesh.domain.calls.attempt import Attempt
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.status import OK
from collector_mesh.domain.serving.executor import Executor
from collector_mesh.simulation import InvariantError, Sim, Simulation


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
    from collector_mesh.domain.link.calls import LinkCalls

    # A planted bug: nobody looks at deadlines.
    monkeypatch.setattr(LinkCalls, "expire", lambda _calls, _now: False)

    async def scenario(sim: Sim) -> None:
        front = await pair(sim, orders(seconds=3.0))
        sim.network.latency("front", "shop", median=0.4, p99=0.5)
        await front.dispatch(*METHOD, timeout=1.0)

    with pytest.raises(
        InvariantError, match=r"seed 12: call 0 of orders/OrderService\.CreateOrder at front has ended"
    ):
        Simulation(seed=12).run(scenario, until=60.0)


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_call_that_runs_twice_breaks_an_invariant_and_its_handler_sees_nothing_of_that(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A planted bug: whatever comes in is run twice.
    execute, seen = Executor.execute, list[object]()

    def twice(executor: Executor, call: Any, answer: Any) -> Any:
        execute(executor, call, lambda _reply: None)
        return execute(executor, call, answer)

    monkeypatch.setattr(Executor, "execute", twice)

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


async def quick() -> None:
    """A handler."""


async def refuses() -> None:
    raise MeshError("sold out", code=409)


@pytest.mark.parametrize(
    ("handler", "told", "said"),
    [
        (quick, {"executed": Executed.NO}, "has succeeded, and is told as executed=no"),
        (quick, {"executed": Executed.MAYBE}, "has succeeded, and is told as executed=maybe"),
        (quick, {"handled_by": "front"}, r"was handled by front \(200\), but ran at \['shop'\]"),
        (refuses, {"handled_by": ""}, r"was handled by nobody \(409\), but ran at \['shop'\]"),
        (
            refuses,
            {"executed": Executed.NO},
            r"was told that it had not run \(409\), but ran at \['shop'\]",
        ),
    ],
)
def test_a_reply_that_says_something_else_than_what_ran_breaks_an_invariant(
    handler: Callable[[], Awaitable[None]],
    told: dict[str, Any],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A planted bug: what comes back from a peer is told otherwise.
    settle = Attempt.settle

    def other(attempt: Attempt, reply: Reply) -> None:
        settle(attempt, attrs.evolve(reply, **told))

    monkeypatch.setattr(Attempt, "settle", other)

    async def scenario(sim: Sim) -> None:
        service = Service("orders", "OrderService")
        service.add("CreateOrder", handler)
        front = await pair(sim, service)
        await front.dispatch(*METHOD)

    with pytest.raises(InvariantError, match=rf"call 0 of orders/OrderService\.CreateOrder at front {said}"):
        Simulation(seed=21).run(scenario, until=60.0)


def test_a_success_that_nobody_has_run_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    # A planted bug: calls are answered, and nothing is run.
    def execute(_executor: Executor, _call: Any, answer: Callable[[Reply], None]) -> None:
        answer(Reply(OK, handled_by="shop", executed=Executed.YES))

    monkeypatch.setattr(Executor, "execute", execute)

    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await front.dispatch(*METHOD)

    with pytest.raises(InvariantError, match=r"was handled by shop \(200\), but ran at nobody"):
        Simulation(seed=21).run(scenario, until=60.0)


def test_a_call_that_runs_after_it_was_told_that_it_had_not_breaks_an_invariant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A planted bug: whatever was sent and has not come back is told as if it had not been sent.
    settle = Attempt.settle

    def other(attempt: Attempt, reply: Reply) -> None:
        settle(attempt, attrs.evolve(reply, executed=Executed.NO))

    monkeypatch.setattr(Attempt, "settle", other)

    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        sim.network.clog("front", "shop")
        assert (await front.dispatch(*METHOD, timeout=0.5)).status.code == 504
        sim.network.unclog("front", "shop")
        await sim.sleep(1.0)

    with pytest.raises(InvariantError, match="has run at shop after it was told that it had not run"):
        Simulation(seed=21).run(scenario, until=60.0)


def test_a_call_that_nobody_knows_the_outcome_of_may_have_run_or_not() -> None:
    async def scenario(sim: Sim) -> list[Executed]:
        front = await pair(sim, orders(seconds=3.0))
        ran = asyncio.create_task(front.dispatch(*METHOD, timeout=1.0))
        await sim.sleep(0.5)
        sim.network.clog("front", "shop")
        lost = asyncio.create_task(front.dispatch(*METHOD, timeout=1.0))
        return [(await ran).executed, (await lost).executed]

    assert Simulation(seed=21).run(scenario, until=60.0).value == [Executed.MAYBE, Executed.MAYBE]


def test_a_call_of_a_collector_that_crashes_meanwhile_may_have_run() -> None:
    async def scenario(sim: Sim) -> tuple[int, Executed]:
        front = await pair(sim, orders(seconds=1.0))
        call = asyncio.create_task(front.dispatch(*METHOD))
        await sim.sleep(0.5)
        await sim.crash("front")
        reply = await call
        return reply.status.code, reply.executed

    assert Simulation(seed=21).run(scenario, until=60.0).value == (502, Executed.MAYBE)


def test_bytes_that_a_link_keeps_after_its_end_break_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    from collector_mesh.domain.link.outbox import Outbox

    # A planted bug: what goes out in a frame is not taken off what waits.
    fill = Outbox._fill

    def filled(outbox: Outbox, now: float) -> Any:
        waits = outbox.queued_bytes
        page = fill(outbox, now)
        outbox.queued_bytes = waits
        return page

    monkeypatch.setattr(Outbox, "_fill", filled)

    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        await front.dispatch(*METHOD)

    with pytest.raises(InvariantError, match=r"left after the end: 0 sent calls, 0 taken ones and \d+ bytes"):
        Simulation(seed=20).run(scenario, until=60.0)


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


def test_what_fails_in_the_background_breaks_an_invariant() -> None:
    async def scenario(sim: Sim) -> None:
        await pair(sim)
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await sim.sleep(1)

    with pytest.raises(InvariantError, match="division by zero"):
        Simulation(seed=17).run(scenario, until=60.0)


@pytest.mark.parametrize("rates", [(1.0, 0.5), (2.0, 1.0), (1.0, 10.0)])
def test_a_deadline_is_on_the_clock_of_the_host_whatever_becomes_of_it(rates: tuple[float, float]) -> None:
    async def scenario(sim: Sim) -> int:
        service = Service("orders", "OrderService")

        @service.method("CreateOrder")
        async def create_order() -> None:
            await asyncio.sleep(1000.0)

        front = await pair(sim, service)
        sim.clock_rate("front", rates[0])
        call = asyncio.create_task(front.dispatch(*METHOD, timeout=10.0))
        await sim.sleep(1.0)
        sim.clock_rate("front", rates[1])
        return (await call).status.code

    assert Simulation(seed=1).run(scenario, until=60.0).value == 504


@pytest.mark.parametrize("is_collected", [True, False])
def test_what_nobody_is_told_of_breaks_an_invariant_whenever_garbage_is_collected(
    *, is_collected: bool
) -> None:
    async def scenario(sim: Sim) -> None:
        service = Service("orders", "OrderService")

        async def fails() -> None:
            me = asyncio.current_task()
            assert me is not None  # it keeps itself alive: it is in its own traceback
            raise LookupError("in the background")

        @service.method("CreateOrder")
        async def create_order() -> None:
            asyncio.create_task(fails())  # noqa: RUF006  # nobody is to hold it

        front = await pair(sim, service)
        await front.dispatch(*METHOD)
        await sim.sleep(1.0)
        if is_collected:
            gc.collect()

    with pytest.raises(
        InvariantError, match=r"a task has failed at 0\.06.* s, and nobody was told: LookupError"
    ):
        Simulation(seed=1).run(scenario, until=60.0)


def test_a_rule_that_is_async_is_refused() -> None:
    async def rule() -> None:
        """Nobody would wait for it."""

    async def scenario(sim: Sim) -> None:
        front = await pair(sim)
        with pytest.raises(TypeError, match="an invariant must be a plain function, got <function"):
            sim.invariant(rule)
        sim.invariant(lambda: rule())  # noqa: PLW0108  # it does not show that it is async
        await front.dispatch(*METHOD)

    with pytest.raises(InvariantError, match=r"an invariant must be a plain function, .* is async"):
        Simulation(seed=1).run(scenario, until=60.0)
