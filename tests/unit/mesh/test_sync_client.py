"""The client for code that does not await, beside collectors of the same process."""

import asyncio
import copy
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.limits import LIMIT_SECONDS
from tests.signals import handling

from collector_mesh import (
    CallContext,
    Collector,
    Executed,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    NotFoundError,
    OutcomeUnknownError,
    Payload,
    Service,
    Settings,
    SettingsError,
    SyncMeshClient,
)
from collector_mesh.adapters.runtime.loop_thread import LoopThread

ECHO = ("tests", "Echo", "Echo")


def echo(begun: threading.Event | None = None) -> Service:
    service = Service("tests", "Echo")

    @service.method("Echo")
    async def say(request: Payload) -> Payload:
        return request

    @service.method("Wait")
    async def wait(context: CallContext) -> None:
        _ = context
        if begun is not None:
            begun.set()
        await asyncio.sleep(LIMIT_SECONDS)

    return service


@pytest.fixture
def begun() -> threading.Event:
    return threading.Event()


@pytest.fixture
def network(begun: threading.Event) -> Iterator[LoopbackNetwork]:
    """A network with a collector, whose loop runs in a thread of its own."""
    network = LoopbackNetwork()
    thread = LoopThread("collectors")

    async def enter() -> Collector:
        settings = Settings(drain_timeout=0.01)
        collector = Collector("node", services=[echo(begun)], transport=network, settings=settings)
        return await collector.__aenter__()

    collector = asyncio.run_coroutine_threadsafe(enter(), thread.loop).result(LIMIT_SECONDS)
    try:
        yield network
    finally:
        asyncio.run_coroutine_threadsafe(collector.__aexit__(None, None, None), thread.loop).result(
            LIMIT_SECONDS
        )
        thread.end()


@pytest.fixture
def client(network: LoopbackNetwork) -> Iterator[SyncMeshClient]:
    with SyncMeshClient("node", transport=network) as client:
        yield client


def test_it_calls_dispatches_and_has_the_collector_serve(client: SyncMeshClient) -> None:
    reply = client.dispatch(*ECHO, Payload("t", b"x"), metadata={"a": "b"}, timeout=60)

    assert (reply.status.code, reply.payload.value, reply.handled_by) == (200, b"x", "node")
    assert client.call(*ECHO, Payload("t", b"y"), idempotent=True).value == b"y"
    assert client.serve(*ECHO, Payload("t", b"z")).payload.value == b"z"


def test_an_outcome_is_a_reply_and_raised_by_call(client: SyncMeshClient) -> None:
    assert client.dispatch("tests", "Echo", "Nothing").status.code == 404
    assert client.dispatch("no name", "Echo", "Echo").status.code == 400
    with pytest.raises(NotFoundError, match="Nothing"):
        client.call("tests", "Echo", "Nothing")
    with pytest.raises(InvalidCallError):
        client.call("no name", "Echo", "Echo")


def test_an_argument_that_cannot_be_meant_is_a_type_error(client: SyncMeshClient) -> None:
    with pytest.raises(TypeError, match="target"):
        client.dispatch(*ECHO, target=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="returns"):
        client.call(*ECHO, returns=object)  # type: ignore[type-var]


def test_what_it_is_made_of_is_looked_at_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="address"):
        SyncMeshClient(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="transport"):
        SyncMeshClient("a", transport=7)  # type: ignore[arg-type]
    with pytest.raises(SettingsError):
        SyncMeshClient("a", settings=Settings(dial_timeout=-1))


def test_it_needs_no_with_and_each_close_after_the_first_does_nothing(network: LoopbackNetwork) -> None:
    client = SyncMeshClient("node", transport=network)

    assert client.call(*ECHO, Payload("t", b"x")).value == b"x"
    client.close()
    client.close()


def test_after_close_every_use_is_a_runtime_error(network: LoopbackNetwork) -> None:
    client = SyncMeshClient("node", transport=network)
    client.close()

    for use in (client.dispatch, client.serve):
        with pytest.raises(RuntimeError, match="the client of node is closed; make a new one"):
            use(*ECHO)
    with pytest.raises(RuntimeError, match="is closed"):
        client.call(*ECHO)
    with pytest.raises(RuntimeError, match="is closed"), client:
        pass


def test_many_threads_use_it_at_once_and_one_of_them_opens_it(network: LoopbackNetwork) -> None:
    def ask(thread: int) -> list[bytes]:
        return [used.call(*ECHO, Payload("t", b"%d %d" % (thread, number))).value for number in range(50)]

    with SyncMeshClient("node", transport=network) as used, ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))

    assert found == [[b"%d %d" % (thread, number) for number in range(50)] for thread in range(16)]


USES: dict[str, Callable[[SyncMeshClient], object]] = {
    "dispatch": lambda client: client.dispatch(*ECHO),
    "call": lambda client: client.call(*ECHO),
    "serve": lambda client: client.serve(*ECHO),
    "close": lambda client: client.close(),
    "with": lambda client: client.__enter__(),
}


@pytest.mark.parametrize(
    ("use", "is_used"),
    [(use, is_used) for use in USES for is_used in (False, True) if is_used or use != "close"],
)
def test_in_a_thread_that_runs_an_event_loop_it_is_an_error_that_names_the_other_client(
    network: LoopbackNetwork, use: str, is_used: bool
) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"would block the event loop .*: use a MeshClient"):
            USES[use](used)

    with SyncMeshClient("node", transport=network) as used:
        if is_used:
            used.call(*ECHO)
        asyncio.run(main())


def test_in_threads_of_programs_with_event_loops_it_works(client: SyncMeshClient) -> None:
    async def main() -> bytes:
        return await asyncio.to_thread(lambda: client.call(*ECHO, Payload("t", b"x")).value)

    assert [asyncio.run(main()) for _ in range(2)] == [b"x", b"x"]


def test_it_calls_collectors_of_the_loop_that_awaits_the_thread() -> None:
    async def main() -> bytes:
        network = LoopbackNetwork()
        async with Collector("node", services=[echo()], transport=network):

            def work() -> bytes:
                with SyncMeshClient("node", transport=network) as client:
                    return client.call(*ECHO, Payload("t", b"x")).value

            return await asyncio.to_thread(work)

    assert asyncio.run(main()) == b"x"


def test_of_two_collectors_the_other_one_is_called_once_one_is_closed() -> None:
    async def main() -> list[str]:
        network = LoopbackNetwork()
        collectors = {name: Collector(name, services=[echo()], transport=network) for name in ("a", "b")}
        for collector in collectors.values():
            await collector.__aenter__()
        client = SyncMeshClient("a,b", transport=network)
        first = await asyncio.to_thread(lambda: client.dispatch(*ECHO).handled_by)
        await collectors.pop(first).__aexit__(None, None, None)
        second = await asyncio.to_thread(lambda: client.dispatch(*ECHO).handled_by)
        await asyncio.to_thread(client.close)
        for collector in collectors.values():
            await collector.__aexit__(None, None, None)
        return sorted([first, second])

    assert asyncio.run(main()) == ["a", "b"]


def test_a_client_of_another_loop_hears_of_collectors_that_are_not_of_its_own(
    network: LoopbackNetwork,
) -> None:
    async def main() -> tuple[int, str]:
        async with MeshClient("node", transport=network) as client:
            reply = await client.dispatch(*ECHO)
            return reply.status.code, reply.status.message

    assert asyncio.run(main()) == (
        503,
        "node is of a LoopbackNetwork whose collectors run in another event loop",
    )


def test_nobody_there_is_a_reply() -> None:
    with SyncMeshClient("node", transport=LoopbackNetwork()) as client:
        reply = client.dispatch(*ECHO)

    assert (reply.status.code, reply.executed) == (503, Executed.NO)


def test_ctrl_c_ends_the_waiting_and_the_client_goes_on(
    client: SyncMeshClient, begun: threading.Event
) -> None:
    def interrupt() -> None:
        begun.wait(LIMIT_SECONDS)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        client.call("tests", "Echo", "Wait")
    thread.join(LIMIT_SECONDS)

    assert client.call(*ECHO, Payload("t", b"x")).value == b"x"


def test_a_signal_handler_calls_whenever_it_comes_or_is_refused_at_once(network: LoopbackNetwork) -> None:
    outcomes: list[str] = []

    def handle() -> None:
        try:
            outcomes.append(used.call(*ECHO, Payload("t", b"x")).type_url)
        except RuntimeError as error:
            outcomes.append("refused" if "signal handler" in str(error) else str(error))

    with handling(handle) as send:
        for count in range(100):
            used = SyncMeshClient("node", transport=network)
            send(0.00002 * count)
            while len(outcomes) <= count:
                used.call(*ECHO)
            used.close()

    assert set(outcomes) <= {"t", "refused"}


def test_a_call_under_way_when_another_thread_closes_has_an_unknown_outcome(
    network: LoopbackNetwork, begun: threading.Event
) -> None:
    client = SyncMeshClient("node", transport=network)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: client.call("tests", "Echo", "Wait"))
        begun.wait(LIMIT_SECONDS)
        client.close()

        with pytest.raises(OutcomeUnknownError):
            waiting.result()


def test_a_client_that_is_forgotten_warns_and_its_thread_ends() -> None:
    client = SyncMeshClient("node", transport=LoopbackNetwork())
    client.dispatch(*ECHO)
    (thread,) = (each for each in threading.enumerate() if each.name == "collector-mesh-client")

    with pytest.warns(ResourceWarning, match="the client of node was started and never stopped"):
        del client

    thread.join(LIMIT_SECONDS)
    assert not thread.is_alive()


def test_a_client_that_was_never_used_is_forgotten_in_silence() -> None:
    client = SyncMeshClient("node")

    del client


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_stays_in_its_process(way: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match="the client of node cannot be pickled or copied: make one"):
        way(SyncMeshClient("node"))


def test_it_is_shown_as_what_it_is(network: LoopbackNetwork) -> None:
    client = SyncMeshClient("node", transport=network)
    shown = [repr(client)]
    client.call(*ECHO)
    shown.append(repr(client))
    client.close()

    assert [*shown, repr(client)] == [
        "<SyncMeshClient of node, not used yet>",
        "<SyncMeshClient of node, open>",
        "<SyncMeshClient of node, closed>",
    ]
