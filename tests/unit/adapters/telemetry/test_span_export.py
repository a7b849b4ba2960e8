"""What is recorded is passed on from a thread: what is lost is told, and a forked process has nothing of the other one."""

import asyncio
import os
import threading
from collections.abc import Sequence

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh.adapters.telemetry import span_export
from collector_mesh.adapters.telemetry.span_export import MOST_WAITING, STILL_WAITING, TOO_MANY, Export


class Receiver:
    """Takes nothing until it is let."""

    def __init__(self) -> None:
        self.may_take = threading.Event()
        self.has_some = threading.Event()
        self.taken: list[int] = []

    def export(self, things: Sequence[int]) -> None:
        self.has_some.set()
        assert self.may_take.wait(LIMIT_SECONDS)
        self.taken += things


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    monkeypatch.setattr(span_export, "_GATHER_SECONDS", 0.0)
    return Receiver()


@pytest.mark.asyncio
async def test_what_does_not_fit_is_a_failure_until_nothing_is_lost_anymore(receiver: Receiver) -> None:
    export = Export(receiver.export, "test")
    export.put(-1)
    assert receiver.has_some.wait(LIMIT_SECONDS)
    for number in range(MOST_WAITING + 3):
        export.put(number)
    first = (export.lost, export.failure)
    receiver.may_take.set()
    assert await export.flush(LIMIT_SECONDS)

    assert first == (3, TOO_MANY)
    assert len(receiver.taken) == MOST_WAITING + 1
    assert (export.lost, export.failure) == (3, "")


@pytest.mark.asyncio
async def test_what_is_not_out_in_time_is_a_failure_until_it_is(receiver: Receiver) -> None:
    export = Export(receiver.export, "test")
    export.put(1)
    assert not await export.flush(0.0)
    told = export.failure
    receiver.may_take.set()
    assert await export.flush(LIMIT_SECONDS)

    assert (told, export.failure) == (STILL_WAITING, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_process_passes_on_its_own_things_alone(receiver: Receiver) -> None:
    export = Export(receiver.export, "test")
    export.put(1)
    assert receiver.has_some.wait(LIMIT_SECONDS)
    export.put(2)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        receiver.may_take.set()
        export.put(3)
        is_out = asyncio.run(export.flush(LIMIT_SECONDS))
        os.write(write, f"{is_out} {receiver.taken}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        answer = told.read()
    os.waitpid(child, 0)
    receiver.may_take.set()

    assert answer == "True [3]"
