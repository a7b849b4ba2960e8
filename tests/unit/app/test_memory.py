import sys

import pytest

from collector_mesh.app.cli.memory import Trimmer, start_trimming

MIB = 1 << 20


class Process:
    """A process that has grown, and gives back all but what is in use."""

    def __init__(self, mib: int) -> None:
        self.mib = self.used = mib
        self.trims = 0

    def resident(self) -> int:
        return self.mib * MIB

    def trim(self) -> None:
        self.trims += 1
        self.mib = self.used


def test_memory_is_given_back_once_a_process_has_grown() -> None:
    process = Process(50)
    trimmer = Trimmer(process.resident, process.trim)

    process.mib = 100
    assert not trimmer.look()
    process.mib = 300
    assert trimmer.look()

    assert (process.mib, process.trims) == (50, 1)


def test_what_is_in_use_is_asked_for_once() -> None:
    process = Process(50)
    trimmer = Trimmer(process.resident, process.trim)

    process.mib = process.used = 300
    looks = [trimmer.look() for _ in range(5)]

    assert looks == [True, False, False, False, False]


@pytest.mark.skipif(sys.platform != "linux", reason="what the C library of Linux knows")
def test_it_runs_where_the_c_library_knows_how() -> None:
    running = start_trimming()

    assert running is not None
    running.set()
