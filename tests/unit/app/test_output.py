"""What a command writes while nobody reads, or while nothing can be written."""

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.app.cli.output import MAX_QUEUED_BYTES, SHARED_PART_BYTES, Outlet, Outlets


class Told:
    def __init__(self) -> None:
        self.losses: list[tuple[int, str]] = []

    def __call__(self, lines: int, why: str) -> None:
        self.losses.append((lines, why))

    def wait(self, lines: int) -> None:
        for _ in range(int(LIMIT_SECONDS / 0.005)):
            if sum(lost for lost, _ in self.losses) >= lines:
                return
            time.sleep(0.005)
        raise AssertionError(f"not so many lines were lost: {self.losses}")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        with suppress(OSError):
            os.close(descriptor)


def read_all(reading: int, size: int, *, at_once: int = 1 << 16) -> bytes:
    found = b""
    while len(found) < size:
        found += os.read(reading, at_once)
    return found


def test_lines_arrive_in_order_and_signs_that_the_encoding_lacks_are_escaped(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1], encoding="ascii", on_trouble=Told())

    print("one", "ü", "\ud800", file=outlet)
    outlet.write("two\nthr")
    outlet.buffer.write(b"ee\n")
    assert outlet.drain(LIMIT_SECONDS)

    assert os.read(pipe[0], 1000) == b"one \\xfc \\ud800\ntwo\nthree\n"


def test_what_is_no_whole_line_is_written_when_it_is_flushed(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1], encoding="utf-8", on_trouble=Told())

    outlet.write("a question? ")
    outlet.flush()
    assert outlet.drain(LIMIT_SECONDS)

    assert os.read(pipe[0], 1000) == b"a question? "


def test_a_pipe_that_nobody_reads_delays_nobody_and_costs_no_more_than_the_queue(
    pipe: tuple[int, int],
) -> None:
    told = Told()
    outlet = Outlet(pipe[1], encoding="utf-8", on_trouble=told)
    line = "x" * 999 + "\n"

    # Whoever was delayed would be for ever: nobody reads before all of it is written.
    for _ in range(4 * MAX_QUEUED_BYTES // len(line)):
        outlet.write(line)
    written = read_all(pipe[0], MAX_QUEUED_BYTES // 2)
    told.wait(2 * MAX_QUEUED_BYTES // len(line))

    assert written.startswith(line.encode() * 2)
    assert told.losses[0][1] == "nobody reads them"


def test_the_end_waits_for_nobody_for_long(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1], encoding="utf-8", on_trouble=Told())
    outlet.write("x" * 500_000 + "\n")

    assert not outlet.drain(0.05)


def test_a_reader_that_has_gone_is_told_once(pipe: tuple[int, int]) -> None:
    told = Told()
    outlet = Outlet(pipe[1], encoding="utf-8", on_trouble=told)
    os.close(pipe[0])

    for _ in range(100):
        outlet.write("line\n")
        assert outlet.drain(LIMIT_SECONDS)

    assert told.losses == [(1, os.strerror(errno.EPIPE))]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is always full")  # noqa: PTH110
def test_a_full_disk_ends_nothing() -> None:
    told = Told()
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        outlet = Outlet(full.fileno(), encoding="utf-8", on_trouble=told)

    outlet.write("line\n")
    told.wait(1)

    assert told.losses == [(1, os.strerror(errno.ENOSPC))]


def test_another_file_that_gets_the_number_of_the_descriptor_is_not_written_to(pipe: tuple[int, int]) -> None:
    reading, writing = os.pipe()
    outlet = Outlet(pipe[1], encoding="utf-8", on_trouble=Told())
    os.dup2(writing, pipe[1])
    os.close(writing)

    outlet.write("line\n")
    assert outlet.drain(LIMIT_SECONDS)
    os.close(pipe[1])

    assert os.read(pipe[0], 100) == b"line\n"
    assert os.read(reading, 100) == b""
    os.close(reading)


def test_many_threads_write_whole_lines(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1], encoding="utf-8", on_trouble=Told())

    def write(name: str) -> None:
        for _ in range(100):
            outlet.write(name * 10 + "\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    lines = read_all(pipe[0], 4 * 100 * 11).decode().splitlines()
    for thread in threads:
        thread.join()

    assert sorted(lines) == sorted(name * 10 for name in "abcd" for _ in range(100))


def test_the_streams_of_python_are_back_at_the_end() -> None:
    kept = (sys.stdout, sys.stderr)

    with Outlets(lambda *_: None):
        inside = (sys.stdout, sys.stderr)

    assert (sys.stdout, sys.stderr) == kept
    assert all(isinstance(stream, Outlet) for stream in inside)


def test_lines_of_several_writers_of_one_pipe_are_not_mixed(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlets = [
        Outlet(writing, encoding="utf-8", on_trouble=Told(), most_at_once=SHARED_PART_BYTES) for _ in range(2)
    ]
    lines = {f"{sign * 700}\n" for sign in "ab"}

    for _ in range(400):
        for outlet, line in zip(outlets, sorted(lines), strict=True):
            outlet.write(line)
    # Little by little, so that both wait for room in turns.
    told = read_all(reading, 800 * 701, at_once=4096)

    assert set(told.decode().splitlines(keepends=True)) == lines
