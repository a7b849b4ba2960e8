"""Services as `serve` is given them: classes, factories, and what goes wrong with their lifespans."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import CallContext, Service, method


class Users:
    namespace = "users"
    service = "UserService"

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[str]:
        sys.stderr.write("opened\n")
        yield "open"
        sys.stderr.write("closed\n")

    @method
    async def state(self, context: CallContext) -> StringValue:
        return StringValue(value=context.state)


def make() -> object:
    return Users()


async def make_later() -> object:
    return Users()


def make_number() -> int:
    return 7


def make_nothing() -> Service:
    raise ValueError("no database\nat all")


@contextlib.asynccontextmanager
async def _raising() -> AsyncIterator[None]:
    raise ValueError("no database\nat all")
    yield


@contextlib.asynccontextmanager
async def _hanging() -> AsyncIterator[None]:
    sys.stdout.write("opening\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    yield


@contextlib.asynccontextmanager
async def _stubborn() -> AsyncIterator[None]:
    yield
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


raising = Service("users", "Raising", lifespan=_raising)
hanging = Service("users", "Hanging", lifespan=_hanging)
stubborn = Service("users", "Stubborn", lifespan=_stubborn)
