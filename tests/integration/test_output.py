"""Commands whose output nobody takes: closed, full, or a pipe that nobody reads."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.integration.services.processes import COMMAND, SERVICES, eventually, free_port, run, serving
from tests.limits import LIMIT_SECONDS

from collector_mesh import MeshClient

GREETER = ("--service", "things:texts")


@asynccontextmanager
async def started(
    *arguments: str, redirected: str = "", stdout: int = subprocess.DEVNULL, stderr: int = subprocess.DEVNULL
) -> AsyncIterator[tuple[subprocess.Popen[bytes], str]]:
    """A collector that takes calls, with streams as they are given, or redirected by a shell."""
    address = f"127.0.0.1:{free_port()}"
    command = (*COMMAND, "serve", "--id", "c-1", "--listen", address, *GREETER, *arguments)
    process = subprocess.Popen(  # noqa: ASYNC220  # it is waited for in a thread
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *command],
        cwd=SERVICES,
        stdout=stdout,
        stderr=stderr,
    )
    try:
        async with asyncio.timeout(LIMIT_SECONDS), MeshClient(address) as client:
            while (await client.serve("texts", "Texts", "Nothing", timeout=1)).status.code != 200:
                assert process.poll() is None
                await asyncio.sleep(0.05)
        yield process, address
    finally:
        process.kill()
        process.wait()


async def codes_of(address: str, method: str, number: int, value: str = "x") -> set[int]:
    async with MeshClient(address) as client:
        request = StringValue(value=value)
        replies = [await client.serve("texts", "Texts", method, request, timeout=10) for _ in range(number)]
    return {reply.status.code for reply in replies}


async def ended(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return await asyncio.to_thread(process.wait, LIMIT_SECONDS)


@pytest.mark.asyncio
@pytest.mark.parametrize("loop", [(), ("--no-uvloop",)], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_streams_that_are_closed_at_the_start_stop_nothing(closed: str, loop: tuple[str, ...]) -> None:
    async with started(*loop, redirected=closed) as (process, address):
        standard = [Path(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
        links = [str(path.readlink()) for path in standard]
        codes = await codes_of(address, "Fail", 20)
        status = await ended(process)

    assert links.count("/dev/null") == 3 if closed.startswith("<&- ") else "/dev/null" in links
    assert (codes, status) == ({500}, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("full", [">/dev/full", "2>/dev/full"])
async def test_a_full_disk_stops_nothing(full: str) -> None:
    async with started(redirected=full) as (process, address):
        codes = await codes_of(address, "Fail", 50)
        status = await ended(process)

    assert (codes, status) == ({500}, 0)


@pytest.mark.asyncio
async def test_a_log_that_nobody_reads_delays_no_call_and_ends_nothing() -> None:
    reading, writing = os.pipe()
    async with started(stderr=writing) as (process, address):
        os.close(writing)
        logged = await codes_of(address, "Log", 1500, "y" * 2000)
        good = await codes_of(address, "Nothing", 5)
        os.close(reading)
        later = await codes_of(address, "Nothing", 5)
        status = await ended(process)

    assert (logged, good, later, status) == ({200}, {200}, {200}, 0)


@pytest.mark.asyncio
async def test_what_was_lost_is_told_when_somebody_reads_again() -> None:
    reading, writing = os.pipe()
    async with started("--log-format", "json", stderr=writing) as (process, address):
        os.close(writing)
        await codes_of(address, "Log", 1500, "y" * 2000)
        text = b""
        os.set_blocking(reading, False)

        def is_told() -> bool:
            nonlocal text
            with suppress(BlockingIOError):
                while data := os.read(reading, 1 << 16):
                    text += data
            return b"output_lost" in text

        await eventually(is_told)
        status = await ended(process)
    os.close(reading)

    assert b'"stream": "stderr", "lines": ' in text
    assert status == 0


@pytest.mark.asyncio
async def test_a_handler_that_prints_to_nobody_is_not_stopped() -> None:
    reading, writing = os.pipe()
    async with started(stdout=writing) as (process, address):
        os.close(writing)
        codes = await codes_of(address, "Print", 20, "z" * 20_000)
        status = await ended(process)
    os.close(reading)

    assert (codes, status) == ({200}, 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("json", [(), ("--json",)], ids=["table", "json"])
async def test_a_table_that_cannot_be_written_is_one_clear_line(json: tuple[str, ...]) -> None:
    async with serving("c-1") as collector:
        command = (*COMMAND, "topology", collector.address, *json)
        done = await asyncio.to_thread(
            subprocess.run,
            ["/bin/sh", "-c", 'exec "$@" >/dev/full', "sh", *command],
            stderr=subprocess.PIPE,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    assert done.returncode == 1
    assert done.stderr == b"collector-mesh: error: cannot write the output: No space left on device\n"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C.UTF-8"},
    ],
    ids=lambda locale: locale["LC_ALL"],
)
async def test_any_locale_takes_and_shows_any_text(locale: dict[str, str]) -> None:
    async with serving("c-1", *GREETER) as collector:
        call = ("dispatch", collector.address, "texts", "Texts")
        request = ("--request", "google.protobuf.wrappers_pb2:StringValue", "--data", '"müsh ✓"')
        done = await asyncio.to_thread(run, *call, "Same", *request, environment=locale)
        failed = await asyncio.to_thread(run, *call, "Fail", *request, environment=locale)
        table = await asyncio.to_thread(run, "topology", collector.address, environment=locale)

    assert (done.status, done.stdout) == (0, '"m\\u00fcsh \\u2713"\n')
    assert (failed.status, "sh" in failed.stderr) == (1, True)
    assert (table.status, "Texts" in table.stdout) == (0, True)


def test_a_working_directory_that_is_gone_is_no_traceback(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'
    serve = (*COMMAND, "serve", "--id", "c-1", "--listen", "127.0.0.1:0", *GREETER)
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *serve], capture_output=True, timeout=LIMIT_SECONDS, check=False
    )

    assert done.returncode == 2
    assert b"error: --service things:texts: cannot import things: there is no such module" in done.stderr


@pytest.mark.asyncio
async def test_debug_is_about_this_package_alone() -> None:
    async with serving("c-1", *GREETER, "--no-uvloop", "--log-level", "debug") as collector:
        await eventually(lambda: "started" in collector.stderr)
        await codes_of(collector.address, "Nothing", 1)

    assert "loop_chosen" in collector.stderr
    assert "selector" not in collector.stderr
    assert "grpc" not in collector.stderr
