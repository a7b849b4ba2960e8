"""The client for code that does not await, over gRPC: in programs that fork, that end, and that are interrupted."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import CallContext, Collector, Payload, Service
from collector_mesh.adapters.runtime.loop_thread import LoopThread

HEAD = """
import multiprocessing, os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from collector_mesh import Payload, SyncMeshClient

ADDRESS = sys.argv[1]
client = SyncMeshClient(ADDRESS)


def echo(text):
    return client.call("tests", "Echo", "Echo", Payload("t", text.encode())).value.decode()


def told(text):
    try:
        return echo(text)
    except RuntimeError as error:
        return str(error)


def in_child(function):
    child = os.fork()
    if child == 0:
        print(function(), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def in_pool(*texts):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(told, texts)

"""
FORKED = (
    "the client of ADDRESS belongs to the process that this one was forked from: it was used before the fork."
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A collector in a thread of this process."""
    service = Service("tests", "Echo")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    @service.method("Wait")
    async def wait(context: CallContext) -> None:
        _ = context
        await asyncio.sleep(LIMIT_SECONDS)

    thread = LoopThread("collectors")

    async def enter() -> Collector:
        return await Collector("node", listen="127.0.0.1:0", services=[service]).__aenter__()

    collector = asyncio.run_coroutine_threadsafe(enter(), thread.loop).result(LIMIT_SECONDS)
    yield collector.address
    leaving = asyncio.run_coroutine_threadsafe(collector.__aexit__(None, None, None), thread.loop)
    leaving.result(LIMIT_SECONDS)
    thread.end()


def ran(program: str, address: str, *flags: str) -> tuple[int, list[str], str]:
    """What a program that begins with `HEAD` ends with, and prints."""
    ended = subprocess.run(
        [sys.executable, *flags, "-c", HEAD + program, address],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    printed = ended.stdout.replace(address, "ADDRESS").splitlines()
    return ended.returncode, printed, ended.stderr.replace(address, "ADDRESS")


def test_until_the_first_call_there_is_no_thread_and_no_grpc(address: str) -> None:
    program = """
with client:
    print("grpc" in sys.modules, threading.active_count())
    print(echo("x"), "grpc" in sys.modules, threading.active_count() > 1)
"""

    assert ran(program, address) == (0, ["False 1", "x True True"], "")


def test_a_client_made_at_import_and_first_used_in_forked_children_works_there_and_then_here(
    address: str,
) -> None:
    program = """
print(in_pool("a", "b", "c"))
in_child(lambda: echo("child"))
print(echo("parent"))
client.close()
"""

    assert ran(program, address) == (0, ["['a', 'b', 'c']", "child", "parent"], "")


def test_one_used_before_the_fork_says_so_in_children_and_goes_on_in_the_parent(address: str) -> None:
    program = """
print(echo("before"))
in_child(lambda: told("child"))
print(*in_pool("a"))
in_child(client.close)
print(echo("after"))
client.close()
"""

    code, printed, errors = ran(program, address, "-W", "ignore::DeprecationWarning")

    assert (code, errors) == (0, "")
    assert [line[: len(FORKED)] for line in printed] == ["before", FORKED, FORKED, "None", "after"]


def test_a_child_that_ends_as_programs_do_leaves_the_client_of_its_parent_alone(address: str) -> None:
    program = """
echo("before")
if (child := os.fork()) == 0:
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), echo("after"))
client.close()
"""

    assert ran(program, address, "-W", "ignore::DeprecationWarning") == (0, ["7 after"], "")


def test_a_client_made_in_the_child_of_a_process_that_has_used_grpc_is_refused_there(address: str) -> None:
    program = """
def fresh():
    global client
    client = SyncMeshClient(ADDRESS)
    return told("child")

echo("before")
in_child(fresh)
client.close()
"""

    code, printed, errors = ran(program, address, "-W", "ignore::DeprecationWarning")

    assert (code, errors) == (0, "")
    assert printed[0].startswith("gRPC was used in the process that this one was forked from")


@pytest.mark.parametrize(
    "ends", ["", "sys.exit(0)", "threading.Thread(target=echo, args=('y',)).start()", "client.close()"]
)
def test_a_program_that_has_used_it_ends_quietly(address: str, ends: str) -> None:
    assert ran(f"print(echo('x'))\n{ends}", address) == (0, ["x"], "")


def test_a_program_that_never_closes_it_is_warned_where_warnings_are_wanted(address: str) -> None:
    code, printed, errors = ran("print(echo('x'))", address, "-W", "always::ResourceWarning")

    assert (code, printed) == (0, ["x"])
    assert errors.count("ResourceWarning: the client of ADDRESS was started and never stopped") == 1


def test_a_program_whose_threads_wait_in_calls_ends(address: str) -> None:
    program = """
def wait():
    client.dispatch("tests", "Echo", "Wait")

threading.Thread(target=wait, daemon=True).start()
print(echo("x"))
"""

    assert ran(program, address) == (0, ["x"], "")


def test_ctrl_c_ends_a_program_that_waits_in_a_call(address: str) -> None:
    program = """
echo("x")
threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
client.call("tests", "Echo", "Wait")
"""

    code, _, errors = ran(program, address)

    assert code == -2
    assert errors.endswith("KeyboardInterrupt\n")
    assert errors.count("Traceback") == 1


def test_signal_handlers_and_many_threads_use_it_from_the_first_call_on(address: str) -> None:
    program = """
handled = []
def handle(*_):
    handled.append(told("handled"))
    signal.setitimer(signal.ITIMER_REAL, 0.002)

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001)
with ThreadPoolExecutor(16) as pool:
    found = list(pool.map(lambda n: [echo(f"{n} {m}") for m in range(20)], range(16)))
while len(handled) < 20:
    echo("main")
signal.setitimer(signal.ITIMER_REAL, 0)
print(found == [[f"{n} {m}" for m in range(20)] for n in range(16)])
print({text for text in handled if not text.endswith("use it later")})
client.close()
"""

    assert ran(program, address) == (0, ["True", "{'handled'}"], "")


STUBS = """
import grpc
channel = client.sync_channel("tests")
say, wait = channel.unary_unary("/Echo/Echo"), channel.unary_unary("/Echo/Wait")


def tried(use):
    try:
        return use()
    except RuntimeError as error:
        return str(error)

"""


def test_a_channel_opens_nothing_before_its_first_call(address: str) -> None:
    program = f"""{STUBS}
print(threading.active_count())
in_child(lambda: say(b"child"))
print(say(b"parent"), threading.active_count() > 1)
client.close()
"""

    assert ran(program, address) == (0, ["1", "b'child'", "b'parent' True"], "")


def test_a_program_ends_quietly_whatever_waits_in_stubs(address: str) -> None:
    program = f"""{STUBS}
print(say(b"x"))
for _ in range(5):
    pending = wait.future(b"")
    pending.add_done_callback(lambda ended: ended.code())
    threading.Thread(target=wait, args=(b"",), daemon=True).start()
    threading.Thread(target=pending.result, daemon=True).start()
say(b"y")
"""

    assert ran(program, address) == (0, ["b'x'"], "")


def test_ctrl_c_ends_a_program_that_waits_in_a_stub(address: str) -> None:
    program = f"""{STUBS}
say(b"x")
threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
wait(b"")
"""

    code, _, errors = ran(program, address)

    assert code == -2
    assert errors.endswith("KeyboardInterrupt\n")
    assert errors.count("Traceback") == 1


def test_signal_handlers_and_many_threads_use_stubs_from_the_first_call_on(address: str) -> None:
    program = f"""{STUBS}
handled, ended = [], []
def handle(*_):
    handled.append(tried(lambda: say(b"handled")))
    if len(handled) % 5 == 0:
        call = tried(lambda: wait.future(b""))
        if not isinstance(call, str):
            call.add_done_callback(ended.append)
            call.cancel()
    signal.setitimer(signal.ITIMER_REAL, 0.002)

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001)
with ThreadPoolExecutor(16) as pool:
    found = list(pool.map(lambda n: [say(b"%d %d" % (n, m)) for m in range(20)], range(16)))
while len(handled) < 20:
    calls = [wait.future(b"") for _ in range(3)]
    for call in calls:
        call.add_done_callback(ended.append)
        call.cancel()
    say.future(b"main").result()
signal.setitimer(signal.ITIMER_REAL, 0)
print(found == [[b"%d %d" % (n, m) for m in range(20)] for n in range(16)])
print({{text for text in handled if not str(text).endswith("use it later")}})
print({{call.cancelled() for call in ended}})
client.close()
"""

    assert ran(program, address) == (0, ["True", "{b'handled'}", "{True}"], "")
