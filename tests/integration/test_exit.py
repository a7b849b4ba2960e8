"""Programs that end without closing what they have opened."""

import subprocess
import sys

import pytest
from tests.limits import LIMIT_SECONDS

HEAD = """
import asyncio
from collector_mesh import Collector, MeshClient
kept = []
async def main():
"""
NEVER_CLOSED = {
    "a collector": """
    kept.append(Collector("b", listen="127.0.0.1:0", namespaces=["n"]))
    await kept[0].__aenter__()
""",
    "a collector and its client, after a call": """
    kept.append(Collector("b", listen="127.0.0.1:0", namespaces=["n"]))
    await kept[0].__aenter__()
    kept.append(MeshClient(kept[0].address))
    await kept[1].__aenter__()
    await kept[1].dispatch("n", "S", "M")
""",
    "a client of nobody": """
    kept.append(MeshClient("127.0.0.1:1"))
    await kept[0].__aenter__()
    await kept[0].dispatch("n", "S", "M", timeout=0.1)
""",
}


@pytest.mark.parametrize("what", NEVER_CLOSED)
def test_a_program_that_closes_nothing_ends_and_prints_no_traceback(what: str) -> None:
    program = f"{HEAD}{NEVER_CLOSED[what]}\nasyncio.run(main())\n"

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("what", "name"), [("a collector", "collector 'b'"), ("a client of nobody", "the client of 127.0.0.1:1")]
)
def test_who_asks_for_warnings_learns_at_the_exit_what_was_never_closed(what: str, name: str) -> None:
    program = f"{HEAD}{NEVER_CLOSED[what]}\nasyncio.run(main())\n"

    ended = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )

    assert f"ResourceWarning: {name} was started and never stopped" in ended.stderr
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)


def test_calls_of_daemon_threads_end_with_the_program_and_print_nothing() -> None:
    program = """
import asyncio, threading
from collector_mesh import Collector, Service, SyncMeshClient

service = Service("n", "S")
begun, called = threading.Event(), threading.Event()

@service.method("hang")
async def hang() -> None:
    begun.set()
    await asyncio.sleep(3600)

@service.method("quick")
async def quick() -> None:
    called.set()

def serve() -> None:
    async def main() -> None:
        async with Collector("b", listen="127.0.0.1:0", services=[service]) as collector:
            addresses.append(collector.address)
            listens.set()
            await asyncio.sleep(3600)
    asyncio.run(main())

def again_and_again() -> None:
    while True:
        client.call("n", "S", "quick")

addresses, listens = [], threading.Event()
threading.Thread(target=serve, daemon=True).start()
listens.wait()
client = SyncMeshClient(addresses[0])
threading.Thread(target=client.call, args=("n", "S", "hang"), kwargs={"timeout": 3600}, daemon=True).start()
threading.Thread(target=again_and_again, daemon=True).start()
begun.wait()
called.wait()
"""

    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
