"""Where requests come in: those that take their time, and answers that nobody takes."""

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from benchmarks.strangers.http2 import (
    DATA,
    END_STREAM,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
    message,
    opened,
    request,
)
from tests.integration.services.http2 import RawConnection
from tests.integration.services.processes import LOOPBACK, eventually

from collector_mesh.adapters.grpc.door import Context, Door
from collector_mesh.adapters.grpc.health import Health
from collector_mesh.domain.policies.open_streams import OpenStream, StreamLimits

NO_WINDOW = PREFACE + frame(SETTINGS, 0, 0, struct.pack("!HI", 4, 0))
ANSWER = b"x" * 10_000
TOLD = b"x" * 12_000
REQUEST = message(b"please, and thank you")


class Taking:
    """A server of grpc's with one method, behind a door; it looks at the time when a test says so."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.ended: list[str] = []
        self.asked = 0
        self.running: list[asyncio.Task[Any] | None] = []
        self.door = Door(
            on_limit=lambda limit, _most, address: self.told.append((limit, address)),
            on_defect=lambda where, error: self.told.append((where, str(error))),
            on_request=lambda _connection: None,
            end_connections=self._end,
            limits=StreamLimits(most_untaken_bytes=25_000, most_sent_bytes=25_000, patience=10.0),
        )
        self.server = grpc.aio.server()
        handlers = {"Ask": self.door.unary(self._answer), "Tell": self.door.streams(self._tell)}
        own = grpc.method_handlers_generic_handler("test.Test", handlers)
        self.server.add_generic_rpc_handlers((own, Health("").handler(self.door)))
        self.address = LOOPBACK

    async def start(self) -> None:
        self.address = f"127.0.0.1:{self.server.add_insecure_port(LOOPBACK)}"
        await self.server.start()

    def look(self, seconds: float) -> None:
        """Have so many seconds passed."""
        self.door.look(asyncio.get_running_loop().time() + seconds)

    def _end(self, *connections: str) -> None:
        self.ended += connections

    async def _answer(self, _data: bytes, _context: Context) -> bytes:
        self.asked += 1
        return ANSWER

    async def _tell(self, context: Context, stream: OpenStream) -> None:
        self.asked += 1
        self.running.append(asyncio.current_task())
        while isinstance(await self.door.read(stream, context), bytes):
            await self.door.write(stream, context, TOLD)


@pytest_asyncio.fixture
async def taking() -> AsyncIterator[Taking]:
    taking = Taking()
    await taking.start()
    yield taking
    await taking.server.stop(0)


def ask(connection: RawConnection, first: int, number: int) -> None:
    for stream in range(first, first + 2 * number, 2):
        connection.ask(stream, request(b"/test.Test/Ask"), b"please")


async def heard(connection: RawConnection, wanted: int) -> bytes:
    """The payload of the next frame of a kind."""
    while True:
        kind, _, payload = await connection.frame()
        if kind == wanted and payload:
            return payload


@pytest.mark.asyncio
async def test_a_connection_that_takes_no_answers_ends_when_others_wait_for_less(taking: Taking) -> None:
    async with (
        RawConnection(taking.address, first=NO_WINDOW) as few,
        RawConnection(taking.address, first=NO_WINDOW) as many,
        grpc.aio.insecure_channel(taking.address) as channel,
    ):
        ask(few, 1, 1)
        ask(many, 1, 3)
        await eventually(lambda: taking.asked == 4)
        call: Any = channel.unary_unary("/test.Test/Ask")
        answer = await call(b"please")
        taking.look(9.0)
        soon = list(taking.ended)
        taking.look(11.0)

    assert answer == ANSWER
    assert soon == []
    assert len(taking.ended) == 1
    assert taking.told == [("untaken_answers", taking.ended[0])]


@pytest.mark.asyncio
async def test_an_answer_that_was_taken_late_is_forgotten(taking: Taking) -> None:
    async with RawConnection(taking.address, first=NO_WINDOW) as slow:
        ask(slow, 1, 3)
        await eventually(lambda: taking.asked == 3)
        for stream in (1, 3, 5):
            slow.write(frame(WINDOW_UPDATE, 0, stream, struct.pack("!I", 1 << 20)))
        got = 0
        while got < 3 * len(ANSWER):
            kind, _, payload = await slow.frame()
            got += len(payload) if kind == DATA else 0
        ask(slow, 7, 1)
        await eventually(lambda: taking.asked == 4)
        taking.look(11.0)

    assert taking.ended == []


@pytest.mark.asyncio
async def test_who_goes_before_the_answer_was_taken_leaves_nothing_behind(taking: Taking) -> None:
    async with RawConnection(taking.address, first=NO_WINDOW) as gone:
        ask(gone, 1, 4)
        await eventually(lambda: taking.asked == 4)
        connection = gone.local_address
        busy = taking.door.is_busy(connection)
    await eventually(lambda: not taking.door.is_busy(connection))
    taking.look(11.0)

    assert busy
    assert taking.ended == []


async def partly_asked(taking: Taking, connection: RawConnection) -> None:
    """Send half of a request, and wait until it has begun."""
    connection.write(opened(1, request(b"/test.Test/Ask")) + frame(DATA, 0, 1, REQUEST[:8]))
    await eventually(lambda: taking.door.is_busy(connection.local_address))


@pytest.mark.asyncio
async def test_a_request_that_takes_its_time_is_not_cut_while_there_is_room(taking: Taking) -> None:
    async with RawConnection(taking.address) as connection:
        await partly_asked(taking, connection)
        taking.look(59.0)
        connection.write(frame(DATA, END_STREAM, 1, REQUEST[8:]))
        answer = await heard(connection, DATA)

    assert answer == message(ANSWER)
    assert taking.told == []


@pytest.mark.asyncio
async def test_a_request_that_never_arrives_is_cut(taking: Taking) -> None:
    async with RawConnection(taking.address) as connection:
        await partly_asked(taking, connection)
        taking.look(60.0)
        # With nothing but headers: a status.
        await heard(connection, HEADERS)

    assert taking.asked == 0
    assert taking.told == [("request_seconds", connection.local_address)]


@pytest.mark.asyncio
async def test_who_watches_the_health_has_said_all_there_is_to_say(taking: Taking) -> None:
    async with grpc.aio.insecure_channel(taking.address) as channel:
        watching: Any = channel.unary_stream("/grpc.health.v1.Health/Watch")
        calls = [watching(b"") for _ in range(300)]
        for call in calls:
            await call.read()
        taking.look(100.0)

    assert (taking.told, taking.ended) == ([], [])


def be_told(connection: RawConnection, stream: int) -> None:
    connection.write(opened(stream, request(b"/test.Test/Tell")) + frame(DATA, 0, stream, REQUEST))


@pytest.mark.asyncio
async def test_messages_that_nobody_takes_have_a_limit_and_others_are_told(taking: Taking) -> None:
    async with (
        RawConnection(taking.address, first=NO_WINDOW) as silent,
        grpc.aio.insecure_channel(taking.address) as channel,
    ):
        for stream in (1, 3, 5):
            be_told(silent, stream)
        while (refused := await silent.frame())[:2] != (HEADERS, 5):
            pass
        silent.write(frame(RST_STREAM, 0, 1, struct.pack("!I", 8)))
        call: Any = channel.stream_stream("/test.Test/Tell")()
        await call.write(REQUEST)
        told = await call.read()
        call.cancel()

    assert b"earlier answers have not been taken" in refused[2]
    assert told == TOLD
    assert taking.told == [("untaken_answers", silent.local_address)]


@pytest.mark.asyncio
async def test_who_goes_while_something_is_sent_to_it_is_no_defect(taking: Taking) -> None:
    async with RawConnection(taking.address, first=NO_WINDOW) as gone:
        be_told(gone, 1)
        be_told(gone, 3)
        await eventually(lambda: taking.asked == 2)
    await eventually(lambda: all(task is not None and task.done() for task in taking.running))

    assert taking.told == []
