"""Bad inputs through every decoder: each is read or refused, none does harm, takes long, or leaves anything."""

import asyncio
import faulthandler
import gc
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import attrs
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from benchmarks.faults.report import Finding
from benchmarks.strangers.inputs import Inputs
from benchmarks.strangers.processes import resident_mib
from collector_mesh import Collector, LoopbackNetwork, Payload, Service
from collector_mesh.adapters.grpc.headers import metadata_of
from collector_mesh.adapters.grpc.validity import validity_of
from collector_mesh.adapters.wire import dispatcher_codec, inspect_codec
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as calls
from collector_mesh.adapters.wire.generated import inspect_pb2 as inspects
from collector_mesh.adapters.wire.generated import link_pb2 as links
from collector_mesh.adapters.wire.link_codec import decode_frame
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.ports.frame_stream import StreamBrokenError

_HANG_SECONDS = 20
"""Whatever takes longer ends the run, with a traceback."""

_LONG_SECONDS = 0.25
_MORE_MIB = 16
_KEY = MethodKey("texts", "Texts", "Echo")
_REFUSALS = (MeshError, DecodeError, UnicodeDecodeError, StreamBrokenError)
"""What a decoder says of bytes that are no message."""

_FRAMES_OF_A_LINK = 40


@attrs.define
class Outcome:
    """What has come of it."""

    tried: Counter[str] = attrs.field(factory=Counter)
    refused: int = 0
    odd: Counter[str] = attrs.field(factory=Counter)
    longest: float = 0.0
    longest_of: str = ""
    more_mib: float = 0.0
    seconds: float = 0.0

    def findings(self) -> list[Finding]:
        """The same, held against what is required."""
        total = sum(self.tried.values())
        what = f"{total:,} bad inputs, {self.refused:,} refused, in {self.seconds:.0f} s"
        odd = "; ".join(f"{name} x{number}" for name, number in self.odd.most_common(5)) or "none"
        long = f"{self.longest * 1000:.1f} ms, {self.longest_of}"
        return [
            Finding(what, "errors that no decoder tells of: none", odd, not self.odd),
            Finding(
                what, f"longest: <= {_LONG_SECONDS:g} s", long, self.longest <= _LONG_SECONDS, is_time=True
            ),
            Finding(
                what,
                f"<= {_MORE_MIB} MiB more memory",
                f"{self.more_mib:.1f} MiB",
                self.more_mib <= _MORE_MIB,
            ),
        ]


def _decoders(inputs: Inputs) -> dict[str, Callable[[], Any]]:
    """One that makes an input and has it read, for each kind of input."""
    dice = inputs.dice

    def of(kind: Any, read: Callable[[bytes], Any]) -> Callable[[], Any]:
        return lambda: read(inputs.bytes_for(kind))

    def headers() -> Any:
        pairs = [(inputs.text(), dice.choice((inputs.text(), dice.randbytes(20)))) for _ in range(8)]
        return metadata_of(pairs)

    return {
        "Connect": of(calls.ConnectRequest, dispatcher_codec.decode_connect),
        "Connect, answer": of(calls.ConnectResponse, dispatcher_codec.decode_connected),
        "Serve": of(calls.ServeRequest, dispatcher_codec.decode_serve),
        "Serve, answer": of(calls.ServeResponse, dispatcher_codec.decode_served),
        "Dispatch": of(calls.DispatchRequest, dispatcher_codec.decode_dispatch),
        "Dispatch, answer": of(calls.DispatchResponse, dispatcher_codec.decode_dispatched),
        "Snapshot": of(inspects.SnapshotRequest, inspect_codec.decode_snapshot_request),
        "Snapshot, answer": of(inspects.SnapshotResponse, inspect_codec.decode_snapshot),
        "Explain": of(inspects.ExplainRequest, inspect_codec.decode_explain_request),
        "Explain, answer": of(
            inspects.ExplainResponse, lambda data: inspect_codec.decode_explanation(data, _KEY)
        ),
        "health": of(health_pb2.HealthCheckRequest, health_pb2.HealthCheckRequest.FromString),
        "frame": of(links.Frame, decode_frame),
        "address": lambda: HostPort.parse(inputs.text()),
        "headers": headers,
        "certificate": lambda: validity_of(dice.randbytes(dice.randrange(300))),
        "shown text": lambda: visible(inputs.text() * dice.randrange(60)),
    }


def run(seed: int, count: int) -> list[Finding]:
    """Try so many inputs, one in twenty of them with a collector that runs."""
    outcome = Outcome()
    inputs = Inputs(seed)
    decoders = _decoders(inputs)
    _try(decoders, min(count // 10, 20_000), inputs.dice, Outcome())
    before, began = resident_mib(), time.perf_counter()
    with_collector = count // 20
    _try(decoders, count - with_collector, inputs.dice, outcome)
    asyncio.run(_at_a_collector(inputs, with_collector, outcome))
    gc.collect()
    outcome.seconds = time.perf_counter() - began
    outcome.more_mib = resident_mib() - before
    return outcome.findings()


def _try(decoders: dict[str, Callable[[], Any]], count: int, dice: random.Random, outcome: Outcome) -> None:
    names = list(decoders)
    for number in range(count):
        if number % 1000 == 0:
            faulthandler.dump_traceback_later(_HANG_SECONDS, exit=True)
        name = names[number % len(names)]
        _one(name, decoders[name], outcome)
    faulthandler.cancel_dump_traceback_later()
    assert dice.random() >= 0.0


def _one(name: str, work: Callable[[], Any], outcome: Outcome) -> Any:
    began = time.thread_time()
    result = None
    try:
        result = work()
    except _REFUSALS:
        outcome.refused += 1
    except Exception as error:  # noqa: BLE001  # what is looked for
        outcome.odd[f"{name}: {type(error).__name__}: {visible(str(error), 80)}"] += 1
    took = time.thread_time() - began
    outcome.tried[name] += 1
    if took > outcome.longest:
        outcome.longest, outcome.longest_of = took, name
    return result


async def _at_a_collector(inputs: Inputs, count: int, outcome: Outcome) -> None:
    """Frames that can be read, into links of a collector: it goes on, and serves."""
    service = Service("texts", "Texts")

    @service.method("Echo", idempotent=True)
    async def echo(request: Payload) -> Payload:
        return request

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(
        lambda _loop, context: outcome.odd.update([f"loop: {visible(str(context.get('exception')), 80)}"])
    )
    network = LoopbackNetwork()
    async with Collector("texts-1", transport=network, services=[service]) as collector:
        for batch in _batches(inputs, count):
            faulthandler.dump_traceback_later(_HANG_SECONDS, exit=True)
            stream = network.dial(collector.address, is_patient=False)
            with suppress(StreamBrokenError):
                for data in batch:
                    frame = _one("frame into a link", lambda data=data: decode_frame(data), outcome)  # type: ignore[misc]
                    if frame is not None:
                        await stream.write(frame)
            await asyncio.sleep(0)
            await stream.aclose()
            began = time.thread_time()
            reply = await collector.dispatch("texts", "Texts", "Echo", timeout=5)
            took = time.thread_time() - began
            if reply.status.code != 200:
                outcome.odd[f"a call beside it: {reply.status.code} {visible(reply.status.message, 80)}"] += 1
            if took > outcome.longest:
                outcome.longest, outcome.longest_of = took, "a call beside it"
    faulthandler.cancel_dump_traceback_later()


def _batches(inputs: Inputs, count: int) -> Iterator[list[bytes]]:
    """The frames of one link after the other; most begin with a hello."""
    while count > 0:
        number = min(count, _FRAMES_OF_A_LINK)
        count -= number
        frames = [inputs.bytes_for(links.Frame) for _ in range(number - 1)]
        yield [_hello(inputs), *frames]


def _hello(inputs: Inputs) -> bytes:
    introduction = links.Introduction(
        collector_id=f"stranger-{inputs.dice.randrange(6)}",
        incarnation=inputs.dice.choice("abc"),
        catalog=links.Catalog(namespaces=["texts"]),
        limits=links.Limits(max_payload_bytes=1 << 20, window=inputs.dice.choice((0, 1, 4, 1 << 31))),
    )
    hello = links.Hello(version=1, role=inputs.dice.choice((0, 0, 1)), introduction=introduction, dial=1)
    return bytes(links.Frame(control=links.Control(hello=hello)).SerializeToString())
