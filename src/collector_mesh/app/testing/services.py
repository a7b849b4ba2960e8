"""What the contract suite has its collectors serve."""

import asyncio
import threading
from typing import Any, NoReturn

from google.protobuf.wrappers_pb2 import BytesValue, DoubleValue, Int64Value, StringValue

from collector_mesh.adapters.wire.grpc_codes import chosen_error
from collector_mesh.app.services.service import Service
from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.payload import Payload

_RAISED: dict[str, type[BaseException]] = {
    kind.__name__: kind
    for kind in (
        ValueError,
        SystemExit,
        KeyboardInterrupt,
        GeneratorExit,
        asyncio.CancelledError,
    )
}

_MOST_BLOCKED_SECONDS = 300.0


def contract_service(namespace: str, name: str) -> Service:
    """A service with a method for each thing that a handler may do.

    Each one made has counters of its own, which Runs, Started and Cancelled tell.
    """
    service = Service(namespace, name)
    counts = {"runs": 0, "started": 0, "cancelled": 0}
    released = threading.Event()

    @service.method("Echo", idempotent=True)
    async def echo(request: Payload) -> Payload:
        counts["runs"] += 1
        return request

    @service.method("EchoText")
    async def echo_text(request: StringValue) -> StringValue:
        counts["runs"] += 1
        return request

    @service.method("PlainEcho")
    def plain_echo(request: StringValue) -> StringValue:
        return request

    @service.method("Nothing")
    async def nothing() -> None:
        return None

    @service.method("Number")
    async def number() -> Any:
        return object()

    @service.method("Who")
    async def who(_request: Payload, context: CallContext) -> StringValue:
        return StringValue(value=f"{context.collector_id} {context.namespace} {context.service}")

    @service.method("Remaining")
    async def remaining(_request: Payload, context: CallContext) -> DoubleValue:
        return DoubleValue(value=context.time_remaining())

    @service.method("Metadata")
    async def metadata(_request: Payload, context: CallContext) -> StringValue:
        return StringValue(value=repr(context.metadata))

    @service.method("Raise")
    async def raise_(request: StringValue) -> NoReturn:
        kind, _, text = request.value.partition(" ")
        raise _RAISED[kind](text)

    @service.method("PlainRaise")
    def plain_raise(request: StringValue) -> NoReturn:
        kind, _, text = request.value.partition(" ")
        raise _RAISED[kind](text)

    @service.method("Big")
    async def big(request: Int64Value) -> Payload:
        return Payload("bytes", b"x" * request.value)

    @service.method("Hang")
    async def hang() -> None:
        counts["started"] += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            counts["cancelled"] += 1
            raise

    @service.method("Stubborn")
    async def stubborn() -> None:
        counts["started"] += 1
        while not released.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                counts["cancelled"] += 1

    @service.method("Block")
    def block() -> None:
        counts["started"] += 1
        released.wait(_MOST_BLOCKED_SECONDS)

    @service.method("Release")
    async def release() -> None:
        released.set()

    @service.method("TimesOut")
    async def times_out() -> StringValue:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return StringValue(value="timed out")
        return StringValue(value="was not timed out")

    @service.method("Count")
    async def count(request: StringValue) -> Int64Value:
        return Int64Value(value=counts[request.value])

    @service.method("Bytes")
    async def take_bytes(request: BytesValue) -> Int64Value:
        return Int64Value(value=len(request.value))

    _add_choosing(service)
    _add_asking(service)
    return service


def _add_choosing(service: Service) -> None:
    """Handlers that answer with a code of their own, and with metadata."""

    @service.method("Refuse")
    async def refuse(request: StringValue) -> NoReturn:
        raise MeshError(request.value, code=409, details={"why": "because"})

    @service.method("Choose")
    async def choose(request: StringValue, context: CallContext) -> StringValue:
        number, _, text = request.value.partition(" ")
        context.send_initial_metadata([("first", number), ("first-bin", b"\0\xff")])
        context.set_trailing_metadata(
            [("last", "x"), ("last", "y"), ("grpc-status-details-bin", b"\x08\xff")]
        )
        if number != "0":
            raise chosen_error(int(number), text)
        return StringValue(value=text)


def _add_asking(service: Service) -> None:
    """Handlers that call what they are told to."""

    @service.method("Ask")
    async def ask(request: StringValue, context: CallContext) -> StringValue:
        namespace, name, method = request.value.split()
        return await context.call(namespace, name, method, request, returns=StringValue)

    @service.method("PlainAsk")
    def plain_ask(request: StringValue, context: CallContext) -> StringValue:
        namespace, name, method = request.value.split()
        return context.blocking.call(namespace, name, method, request, returns=StringValue)
