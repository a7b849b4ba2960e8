"""Whoever watches calls is told of each once, when it begins and what came of it, in both forms and however it ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
from dependency_injector import providers
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, LoopbackNetwork, MeshClient, MethodKey, Payload, Reply, Service
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.verdict import Verdict
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.watching.watches import one_watch

pytestmark = pytest.mark.asyncio

METHODS = {name: MethodKey("tests", "Odd", name) for name in ("Echo", "Fail", "Wait", "Missing")}


class Recording:
    """Takes down what it is told, and sees that each end belongs to one beginning."""

    def __init__(self) -> None:
        self.open: list[tuple[str, Call]] = []
        self.ended: list[tuple[str, str, int | None]] = []
        self.verdicts: list[str] = []

    def dispatching(self, call: Call) -> None:
        self._begin("dispatch", call)

    def dispatched(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        self._end("dispatch", call, reply, began, ended)

    def attempting(self, call: Call, peer_id: str) -> Call:
        call = attrs.evolve(call)
        self._begin(f"attempt at {peer_id}", call)
        return call

    def attempted(self, call: Call, peer_id: str, reply: Reply | None, began: float, ended: float) -> None:
        self._end(f"attempt at {peer_id}", call, reply, began, ended)

    def judged(self, call: Call, verdict: Verdict) -> None:
        self.verdicts.append(f"{call.key.method} {verdict.peer_id} {verdict.reason.name}")

    def serving(self, call: Call) -> None:
        self._begin("serve", call)

    def served(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        self._end("serve", call, reply, began, ended)

    def _begin(self, what: str, call: Call) -> None:
        assert not any(what == other and call is known for other, known in self.open)
        self.open.append((what, call))

    def _end(self, what: str, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        assert ended >= began
        (place,) = (n for n, (other, known) in enumerate(self.open) if what == other and known is call)
        del self.open[place]
        self.ended.append((what, call.key.method, None if reply is None else reply.status.code))

    async def all_over(self) -> list[tuple[str, str, int | None]]:
        """What has ended, once nothing is open."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.open:
                await asyncio.sleep(0.001)
        return sorted(self.ended, key=str)


_fits: type[CallWatch] = Recording


class Keeping(Recording):
    """Does not look at the ends of attempts, whose calls another one has changed."""

    def attempted(self, call: Call, peer_id: str, reply: Reply | None, began: float, ended: float) -> None:
        assert not any(call is known for _, known in self.open)


def odd() -> Service:
    service = Service("tests", "Odd")

    @service.method("Echo", idempotent=True)
    async def echo(request: Payload) -> Payload:
        return request

    @service.method("Fail")
    async def fail(request: Payload) -> Payload:
        raise ValueError("no")

    @service.method("Wait")
    async def wait(request: Payload) -> Payload:
        await asyncio.Event().wait()
        return request

    return service


def watched(collector: Collector, *watches: CallWatch) -> Collector:
    collector.container.watch.override(providers.Object(one_watch(*watches)))
    return collector


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Collector, Recording, Recording]]:
    """Two collectors with a link, both watched: one that calls, and one that serves."""
    network, calling, serving = LoopbackNetwork(), Recording(), Recording()
    async with (
        watched(Collector("server", services=[odd()], transport=network), serving),
        watched(Collector("caller", namespaces=["tests"], transport=network), calling) as caller,
    ):
        await caller.connect("server")
        yield caller, calling, serving


async def awaited(caller: Collector, name: str, **options: Any) -> int:
    reply = await caller.dispatch(*METHODS[name], Payload("t", b"x"), **options)
    return reply.status.code


async def submitted(caller: Collector, name: str, **options: Any) -> int:
    told: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    started = caller.submit(METHODS[name], Payload("t", b"x"), told.set_result, **options)
    try:
        return (await told).status.code
    finally:
        if started is not None:
            started.cancel()
            assert started.time_remaining() >= 0


Form = Callable[..., Awaitable[int]]
FORMS = pytest.mark.parametrize("form", [awaited, submitted])


@FORMS
@pytest.mark.parametrize(("name", "code"), [("Echo", 200), ("Fail", 500)])
async def test_a_call_to_a_peer_is_told_at_both_ends(form: Form, name: str, code: int) -> None:
    async with linked() as (caller, calling, serving):
        told = await form(caller, name)

        assert told == code
        assert await calling.all_over() == [("attempt at server", name, code), ("dispatch", name, code)]
        assert await serving.all_over() == [("serve", name, code)]


@FORMS
async def test_a_call_that_runs_here_is_told_as_dispatched_and_as_served(form: Form) -> None:
    recording, network = Recording(), LoopbackNetwork()
    async with watched(Collector("one", services=[odd()], transport=network), recording) as collector:
        codes = [await form(collector, "Echo"), await form(collector, "Fail")]

        assert codes == [200, 500]
        assert await recording.all_over() == [
            ("dispatch", "Echo", 200),
            ("dispatch", "Fail", 500),
            ("serve", "Echo", 200),
            ("serve", "Fail", 500),
        ]
        assert recording.verdicts == ["Fail one ANSWERED"]


@FORMS
async def test_a_call_that_nobody_can_take_is_told_without_an_attempt(form: Form) -> None:
    async with linked() as (caller, calling, serving):
        told = await form(caller, "Missing")

        assert told == 404
        assert await calling.all_over() == [("dispatch", "Missing", 404)]
        assert await serving.all_over() == []


@FORMS
async def test_a_call_whose_time_is_up_is_told_with_that_reply(form: Form) -> None:
    async with linked() as (caller, calling, serving):
        told = await form(caller, "Wait", timeout=0.05)

        assert told == 504
        assert await calling.all_over() == [("attempt at server", "Wait", 504), ("dispatch", "Wait", 504)]
        assert [(what, name) for what, name, _ in await serving.all_over()] == [("serve", "Wait")]


@FORMS
async def test_a_call_that_is_cancelled_is_told_without_a_reply(form: Form) -> None:
    async with linked() as (caller, calling, serving):
        task = asyncio.ensure_future(form(caller, "Wait"))
        async with asyncio.timeout(LIMIT_SECONDS):
            while not serving.open:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert await calling.all_over() == [("attempt at server", "Wait", None), ("dispatch", "Wait", None)]
        assert await serving.all_over() == [("serve", "Wait", None)]


@FORMS
async def test_a_call_that_is_cancelled_where_it_runs_is_told_twice_as_such(form: Form) -> None:
    recording, network = Recording(), LoopbackNetwork()
    async with watched(Collector("one", services=[odd()], transport=network), recording) as collector:
        task = asyncio.ensure_future(form(collector, "Wait"))
        async with asyncio.timeout(LIMIT_SECONDS):
            while len(recording.open) < 2:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert await recording.all_over() == [("dispatch", "Wait", None), ("serve", "Wait", None)]


async def test_calls_of_a_client_are_told_where_they_come_to() -> None:
    recording, network = Recording(), LoopbackNetwork()
    async with (
        watched(Collector("one", services=[odd()], transport=network), recording),
        MeshClient("one", transport=network) as client,
    ):
        await client.dispatch(*METHODS["Echo"], Payload("t", b"x"))
        await client.dispatch(*METHODS["Missing"], Payload("t", b"x"))

        assert await recording.all_over() == [
            ("dispatch", "Echo", 200),
            ("dispatch", "Missing", 404),
            ("serve", "Echo", 200),
        ]


async def test_requests_without_a_link_are_told_also_where_they_are_refused() -> None:
    recording, network = Recording(), LoopbackNetwork()
    async with watched(Collector("one", services=[odd()], transport=network), recording) as collector:
        gateway = collector.container.gateway()
        elsewhere = MethodKey("elsewhere", "Odd", "Echo")
        codes = [
            (await gateway.serve(METHODS["Echo"], Payload("t", b"x"))).status.code,
            (await gateway.serve(elsewhere, Payload("t", b"x"))).status.code,
            (await gateway.dispatch(METHODS["Fail"], Payload("t", b"x"))).status.code,
        ]

        assert codes == [200, 404, 500]
        assert await recording.all_over() == [
            ("dispatch", "Fail", 500),
            ("serve", "Echo", 200),
            ("serve", "Echo", 404),
            ("serve", "Fail", 500),
        ]


async def test_a_drain_ends_what_is_told_of_calls_that_run() -> None:
    async with linked() as (caller, calling, serving):
        task = asyncio.ensure_future(awaited(caller, "Wait"))
        async with asyncio.timeout(LIMIT_SECONDS):
            while not serving.open:
                await asyncio.sleep(0.001)
        caller.container.tasks().cancel_all()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert await calling.all_over() == [("attempt at server", "Wait", None), ("dispatch", "Wait", None)]
    assert not serving.open


async def test_several_watches_are_told_of_the_same_and_the_call_goes_out_as_the_last_gives_it() -> None:
    network, one, other = LoopbackNetwork(), Keeping(), Recording()
    async with (
        Collector("server", services=[odd()], transport=network),
        watched(Collector("caller", namespaces=["tests"], transport=network), one, other) as caller,
    ):
        await caller.connect("server")
        await awaited(caller, "Echo")
        await awaited(caller, "Fail")

        assert [what for what, _ in one.open] == ["attempt at server"] * 2
        assert len(await other.all_over()) == 4
        assert one.verdicts == other.verdicts == ["Fail server ANSWERED"]


async def test_nothing_is_around_calls_where_nobody_watches() -> None:
    collector = Collector("one", services=[odd()], transport=LoopbackNetwork())

    parts = collector.container

    assert parts.watch() is None
    assert parts.dispatching() is parts.dispatcher()
    assert type(parts.executor()).__name__ == "Executor"
