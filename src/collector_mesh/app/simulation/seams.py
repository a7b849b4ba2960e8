"""What handlers see of the world in a simulation: virtual time, seeded chance, and no way out."""

import random
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from collector_mesh.adapters.simulated.host import HOST
from collector_mesh.adapters.simulated.loop import SimulatedLoop, SimulationError
from collector_mesh.adapters.simulated.parts import EPOCH


@contextmanager
def virtual_world(loop: SimulatedLoop, seed: str) -> Iterator[None]:
    """While it is open `time`, `random` and `uuid4` are virtual, and sockets, subprocesses and threads are refused.

    Code that has taken a function out of its module before (`from time import time`), and `datetime.now`,
    see the real ones.
    """
    dice = random.Random(f"{seed}/handlers")  # noqa: S311  # to be foreseen is what it is for
    state = random.getstate()

    def monotonic() -> float:
        host = HOST.get()
        return loop.time() if host is None else host.now(loop.time())

    def wall() -> float:
        host = HOST.get()
        return EPOCH + loop.time() + (0.0 if host is None else host.skew)

    replaced: list[tuple[Any, str, Any]] = [
        (time, "time", wall),
        (time, "time_ns", lambda: round(wall() * 1e9)),
        (time, "monotonic", monotonic),
        (time, "monotonic_ns", lambda: round(monotonic() * 1e9)),
        (time, "perf_counter", monotonic),
        (time, "perf_counter_ns", lambda: round(monotonic() * 1e9)),
        (time, "sleep", _no_time),
        (uuid, "uuid4", lambda: uuid.UUID(int=dice.getrandbits(128), version=4)),
        (socket, "socket", _refusing("a socket")),
        (subprocess, "Popen", _refusing("a subprocess")),
        (threading.Thread, "start", _refusing("a thread")),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    random.seed(f"{seed}/random")
    try:
        yield
    finally:
        for owner, name, value in originals:
            setattr(owner, name, value)
        random.setstate(state)


def _no_time(_seconds: float) -> None:
    """What a plain function does takes no virtual time."""


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise SimulationError(f"{what} was attempted: a simulation has no {what.rpartition(' ')[2]}s")

    return refuse
