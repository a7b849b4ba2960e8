"""A collector and a client are used in the event loop that they were entered in, while they are entered."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from collector_mesh import Collector, LoopbackNetwork, MeshClient, Reply, Service

LIMIT = 20.0
"""Seconds within which what is waited for comes, also where the machine has much to do."""


def service() -> Service:
    made = Service("n", "S")
    made.add("Nothing", lambda: None)
    return made


USES: dict[str, Callable[[Any], Awaitable[object]]] = {
    "dispatch": lambda used: used.dispatch("n", "S", "Nothing"),
    "call": lambda used: used.call("n", "S", "Nothing"),
    "serve": lambda used: used.serve("n", "S", "Nothing"),
    "connect": lambda used: used.connect("b"),
    "disconnect": lambda used: used.disconnect("b"),
}
OF_COLLECTORS = ["dispatch", "call", "connect", "disconnect"]
OF_CLIENTS = ["dispatch", "call", "serve"]
BOTH = [("collector", use) for use in OF_COLLECTORS] + [("client", use) for use in OF_CLIENTS]


def make(what: str) -> Any:
    network = LoopbackNetwork()
    if what == "client":
        return MeshClient("a", transport=network)
    return Collector("a", transport=network, services=[service()])


@pytest.mark.asyncio
@pytest.mark.parametrize(("what", "use"), BOTH)
async def test_before_it_is_entered_and_after_it_was_left_every_use_is_a_runtime_error(
    what: str, use: str
) -> None:
    used = make(what)

    with pytest.raises(RuntimeError, match="is new: it is used inside 'async with'"):
        await USES[use](used)
    async with used:
        pass
    with pytest.raises(RuntimeError, match="is closed: it is used inside 'async with'"):
        await USES[use](used)


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["collector", "client"])
async def test_it_is_entered_once(what: str) -> None:
    used = make(what)
    async with used:
        with pytest.raises(RuntimeError, match="can be started, or entered, once; make a new one"):
            await used.__aenter__()
    with pytest.raises(RuntimeError, match="can be started, or entered, once; make a new one"):
        await used.__aenter__()


@pytest.mark.asyncio
@pytest.mark.parametrize(("what", "use"), BOTH)
async def test_in_another_loop_every_use_is_a_runtime_error_that_names_the_way(what: str, use: str) -> None:
    async def elsewhere() -> None:
        await USES[use](used)

    async with make(what) as used:
        with pytest.raises(RuntimeError, match=r"belongs to another event loop.*run_coroutine_threadsafe"):
            await asyncio.to_thread(asyncio.run, elsewhere())


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("what", "way"), [("collector", "__aexit__"), ("client", "__aexit__"), ("collector", "wait_unreachable")]
)
async def test_in_another_loop_it_cannot_be_left_and_goes_on(what: str, way: str) -> None:
    async def elsewhere() -> None:
        arguments = () if way == "wait_unreachable" else (None, None, None)
        async with asyncio.timeout(LIMIT):
            await getattr(used, way)(*arguments)

    async with make("collector") as collector:
        transport = collector.container.transport()
        used = MeshClient("a", transport=transport) if what == "client" else collector
        if what == "client":
            await used.__aenter__()
        with pytest.raises(RuntimeError, match="belongs to another event loop"):
            await asyncio.to_thread(asyncio.run, elsewhere())
        reply = await used.dispatch("n", "S", "Nothing")
        if what == "client":
            await used.__aexit__(None, None, None)

    assert reply.status.code == 200


@pytest.mark.asyncio
async def test_the_way_that_is_named_works() -> None:
    loop = asyncio.get_running_loop()
    async with Collector("a", transport=LoopbackNetwork(), services=[service()]) as collector:

        def blocking() -> Reply:
            work = collector.dispatch("n", "S", "Nothing")
            return asyncio.run_coroutine_threadsafe(work, loop).result(LIMIT)

        async def in_a_loop_of_its_own() -> Reply:
            work = collector.dispatch("n", "S", "Nothing")
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

        replies = [
            await asyncio.to_thread(blocking),
            await asyncio.to_thread(asyncio.run, in_a_loop_of_its_own()),
        ]

    assert [reply.status.code for reply in replies] == [200, 200]


@pytest.mark.asyncio
async def test_calls_go_on_while_others_are_refused_in_other_loops() -> None:
    async with Collector("a", transport=LoopbackNetwork(), services=[service()]) as collector:
        refused: list[BaseException] = []
        done = threading.Event()

        async def elsewhere() -> None:
            while not done.is_set():
                try:
                    await collector.dispatch("n", "S", "Nothing")
                except RuntimeError as error:
                    refused.append(error)

        thread = threading.Thread(target=asyncio.run, args=(elsewhere(),))
        thread.start()
        replies = [await collector.dispatch("n", "S", "Nothing") for _ in range(200)]
        done.set()
        await asyncio.to_thread(thread.join, LIMIT)

    assert {reply.status.code for reply in replies} == {200}
    assert not thread.is_alive()
    assert all("belongs to another event loop" in str(error) for error in refused)
