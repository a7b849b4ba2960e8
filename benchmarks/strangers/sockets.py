"""Bad input over sockets: after every one a new client is served."""

import asyncio
import struct
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import grpc

from benchmarks.faults.report import Finding
from benchmarks.strangers.http2 import (
    DATA,
    DISPATCH,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    LINK,
    OPENING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    Connection,
    dispatch,
    frame,
    header,
    message,
    request,
)
from benchmarks.strangers.inputs import Inputs
from benchmarks.strangers.processes import Attacked, attacked
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as calls
from collector_mesh.adapters.wire.generated import link_pb2 as links

_MORE_MIB = 16
_PATIENCE = 1.5
"""Seconds within which a new client is to be served, on a machine that does nothing else."""

_GIVEN_UP = 30.0
"""Seconds after which it is not served at all, on any machine."""

_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
_METHODS = (b"Connect", b"Serve", b"Dispatch")
_SERVICE = b"/collector.CollectiveDispatcher/"


class Fuzzer:
    """Makes what is sent over one connection."""

    def __init__(self, seed: int) -> None:
        self._inputs = Inputs(seed)
        self._dice = self._inputs.dice
        self._kinds = {
            "noise": self._noise,
            "frames": self._frames,
            "headers": self._headers,
            "paths": self._paths,
            "calls": self._calls,
            "links": self._links,
            "changed": self._changed,
        }
        self.sent: Counter[str] = Counter()

    def next(self) -> bytes:
        """The next one."""
        kind = self._dice.choice(list(self._kinds))
        self.sent[kind] += 1
        return self._kinds[kind]()

    def _noise(self) -> bytes:
        return PREFACE[: self._dice.randrange(25)] + self._dice.randbytes(self._dice.randrange(200))

    def _frames(self) -> bytes:
        dice = self._dice
        found = OPENING
        for _ in range(dice.randrange(1, 8)):
            payload = dice.randbytes(dice.choice((0, 1, 4, 5, 6, 8, 9, 100)))
            found += frame(
                dice.randrange(12), dice.randrange(256), dice.choice((0, 1, 2, 3, 2**31 - 1)), payload
            )
        return found

    def _opened(self, block: bytes, data: bytes = b"", flags: int = END_HEADERS) -> bytes:
        found = OPENING + frame(HEADERS, flags, 1, block)
        return found + (frame(DATA, END_STREAM, 1, data) if data else b"")

    def _headers(self) -> bytes:
        dice = self._dice
        names = (
            b"x-a",
            b"x-\xff",
            b"X-A",
            b"grpc-timeout",
            b"grpc-encoding",
            b"content-type",
            b"te",
            b":path",
            b"",
        )
        pairs = tuple(
            (
                dice.choice((*names, dice.randbytes(8))),
                dice.choice((b"", b"x", b"\xff\0", b"99999999999S", b"v" * 5000)),
            )
            for _ in range(dice.randrange(1, 6))
        )
        if dice.random() < 0.3:
            return self._opened(dice.randbytes(60) + request(DISPATCH, *pairs), message(dispatch()))
        return self._opened(
            request(DISPATCH, *pairs), message(dispatch()), dice.choice((END_HEADERS, END_HEADERS, 0, 5, 12))
        )

    def _paths(self) -> bytes:
        dice = self._dice
        path = bytearray(DISPATCH)
        for _ in range(dice.randrange(1, 4)):
            path[dice.randrange(len(path))] = dice.randrange(256)
        choice = (bytes(path), dice.randbytes(dice.randrange(20)), b"/\xeb", b"/" * 1000, b"*", b"")
        return self._opened(request(dice.choice(choice)), message(dispatch()))

    def _calls(self) -> bytes:
        dice = self._dice
        method = dice.choice(_METHODS)
        kind = getattr(calls, f"{method.decode()}Request")
        data = self._inputs.bytes_for(kind)
        head = dice.choice(
            (message(data), message(data, compressed=True), b"\0" + struct.pack("!I", len(data) + 9) + data)
        )
        return self._opened(request(_SERVICE + method), head)

    def _links(self) -> bytes:
        frames = b"".join(
            message(self._inputs.bytes_for(links.Frame)) for _ in range(self._dice.randrange(1, 6))
        )
        return self._opened(request(LINK), frames)

    def _changed(self) -> bytes:
        good = self._opened(request(), message(dispatch())) + frame(
            self._dice.choice((RST_STREAM, GOAWAY, PUSH_PROMISE)), 0, 1
        )
        return self._inputs.changed(good + header(b"x", b"y"))


async def run(seed: int, count: int) -> list[Finding]:
    """Send so many, each over a connection of its own."""
    fuzzer = Fuzzer(seed)
    longest, failed = 0.0, Counter[str]()
    began = time.perf_counter()
    async with attacked() as collector:
        await asyncio.sleep(0.5)
        for _ in range(min(50, count)):
            await _served(collector, failed)
        failed.clear()
        before = collector.mib
        for number in range(count):
            await _send(collector.address, fuzzer.next())
            longest = max(longest, await _served(collector, failed))
            if not collector.is_alive:
                failed[f"died after {number + 1} inputs"] += 1
                break
        is_alive = collector.is_alive
        await asyncio.sleep(2.0)
        more = collector.mib - before if is_alive else 0.0
    scenario = (
        f"{sum(fuzzer.sent.values()):,} bad inputs over sockets, in {time.perf_counter() - began:.0f} s"
    )
    lost = "; ".join(f"{name} x{number}" for name, number in failed.most_common(5)) or "none"
    traces = sum("Traceback" in line for line in collector.log)
    errors = [line.strip() for line in collector.log if "Error" in line]
    return [
        Finding(scenario, "no death", "none" if is_alive else "died", is_alive),
        Finding(scenario, "new clients that were not served: none", lost, not failed),
        Finding(
            scenario,
            f"longest wait of a new client: <= {_PATIENCE:g} s",
            f"{longest:.2f} s",
            longest <= _PATIENCE,
            is_time=True,
        ),
        Finding(scenario, f"<= {_MORE_MIB} MiB more memory", f"{more:.1f} MiB", more <= _MORE_MIB),
        Finding(
            scenario,
            "tracebacks in the log: none",
            f"{traces} in {len(collector.log)} lines" + (f", {errors[-1:]}" if traces else ""),
            not traces,
        ),
    ]


async def _send(address: str, data: bytes) -> None:
    connection = Connection(address, first=data)
    with suppress(OSError):
        await connection.open()
        # Until it is refused, or for as long as it takes to read it.
        await connection.ended(0.01)
    connection.close()


async def _served(collector: Attacked, failed: Counter[str]) -> float:
    """Have a new client served, which tries until it gives up; how long it took."""
    began = time.monotonic()
    while True:
        async with grpc.aio.insecure_channel(collector.address, options=_OPTIONS) as channel:
            try:
                ask: Any = channel.unary_unary(DISPATCH.decode())
                answer = await ask(dispatch(), timeout=_GIVEN_UP)
                outcome = str(calls.DispatchResponse.FromString(answer).status.code)
            except grpc.aio.AioRpcError as error:
                outcome = error.code().name
        took = time.monotonic() - began
        if outcome == "200":
            return took
        if took > _GIVEN_UP or not collector.is_alive:
            failed[outcome] += 1
            return took
