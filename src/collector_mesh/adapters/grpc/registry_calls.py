"""What both services of a registry do with a request: who asks, when it is its turn, and what becomes of errors."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NoReturn

from collector_mesh.adapters.grpc.callers import Callers, connection_of
from collector_mesh.adapters.grpc.codes import TRAILERS_OF_A_CLIENT, told
from collector_mesh.adapters.grpc.door import Answer, Context
from collector_mesh.adapters.runtime.aside import aside
from collector_mesh.adapters.wire.given_files import given_files, is_quick
from collector_mesh.adapters.wire.grpc_codes import Code, GrpcStatus, grpc_status_of
from collector_mesh.domain.model.errors import (
    InvalidCallError,
    MeshError,
    NotFoundError,
    OverloadedError,
    clipped,
)
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.policies.concurrency import RETRY_AFTER
from collector_mesh.domain.ports.registry_store import RegistryError
from collector_mesh.domain.registry.limits import RegistryLimits
from collector_mesh.domain.registry.metadata import COLLECTOR_ID_KEY
from collector_mesh.domain.registry.results import GivenFile, IncompatibleError, and_more
from collector_mesh.domain.registry_door import RegistryCaller, RegistryDoor

MAX_ANSWER_BYTES = 4 << 20
"""What clients of gRPC take by default."""

MAX_SERVICE_BYTES = 1 << 20
"""Of the descriptor of a service: any of them fits into an answer, with its names told twice."""

_MOST_WAITING_BYTES = 64 << 20
"""Of requests that wait for their turn to write."""

_LIMITS = RegistryLimits()
"""Beyond them nothing is read; the registry may have smaller ones."""

_BETWEEN = "; "
_MORE_BYTES = 256
"""For how many more differences there are, and what takes more bytes in a header than in a text."""

_CODES = ((IncompatibleError, Code.ALREADY_EXISTS), (NotFoundError, Code.NOT_FOUND))
"""Where a code of gRPC is another one than for calls of the mesh."""


class RegistryCalls:
    """What is needed to answer requests for a registry.

    Args:
        door: the registry.
        proves_identity: whether callers show certificates.
    """

    def __init__(self, door: RegistryDoor, *, proves_identity: bool) -> None:
        self.door = door
        self._callers = Callers(door.access.identify, proves_identity=proves_identity)
        self._writing = asyncio.Lock()
        self._waiting_bytes = 0

    def caller(self, context: Context) -> RegistryCaller:
        """Who asks.

        Raises:
            InvalidCallError: it names no collector, or two.
        """
        named = {value for key, value in context.invocation_metadata() or () if key == COLLECTOR_ID_KEY}
        if len(named) > 1:
            raise InvalidCallError(f"metadata {COLLECTOR_ID_KEY!r} must have one value")
        collector_id = named.pop() if named else ""
        if collector_id:
            check_name(f"metadata {COLLECTOR_ID_KEY!r}", str(collector_id))
        return RegistryCaller(self._callers.identity(context), connection_of(context), str(collector_id))

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """Wait for the turn of a request that writes: one at a time, so that their descriptors are not all in memory.

        Args:
            size: of the request, in bytes.

        Raises:
            OverloadedError: too much waits already.
        """
        if self._waiting_bytes and self._waiting_bytes + size > _MOST_WAITING_BYTES:
            raise OverloadedError.after(RETRY_AFTER)
        self._waiting_bytes += size
        try:
            async with self._writing:
                yield
        finally:
            self._waiting_bytes -= size

    async def given(self, files: Iterable[bytes]) -> list[GivenFile]:
        """Read files.

        Raises:
            InvalidCallError: one is malformed, or over a limit.
        """
        every = list(files)
        _LIMITS.check_given(map(len, every))
        return given_files(every) if is_quick(every) else await aside(lambda: given_files(every))

    def answering(self, answer: Answer) -> Answer:
        """The same with errors as statuses of gRPC, and answers that clients take."""

        async def answered(data: bytes, context: Context) -> bytes:
            try:
                made = await answer(data, context)
            except MeshError as error:
                await fail(context, error)
            if len(made) > MAX_ANSWER_BYTES:
                text = f"the answer has {len(made)} bytes, at most {MAX_ANSWER_BYTES} can be sent"
                await too_large(context, text)
            return made

        return answered


def check_service(data: bytes) -> None:
    """Check the descriptor of a service before anything is done with it.

    Raises:
        InvalidCallError: it is too large.
    """
    if len(data) > MAX_SERVICE_BYTES:
        raise InvalidCallError(
            f"a service descriptor of {len(data)} bytes is over the limit of {MAX_SERVICE_BYTES} bytes"
        )


def text_of(error: MeshError) -> str:
    """What callers are told of an error."""
    return error.told if isinstance(error, RegistryError) else str(error)


async def fail(context: Context, error: MeshError) -> NoReturn:
    """End a request with an error."""
    status = grpc_status_of(Reply.refused(error))
    code = next((code for kind, code in _CODES if isinstance(error, kind)), status.code)
    text = _differences_in(error) if isinstance(error, IncompatibleError) else clipped(text_of(error))
    await context.abort(*told(GrpcStatus(code, text, status.trailing)))


def _differences_in(error: IncompatibleError) -> str:
    """The text of an error with as many differences as clients can be told."""
    text = str(error)
    head = text[: text.find(error.differences[0])] if error.differences else text
    room = TRAILERS_OF_A_CLIENT - len(head) - _MORE_BYTES
    told_ones: list[str] = []
    for difference in error.differences:
        room -= len(difference.encode()) + len(_BETWEEN)
        if room < 0:
            break
        told_ones.append(difference)
    more = () if len(told_ones) == len(error.differences) else (and_more(error.differences, len(told_ones)),)
    return head + _BETWEEN.join((*told_ones, *more))


async def too_large(context: Context, text: str) -> NoReturn:
    """End a request whose answer is larger than clients take."""
    await context.abort(*told(GrpcStatus(Code.RESOURCE_EXHAUSTED, text)))
