"""`collector-mesh demo` as a user runs it: a process, its output, and what it leaves behind."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.app.cli.demo_processes import Collectors, DemoError

COMMAND = (sys.executable, "-m", "collector_mesh", "demo")
SECONDS = LIMIT_SECONDS

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")


@attrs.frozen
class Ended:
    """What a demo has come to."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where the demo keeps its temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def environment(scratch: Path) -> dict[str, str]:
    settled = {"TMPDIR": str(scratch), "COLUMNS": "80", "PYTHONUNBUFFERED": "1"}
    unset = {"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    return {**{name: value for name, value in os.environ.items() if name not in unset}, **settled}


def demo(scratch: Path, *arguments: str) -> Ended:
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(scratch),
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@attrs.frozen
class Whole:
    """A demo that ran to its end, and what was in its folder for temporary files afterwards."""

    ended: Ended
    left: list[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    return Whole(demo(folder), [path.name for path in folder.iterdir()])


def is_listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=LIMIT_SECONDS).close()
    except OSError:
        return False
    return True


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children(pid: int) -> list[int]:
    """The child processes of a process, oldest first."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = file.read_text()
        except OSError:
            continue
        # The name, in parentheses, may hold anything; the parent is the second word after it.
        if int(text.rpartition(")")[2].split()[1]) == pid:
            found.append(int(file.parent.name))
    return sorted(found)


@attrs.frozen
class HeldDemo:
    """A demo that cannot go on: its orders collector is frozen before the users one has connected to it."""

    process: subprocess.Popen[str]
    orders: int
    users: int

    def end(self) -> Ended:
        """Wait for its end."""
        stdout, stderr = self.process.communicate(timeout=SECONDS)
        return Ended(self.process.returncode, stdout, stderr)


@contextmanager
def held_demo(scratch: Path) -> Iterator[HeldDemo]:
    started: Sequence[int] = ()
    with subprocess.Popen(
        COMMAND, env=environment(scratch), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout is not None
            assert "orders-1 serves" in process.stdout.readline()
            started = children(process.pid)
            os.kill(started[0], signal.SIGSTOP)
            assert "users-1  serves" in process.stdout.readline()
            started = children(process.pid)
            yield HeldDemo(process, *started)
        finally:
            for pid in (process.pid, *started):
                if is_running(pid):
                    os.kill(pid, signal.SIGKILL)


def assert_nothing_left(held: HeldDemo, scratch: Path) -> None:
    assert not is_running(held.orders)
    assert not is_running(held.users)
    assert list(scratch.iterdir()) == []


def test_it_pushes_every_order_and_tells_what_came_of_it(whole: Whole) -> None:
    ended = whole.ended

    assert (ended.status, ended.stderr) == (0, "")
    assert re.search(r"UserService\.GetUser +users-1 +240 +\d+\.\d +\d+\.\d", ended.stdout)
    assert re.search(r"OrderService\.CreateOrder +orders-1 +240 +\d+\.\d +\d+\.\d", ended.stdout)
    assert re.search(r"all +480 +\d+\.\d +\d+\.\d", ended.stdout)
    assert re.search(r"200 +OK +480", ended.stdout)
    assert "orders-1 has stored all 240 orders" in ended.stdout


@pytest.mark.parametrize(
    "row",
    [
        r"unknown target +404 +no connection to collector 'orders-9'",
        r"unknown namespace +404 +no collector found for namespace",
        r"handler error +500 +handler error: an order is for 1 to 100",
        r"refused by the validator +404 +service not registered in registry:",
    ],
)
def test_it_shows_each_error_with_code_and_message(whole: Whole, row: str) -> None:
    assert re.search(row, whole.ended.stdout)


def test_it_is_readable_at_80_columns_without_a_terminal(whole: Whole) -> None:
    lines = whole.ended.stdout.splitlines()

    assert [line for line in lines if len(line) > 80 or "\x1b" in line] == []
    assert [line for line in lines if line.startswith("orders ")] == [
        "orders 60/240",
        "orders 120/240",
        "orders 180/240",
        "orders 240/240",
    ]


def test_it_leaves_no_collector_and_no_file_behind(whole: Whole) -> None:
    addresses = re.findall(r"serves \S+ +on (127\.0\.0\.1:\d+)", whole.ended.stdout)

    assert len(addresses) == 2
    assert [address for address in addresses if is_listening(address)] == []
    assert whole.left == []


def test_it_keeps_databases_and_logs_where_it_is_told_to(scratch: Path, tmp_path: Path) -> None:
    kept = tmp_path / "new" / "kept"

    ended = demo(scratch, "--keep", str(kept))

    assert ended.status == 0
    assert sorted(path.name for path in kept.iterdir()) == [
        "orders-1.log",
        "orders.db",
        "users-1.log",
        "users.db",
    ]
    connection = sqlite3.connect(kept / "orders.db")
    try:
        counted = connection.execute("SELECT count(*), count(DISTINCT order_id) FROM orders").fetchone()
    finally:
        connection.close()
    assert counted == (240, 240)


@pytest.mark.parametrize(
    ("keep", "problem"),
    [
        ("", "--keep needs the name of a folder"),
        ("taken", "the folder must be empty, it has something"),
        ("file", "File exists"),
        ("file/below", "Not a directory"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "something").touch()
    (tmp_path / "file").touch()

    ended = demo(scratch, "--keep", keep)

    assert (ended.status, ended.stdout) == (2, "")
    assert re.fullmatch(rf"collector-mesh: error: .*{problem}\n", ended.stderr)


@pytest.mark.parametrize("count", ["0", "-1", "241"])
def test_a_count_that_the_file_does_not_have_is_one_line(scratch: Path, count: str) -> None:
    ended = demo(scratch, "--orders", count)

    assert ended == Ended(2, "", f"collector-mesh: error: --orders must be between 1 and 240, got {count}\n")


@needs_proc
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_without_a_word_and_without_a_trace(
    scratch: Path, number: signal.Signals, status: int
) -> None:
    with held_demo(scratch) as held:
        held.process.send_signal(number)
        os.kill(held.orders, signal.SIGCONT)
        ended = held.end()

        assert (ended.status, ended.stderr) == (status, "")
        assert_nothing_left(held, scratch)


@needs_proc
def test_impatience_does_not_keep_it_from_killing_a_frozen_collector(scratch: Path) -> None:
    with held_demo(scratch) as held:
        held.process.send_signal(signal.SIGINT)
        held.process.send_signal(signal.SIGTERM)
        held.process.send_signal(signal.SIGINT)
        ended = held.end()

        assert ended.status in {130, 143}  # signals that are pending together come in no order
        assert ended.stderr == ""
        assert_nothing_left(held, scratch)


@needs_proc
@pytest.mark.parametrize("name", ["orders", "users"])
def test_the_death_of_a_collector_is_told_with_the_end_of_its_log(scratch: Path, name: str) -> None:
    with held_demo(scratch) as held:
        os.kill(getattr(held, name), signal.SIGKILL)
        ended = held.end()

        *log, error = ended.stderr.splitlines()
        assert ended.status == 1
        assert error == f"collector-mesh: error: demo: {name}-1 was ended by SIGKILL before its time"
        assert log
        assert all(line.startswith(f"  {name}-1: ") for line in log)
        assert_nothing_left(held, scratch)


@needs_proc
def test_it_ends_quietly_when_nobody_reads_its_output(scratch: Path) -> None:
    with held_demo(scratch) as held:
        assert held.process.stdout is not None
        held.process.stdout.close()
        os.kill(held.orders, signal.SIGCONT)
        status = held.process.wait(SECONDS)

        assert held.process.stderr is not None
        assert (status, held.process.stderr.read()) == (1, "")
        assert_nothing_left(held, scratch)


@pytest.mark.asyncio
async def test_a_collector_that_cannot_start_is_told_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="c-1 has not started") as caught:
        async with Collectors(tmp_path, tmp_path, {}) as collectors:
            await collectors.start("c-1", "--service", "nowhere:nothing")

    assert len(caught.value.log) == 1
    assert "cannot import nowhere" in caught.value.log[0]
