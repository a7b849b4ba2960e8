"""What the collectors of the integration tests serve; with this folder as the current one it is `things`."""

import asyncio
import logging
from pathlib import Path
from typing import NoReturn

from google.protobuf.wrappers_pb2 import DoubleValue, StringValue

from collector_mesh import CallContext, MeshError, Payload, Service


def texts_service() -> Service:
    """A service that knows what a test wants of a handler."""
    service = Service("texts", "Texts")

    @service.method("Echo", idempotent=True)
    async def echo(request: Payload) -> Payload:
        return request

    @service.method("Same")
    async def same(request: StringValue) -> StringValue:
        return request

    @service.method("Nothing")
    async def nothing() -> None:
        return None

    @service.method("Who")
    async def who(_request: Payload, context: CallContext) -> StringValue:
        return StringValue(value=str(context.identity))

    @service.method("Metadata")
    async def metadata(_request: Payload, context: CallContext) -> StringValue:
        return StringValue(value=repr(context.metadata))

    @service.method("Ask")
    async def ask(request: StringValue, context: CallContext) -> StringValue:
        namespace, name, method = request.value.split()
        return await context.call(namespace, name, method, request, returns=StringValue)

    @service.method("PlainAsk")
    def plain_ask(request: StringValue, context: CallContext) -> StringValue:
        namespace, name, method = request.value.split()
        return context.blocking.call(namespace, name, method, request, returns=StringValue)

    @service.method("Remaining")
    async def remaining(_request: Payload, context: CallContext) -> DoubleValue:
        return DoubleValue(value=context.time_remaining())

    @service.method("Fail")
    async def fail(request: StringValue) -> NoReturn:
        raise ValueError(request.value)

    @service.method("FailOddly")
    async def fail_oddly(_request: Payload) -> NoReturn:
        raise MeshError("odd \ud800 text", code=422, details={"odd \ud800": "\ud800", "long": "x" * 20_000})

    @service.method("OddType")
    async def odd_type(_request: Payload) -> Payload:
        return Payload("odd \ud800 type", b"")

    @service.method("Print")
    async def print_it(request: StringValue) -> None:
        print(request.value)  # noqa: T201  # as handlers of users do

    @service.method("Log")
    async def log(request: StringValue) -> None:
        logging.getLogger("users").warning("%s", request.value)

    @service.method("Hang")
    async def hang() -> None:
        await asyncio.Event().wait()

    @service.method("Hold")
    async def hold(request: StringValue) -> StringValue:
        """Say with a file that it runs, and go on when there is another one."""
        marks = Path(request.value)
        (marks / "started").touch()
        try:
            while not (marks / "go").exists():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            (marks / "cancelled").touch()
            raise
        return request

    return service


def numbers_service() -> Service:
    """A second service."""
    service = Service("numbers", "Numbers")

    @service.method("Pi")
    async def pi() -> DoubleValue:
        return DoubleValue(value=3.14)

    return service


class OnlyEcho:
    """A validator."""

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str) -> None:
        if method_name != "Echo":
            raise PermissionError(f"only Echo, not {namespace}/{service_name}.{method_name}")


class NoService:
    """Neither a service nor a validator."""

    @property
    def bad(self) -> NoReturn:
        raise RuntimeError("no luck")


texts = texts_service()
texts_again = texts_service()
numbers = numbers_service()
only_echo = OnlyEcho()
no_service = NoService()
