import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from tests.limits import LIMIT_SECONDS, until

from collector_mesh.testing import FaultyProxy

pytestmark = pytest.mark.asyncio


class Echo:
    """A server that says back what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.writers: list[asyncio.StreamWriter] = []
        self.address = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                self.heard += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


class Line:
    """One connection through a proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self, count: int) -> bytes:
        async with asyncio.timeout(LIMIT_SECONDS):
            return await self._reader.readexactly(count)

    async def is_over(self) -> bool:
        """Whether the other side has ended it, or reset it."""
        async with asyncio.timeout(LIMIT_SECONDS):
            try:
                return await self._reader.read() == b""
            except ConnectionError:
                return True


@asynccontextmanager
async def proxied() -> AsyncIterator[tuple[Echo, FaultyProxy]]:
    echo = Echo()
    server = await asyncio.start_server(echo.take, "127.0.0.1", 0)
    async with FaultyProxy(f"127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
        yield echo, proxy
    for writer in echo.writers:
        writer.close()
    server.close()
    await until(lambda: all(writer.transport.is_closing() for writer in echo.writers))


async def line(echo: Echo, proxy: FaultyProxy) -> Line:
    host, _, port = proxy.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    echo.writers.append(writer)
    return Line(reader, writer)


async def test_everything_is_passed_on_and_counted() -> None:
    async with proxied() as (echo, proxy):
        one = await line(echo, proxy)

        one.say(b"x" * 100_000)

        assert await one.hear(100_000) == b"x" * 100_000
        assert (proxy.passed, proxy.connections, len(proxy.accepted)) == (
            {"to_target": 100_000, "from_target": 100_000},
            1,
            1,
        )


async def test_what_is_stalled_arrives_when_it_goes_on() -> None:
    async with proxied() as (echo, proxy):
        one = await line(echo, proxy)
        proxy.stall()
        one.say(b"late")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await one.hear(1)
        heard_before = echo.heard

        proxy.heal()

        assert heard_before == b""
        assert await one.hear(4) == b"late"


async def test_what_is_dropped_is_lost_and_the_connection_ends_when_it_heals() -> None:
    async with proxied() as (echo, proxy):
        one, two = await line(echo, proxy), await line(echo, proxy)
        proxy.drop("from_target")
        one.say(b"heard")
        # Its answer may still be on its way to the proxy when the target has sent it.
        await until(lambda: proxy.lost == {"to_target": 0, "from_target": 5})

        proxy.heal()
        two.say(b"two")

        assert await one.is_over()
        assert await two.hear(3) == b"two"


async def test_a_delay_keeps_the_order() -> None:
    async with proxied() as (echo, proxy):
        one = await line(echo, proxy)
        proxy.delay = 0.05
        begin = asyncio.get_running_loop().time()

        one.say(b"first ")
        one.say(b"second")

        assert await one.hear(12) == b"first second"
        assert asyncio.get_running_loop().time() - begin >= 0.1


async def test_a_half_closed_connection_still_answers() -> None:
    async with proxied() as (echo, proxy):
        one = await line(echo, proxy)
        one.say(b"said before")
        assert await one.hear(11) == b"said before"

        proxy.half_close("to_target")

        assert await one.is_over()


async def test_what_is_said_after_a_half_close_goes_nowhere_and_the_answer_still_comes() -> None:
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b"question"
        await ended.wait()
        writer.write(b"answer")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with FaultyProxy(f"127.0.0.1:{port}") as proxy:
            host, _, own_port = proxy.address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(own_port))
            writer.write(b"question")
            await until(lambda: proxy.passed["to_target"] == 8)
            proxy.half_close("to_target")
            writer.write(b"more")
            await until(lambda: proxy.lost["to_target"] == 4)
            ended.set()
            assert await reader.read() == b"answer"
            writer.close()


async def test_a_cut_ends_what_is_open_and_takes_what_is_new() -> None:
    async with proxied() as (echo, proxy):
        one = await line(echo, proxy)
        one.say(b"x")
        await one.hear(1)

        proxy.cut()

        assert await one.is_over()
        two = await line(echo, proxy)
        two.say(b"y")
        assert await two.hear(1) == b"y"


async def test_who_is_refused_is_let_in_again_when_it_heals() -> None:
    async with proxied() as (echo, proxy):
        proxy.refuse()
        one = await line(echo, proxy)
        assert await one.is_over()

        proxy.heal()
        two = await line(echo, proxy)
        two.say(b"z")

        assert await two.hear(1) == b"z"


async def test_a_rate_is_kept() -> None:
    async with proxied() as (echo, proxy):
        one = await line(echo, proxy)
        proxy.rate = 200_000.0
        begin = asyncio.get_running_loop().time()

        one.say(bytes(40_000))
        await one.hear(40_000)

        assert asyncio.get_running_loop().time() - begin >= 0.15


async def test_leaving_it_ends_every_connection() -> None:
    async with proxied() as (echo, proxy):
        one = await line(echo, proxy)
        one.say(b"x")
        await one.hear(1)

    assert await one.is_over()


async def test_leaving_it_leaves_nothing_for_whoever_takes_nothing() -> None:
    takes = asyncio.Event()
    taken: list[int] = []

    async def take_later(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await takes.wait()
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                taken.append(len(data))
        writer.close()
        taken.append(0)

    server = await asyncio.start_server(take_later, "127.0.0.1", 0)
    async with FaultyProxy(f"127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
        host, _, port = proxy.address.rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(bytes(64 << 20))
        # Until a hundred turns of the loop have moved nothing.
        passed = [0]
        while passed[-1] == 0 or len(passed) < 100 or passed[-100] != passed[-1]:
            await asyncio.sleep(0)
            passed.append(proxy.passed["to_target"])
    takes.set()
    writer.transport.abort()
    await until(lambda: 0 in taken)
    server.close()

    # What the proxy had written, and the system had not taken yet.
    assert sum(taken) < passed[-1]
