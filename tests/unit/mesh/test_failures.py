"""Failures in a mesh on real links, in one process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    LoopbackNetwork,
    MeshClient,
    Payload,
    Service,
    Settings,
    SettingsError,
)
from collector_mesh.ports import Candidate, Selection

pytestmark = pytest.mark.asyncio

IN_TURNS = Settings(balancing="round-robin", breaker=False)
Handler = Callable[[Payload, CallContext], Awaitable[StringValue]]


async def answers(_request: Payload, context: CallContext) -> StringValue:
    return StringValue(value=context.collector_id)


async def hangs(_request: Payload, _context: CallContext) -> StringValue:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


def service(handler: Handler, *, idempotent: bool = True) -> Service:
    made = Service("work", "Worker")
    made.method("Do", idempotent=idempotent)(handler)
    return made


@asynccontextmanager
async def front_and(
    *handlers: Handler, idempotent: bool = True, settings: Settings | None = None, **options: object
) -> AsyncIterator[tuple[Collector, list[Collector]]]:
    """A collector without the method, connected to replicas that have it."""
    network = LoopbackNetwork()
    replicas = [
        Collector(
            f"replica-{number}",
            transport=network,
            services=[service(handler, idempotent=idempotent)],
            settings=settings,
        )
        for number, handler in enumerate(handlers)
    ]
    front = Collector("front", transport=network, namespaces=["work"], settings=settings, **options)  # type: ignore[arg-type]  # as the test says
    async with front:
        for replica in replicas:
            await replica.__aenter__()
            await front.connect(replica.address)
        yield front, replicas
        for replica in replicas:
            await replica.__aexit__(None, None, None)


def in_flight(front: Collector) -> list[int]:
    return [standing.in_flight for peer in front.snapshot().connections for standing in peer.standings]


async def test_a_hung_collector_does_not_eat_the_deadline_of_an_idempotent_call() -> None:
    async with front_and(hangs, answers, settings=IN_TURNS) as (front, _):
        replies = [await front.dispatch("work", "Worker", "Do", timeout=1.0) for _ in range(6)]
        counts = front.snapshot().counts

    assert {reply.status.code for reply in replies} == {200}
    assert {reply.handled_by for reply in replies} == {"replica-1"}
    tried = [reply.attempts for reply in replies if len(reply.attempts) > 1]
    assert set(tried) == {("replica-0", "replica-1")}
    assert counts["timed_out_attempts"] == counts["retries"] == len(tried)


async def test_what_must_not_run_twice_waits_for_its_deadline_and_is_not_tried_elsewhere() -> None:
    async with front_and(hangs, hangs, idempotent=False) as (front, _):
        reply = await front.dispatch("work", "Worker", "Do", timeout=0.2)

    assert (reply.status.code, reply.executed, len(reply.attempts)) == (504, Executed.MAYBE, 1)


async def test_the_late_answer_of_an_attempt_that_was_given_up_is_dropped() -> None:
    go_on = asyncio.Event()

    async def late(_request: Payload, context: CallContext) -> StringValue:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            go_on.set()
        return StringValue(value=f"late from {context.collector_id}")

    async with front_and(late, answers, settings=IN_TURNS) as (front, _):
        replies = [await front.dispatch("work", "Worker", "Do", timeout=1.0) for _ in range(8)]
        async with asyncio.timeout(LIMIT_SECONDS):
            await go_on.wait()

    assert {reply.unpack(StringValue).value for reply in replies} == {"replica-1"}


async def test_nothing_is_left_in_flight_after_replies_cancellations_and_timeouts() -> None:
    async with front_and(hangs, answers, idempotent=False) as (front, _):
        calls = [asyncio.create_task(front.dispatch("work", "Worker", "Do", timeout=0.3)) for _ in range(20)]
        await asyncio.sleep(0)
        for call in calls[::3]:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        left = in_flight(front)

    assert left == [0, 0]


async def test_a_deadline_and_a_cancellation_go_all_the_way() -> None:
    remaining: list[float] = []
    cancelled = asyncio.Event()

    async def waits(_request: Payload, context: CallContext) -> StringValue:
        remaining.append(context.time_remaining())
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        raise AssertionError("nobody sets it")

    async with front_and(waits) as (front, _):
        # Two hops: the client's collector passes its call on.
        client = MeshClient(front.address, transport=front.container.transport())
        async with client, asyncio.timeout(LIMIT_SECONDS):
            call = asyncio.create_task(client.dispatch("work", "Worker", "Do", timeout=5.0))
            while not remaining:
                await asyncio.sleep(0.001)
            call.cancel()
            await cancelled.wait()

    assert 4.0 < remaining[0] <= 5.0


async def test_a_namespace_over_its_own_limit_is_refused_with_a_time_to_come_back() -> None:
    settings = Settings(overrides={"work": {"max_running": 1}}, max_attempts=1)
    async with front_and(hangs, idempotent=False, settings=settings) as (front, replicas):
        first = asyncio.create_task(front.dispatch("work", "Worker", "Do", timeout=1.0))
        async with asyncio.timeout(LIMIT_SECONDS):
            while not replicas[0].snapshot().running:
                await asyncio.sleep(0.001)
        refused = await front.dispatch("work", "Worker", "Do")
        shed = replicas[0].snapshot().counts
        first.cancel()

    assert (refused.status.code, refused.executed) == (429, Executed.NO)
    assert refused.status.details["retry_after_ms"] == "100"
    assert shed == {"shed_work": 1}


async def test_a_call_that_nobody_can_take_says_why() -> None:
    async with front_and(answers) as (front, replicas):
        replicas[0].remove_service(service(answers))
        async with asyncio.timeout(LIMIT_SECONDS):
            while front.explain("work", "Worker", "Do").fit:
                await asyncio.sleep(0.001)
        reply = await front.dispatch("work", "Worker", "Do")

    assert (reply.status.code, reply.status.details["routes"]) == (404, "front: lacks the method")


class First:
    """A strategy that always takes the peer whose id comes first."""

    def choose(self, selection: Selection) -> Candidate | None:
        return min(selection.fit(), key=lambda peer: peer.peer_id, default=None)


async def test_a_strategy_of_ones_own_is_used_by_its_name() -> None:
    mine = {"first": First()}
    async with front_and(answers, answers, balancers=mine, observer=None) as (front, _):
        assert front.explain("work", "Worker", "Do").balancing == "peak-ewma"
    network = LoopbackNetwork()
    settings = Settings(overrides={"work/Worker": {"balancing": "first"}})
    async with (
        Collector("b", transport=network, services=[service(answers)]) as b,
        Collector("a", transport=network, services=[service(answers)]) as a,
        Collector("c", transport=network, namespaces=["work"], balancers=mine, settings=settings) as chooser,
    ):
        await chooser.connect(b.address)
        await chooser.connect(a.address)
        replies = [await chooser.dispatch("work", "Worker", "Do") for _ in range(5)]

    assert {reply.handled_by for reply in replies} == {"a"}


async def test_labels_and_weights_are_told_to_peers() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("a", transport=network, namespaces=["work"], labels={"zone": "east"}, weight=7) as a,
        Collector("b", transport=network, namespaces=["work"]) as b,
    ):
        await b.connect(a.address)
        [seen] = b.snapshot().connections

    assert (dict(seen.labels), seen.weight) == ({"zone": "east"}, 7)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"a b": {}}, "overrides.'a b': namespace must match"),
        ({"work/": {}}, "overrides.'work/': service is required"),
        ({"work": {"balancing": "best"}}, "overrides.'work': balancing must be one of peak-ewma, "),
        ({"work": {"max_links": 3}}, "overrides.'work': 'max_links' cannot be set here, allowed are "),
        ({"work/Worker": {"relay": True}}, "overrides.'work/Worker': relay can be set for a collector or a"),
        (
            {"work": {"max_attempts": 0}},
            "overrides.'work': max_attempts must be a whole number of attempts from 1",
        ),
        ({"work": 3}, "overrides.'work' must be a table, got 3"),
    ],
)
async def test_an_override_that_makes_no_sense_is_refused_at_once(
    overrides: dict[str, dict[str, object]], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        Collector("a", transport=LoopbackNetwork(), settings=Settings(overrides=overrides))
