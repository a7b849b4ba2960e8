"""Clients with several addresses, beside real processes that end."""

import asyncio
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import pytest
from tests.integration.services.processes import free_port, run, serving
from tests.integration.services.things import texts_service
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, MeshClient, Payload, Reply, SyncMeshClient
from collector_mesh.app.cli.starting import once_it_listens


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_threads_that_call_all_the_time_lose_nothing_when_one_of_two_collectors_ends(
    number: signal.Signals,
) -> None:
    stopped = threading.Event()

    def work(client: SyncMeshClient) -> "Counter[tuple[int, str]]":
        outcomes: Counter[tuple[int, str]] = Counter()
        while not stopped.is_set():
            reply = client.dispatch("texts", "Texts", "Echo", Payload("t", b"x"), idempotent=True)
            outcomes[reply.status.code, reply.handled_by] += 1
        return outcomes

    async with (
        serving("a", "--service", "things:texts") as a,
        serving("b", "--service", "things:texts") as b,
    ):
        client = SyncMeshClient(f"{a.address},{b.address}")
        with ThreadPoolExecutor(4) as pool:
            working = [pool.submit(work, client) for _ in range(4)]
            first = (await asyncio.to_thread(client.dispatch, "texts", "Texts", "Echo")).handled_by
            (a if first == "a" else b).send(number)

            def is_moved() -> bool:
                return client.dispatch("texts", "Texts", "Nothing").handled_by not in ("", first)

            async with asyncio.timeout(LIMIT_SECONDS):
                while not await asyncio.to_thread(is_moved):
                    await asyncio.sleep(0)
            stopped.set()
            outcomes = sum((each.result() for each in working), Counter())
        await asyncio.to_thread(client.close)

    assert {code for code, _ in outcomes} == {200}
    assert {who for _, who in outcomes} == {"a", "b"}


@pytest.mark.asyncio
async def test_the_command_line_dispatches_at_the_first_of_several_that_answers() -> None:
    async with serving("a", "--service", "things:texts") as a:
        ended = await asyncio.to_thread(
            run, "dispatch", f"127.0.0.1:{free_port()},{a.address}", "texts", "Texts", "Nothing", "--verbose"
        )

    assert (ended.status, ended.stdout) == (0, "{}\n")
    assert "run by a" in ended.stderr


def test_the_command_line_names_all_that_it_has_tried() -> None:
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]

    ended = run("dispatch", ",".join(addresses), "texts", "Texts", "Nothing", "--timeout", "1")

    assert ended.status == 1
    assert all(ended.stderr.count(f"{address}: ") for address in addresses)


@pytest.mark.parametrize(
    ("addresses", "error"),
    [
        ("127.0.0.1:1,nowhere", "address must be HOST:PORT with a port from 0 to 65535, got 'nowhere'"),
        ("127.0.0.1:1,,127.0.0.1:2", "address 2 of 3 is empty in '127.0.0.1:1,,127.0.0.1:2'"),
    ],
)
def test_the_command_line_names_an_address_that_is_none(addresses: str, error: str) -> None:
    ended = run("dispatch", addresses, "texts", "Texts", "Nothing")

    assert (ended.status, ended.stderr) == (2, f"collector-mesh: error: {error}\n")


@pytest.mark.asyncio
async def test_the_command_line_calls_a_collector_that_has_not_started_yet() -> None:
    address = f"127.0.0.1:{free_port()}"
    replies: list[Reply] = []

    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(MeshClient(address))

        async def call(timeout: float | None) -> Reply:
            replies.append(await client.dispatch("texts", "Texts", "Nothing", timeout=timeout))
            if len(replies) == 1:
                await opened.enter_async_context(
                    Collector("late", listen=address, services=[texts_service()])
                )
            return replies[-1]

        await once_it_listens(call, None)

    assert [reply.status.code for reply in replies] == [503, 200]
