"""What a call over a link costs where it is watched or governed, beside the same call where nothing is switched on.

`python -m benchmarks watching` compares each mode of `MODES`. What is compared is the processor time of both processes, caller and
server, for a call with 64 in flight. Each round starts new processes of both sides and has them make calls in many short turns, one after
the other. The ratio is the median of the rounds, with the interval that holds with 95 % (see `benchmarks.against`).

A process of this module (`python -m benchmarks.watching MODE`) obeys lines: `run COUNT` makes calls and tells the seconds that they took.
"""

import asyncio
import logging
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import attrs

from benchmarks.against import interval
from benchmarks.conditions import Conditions
from benchmarks.measure import IN_FLIGHT, PAYLOAD
from benchmarks.processes import Server
from benchmarks.sides import METHOD, dispatching
from collector_mesh import (
    Collector,
    DispatchNext,
    IncomingCall,
    Middleware,
    OutgoingCall,
    Payload,
    Reply,
    ServeNext,
    Service,
)

ROUNDS = 12
_WARM_CALLS = 1000
_TURNS = 10
"""Of each side in each round: what is slow for a moment is slow for both."""
_SERVER = "server-of-"


@attrs.frozen
class Mode:
    """Something that can be switched on.

    Attributes:
        text: in words.
        most: the ratio that a call may have at most; None where there is none.
        options: gives the options of a collector for it, in the process of that collector.
        most_added: microseconds that a call may take more at most; None where there is no such limit.
    """

    text: str
    most: float | None
    options: Callable[[], dict[str, Any]]
    most_added: float | None = None


def _nothing() -> dict[str, Any]:
    return {}


def _metrics() -> dict[str, Any]:
    return {"metrics": True}


def _telemetry() -> dict[str, Any]:
    from collector_mesh import OtelTracer, configure_logs

    configure_logs("json")
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return {"metrics": True, "tracer": OtelTracer(os.environ[_RECEIVER]), "trace_ids": True}


def _middleware() -> dict[str, Any]:
    class Passing(Middleware):
        """Does what a middleware does at least: it calls on."""

        async def dispatch(self, call: OutgoingCall, call_next: DispatchNext) -> Reply:
            return await call_next(call)

        async def serve(self, call: IncomingCall, call_next: ServeNext) -> Reply:
            return await call_next(call)

    return {"middleware": [Passing()]}


def _access() -> dict[str, Any]:
    from benchmarks.access_rules import RULES, options

    return options(RULES)


_RECEIVER = "BENCHMARK_RECEIVER"
"""Names the address of a receiver of OTLP, in the environment."""

MODES: Mapping[str, Mode] = MappingProxyType(
    {
        "nothing": Mode("nothing switched on", None, _nothing),
        "access": Mode("100 access rules", 1.03, _access),
        "metrics": Mode("metrics", 1.03, _metrics),
        "middleware": Mode("a middleware at each end", None, _middleware, most_added=6.0),
        "telemetry": Mode("metrics, 1 % traces, JSON logs", 1.1, _telemetry),
    }
)
"""What is compared with `nothing`, by name."""


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce(
        "Watching: processor time of both processes for a call over a link, beside nothing switched on",
        in_flight=str(IN_FLIGHT),
        size=len(PAYLOAD),
    )
    with receiver() as address:
        os.environ[_RECEIVER] = address
        for name in MODES:
            if name != "nothing":
                await _compare(name, conditions.seconds)


async def _compare(name: str, seconds: float) -> None:
    costs: list[tuple[float, float]] = []
    count = 0
    for number in range(ROUNDS):
        async with _started("nothing") as before, _started(name) as after:
            for each in (before, after):
                count = count or int(seconds / 2 / _TURNS / await _run(each, _WARM_CALLS) * _WARM_CALLS)
                await _run(each, _WARM_CALLS)
            spent = {before.pid: 0.0, after.pid: 0.0}
            for turn in range(_TURNS):
                # Neither comes first always.
                for each in (before, after) if (number + turn) % 2 else (after, before):
                    spent[each.pid] += await _run(each, count)
            costs.append((spent[before.pid] / _TURNS / count, spent[after.pid] / _TURNS / count))
    mode = MODES[name]
    plain, watched = (statistics.median(each) * 1e6 for each in zip(*costs, strict=True))
    ratios = [after / before for before, after in costs]
    low, high = interval(ratios)
    median = statistics.median(ratios)
    verdict = ""
    if mode.most is not None:
        verdict = f" (target <= {mode.most:g}: {'met' if median <= mode.most else 'missed'})"
    elif mode.most_added is not None:
        added = statistics.median(after - before for before, after in costs) * 1e6
        verdict = f" {added:+.2f} us (target <= {mode.most_added:g} us: {'met' if added <= mode.most_added else 'missed'})"
    print(
        f"    {mode.text:34s} {plain:8.2f} us {watched:8.2f} us  {median:6.3f} x ({low:.3f} to {high:.3f}){verdict}"
    )


async def _run(server: Server, count: int) -> float:
    assert server.process.stdin is not None  # it is a pipe
    server.process.stdin.write(f"run {count}\n")
    server.process.stdin.flush()
    return float(await server.heard())


@asynccontextmanager
async def _started(mode: str) -> AsyncIterator[Server]:
    server = Server(mode, _process(mode))
    try:
        await server.heard()
        yield server
    finally:
        server.end()


def _process(what: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.watching", what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


class receiver:  # noqa: N801  # used as a function
    """A receiver of OTLP in this process, which takes everything and keeps nothing."""

    def __enter__(self) -> str:
        from concurrent.futures import ThreadPoolExecutor

        import grpc
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb

        taken: bytes = pb.ExportTraceServiceResponse().SerializeToString()
        handler: Any = grpc.unary_unary_rpc_method_handler(lambda _request, _context: taken)
        self._server = grpc.server(ThreadPoolExecutor(1))
        name = "opentelemetry.proto.collector.trace.v1.TraceService"
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"Export": handler}),)
        )
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"127.0.0.1:{port}"

    def __exit__(self, *_failure: object) -> None:
        self._server.stop(0)


# ---- the processes -----------------------------------------------------------------------------------


def _seconds() -> float:
    return time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)


async def _serve(mode: str) -> None:
    """Be the other end of a link: each line of input asks for the processor time."""
    service = Service(METHOD[0], METHOD[1])

    @service.method(METHOD[2])
    async def echo(request: Payload) -> Payload:
        return request

    def listen() -> None:
        for _ in sys.stdin:
            print(_seconds(), flush=True)
        os._exit(0)  # the process that has started this one is gone

    options = MODES[mode].options()
    async with Collector("server", listen="127.0.0.1:0", services=[service], **options) as collector:
        print(collector.address, flush=True)
        threading.Thread(target=listen, daemon=True).start()
        await asyncio.Event().wait()


async def _call(mode: str) -> None:
    """Be the caller: each line of input has it make calls."""
    with _process(f"{_SERVER}{mode}") as server:
        assert server.stdin is not None  # both are pipes
        assert server.stdout is not None
        given, said = server.stdin, server.stdout

        def spent() -> float:
            given.write("spent\n")
            given.flush()
            return _seconds() + float(said.readline())

        try:
            options = MODES[mode].options()
            async with Collector("caller", listen="127.0.0.1:0", namespaces=[METHOD[0]], **options) as caller:
                await caller.connect(said.readline().strip())
                call = dispatching(caller)(PAYLOAD)
                print("ready", flush=True)
                while line := await asyncio.to_thread(sys.stdin.readline):
                    left = int(line.split()[1])

                    async def work() -> None:
                        nonlocal left
                        while left > 0:
                            left -= 1
                            await call()

                    begin = spent()
                    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
                    print(f"ready {spent() - begin}", flush=True)
        finally:
            server.kill()


if __name__ == "__main__":
    of = sys.argv[1]
    asyncio.run(_serve(of.removeprefix(_SERVER)) if of.startswith(_SERVER) else _call(of))
