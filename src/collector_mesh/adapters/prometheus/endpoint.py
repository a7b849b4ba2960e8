"""An HTTP endpoint for scrapers, and nothing else: it believes nobody, waits for nobody, and keeps no connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import attrs

from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import ListenError

MAX_CONNECTIONS = 32
"""Scrapers at once; one more is told to come back."""

MAX_HEAD_BYTES = 8192
HEAD_SECONDS = 5.0
"""How long a scraper may take to say what it wants."""

WRITE_SECONDS = 10.0
"""How long it may take to read the answer."""

_PATH = "/metrics"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

Headers = Mapping[str, str]


@attrs.frozen
class Answer:
    """What is sent."""

    code: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def encoded(self, *, with_body: bool = True) -> bytes:
        """As it is sent."""
        lines = [f"HTTP/1.1 {self.code} {_REASONS[self.code]}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", "Connection: close", "", ""]
        return "\r\n".join(lines).encode("latin-1") + (self.body if with_body else b"")


Scrape = Callable[[Headers], Awaitable[Answer]]


class _Endpoint:
    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape
        self._tasks: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody has connected."""
        if len(self._tasks) >= MAX_CONNECTIONS:
            writer.write(_plain(503, "too many scrapers at once").encoded())
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Answer nobody anymore."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Until all of it is sent, or it is the scraper's fault that it is not.
        writer.transport.set_write_buffer_limits(0)
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await _head(reader)
            answer, with_body = await self._answer(head)
            async with asyncio.timeout(WRITE_SECONDS):
                writer.write(answer.encoded(with_body=with_body))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, EOFError):
            # It has gone, or is too slow: it knows.
            return
        finally:
            writer.transport.abort()

    async def _answer(self, head: bytes | None) -> tuple[Answer, bool]:
        if head is None:
            return _plain(431, f"the head of a request may have {MAX_HEAD_BYTES} bytes"), True
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _plain(400, "this is an HTTP/1.1 endpoint"), True
        method, path = words[0], words[1].partition("?")[0]
        if path != _PATH:
            return _plain(404, f"metrics are at {_PATH}"), method != "HEAD"
        if method not in {"GET", "HEAD"}:
            refusal = _plain(405, "only GET and HEAD")
            return attrs.evolve(refusal, headers=(*refusal.headers, ("Allow", "GET, HEAD"))), True
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            known = headers.get(name.lower())
            headers[name.lower()] = value.strip() if known is None else f"{known},{value.strip()}"
        return await self._scrape(headers), method == "GET"


@asynccontextmanager
async def serving(address: HostPort, scrape: Scrape) -> AsyncIterator[str]:
    """Answer scrapers at an address; gives it with its real port.

    Args:
        address: where.
        scrape: gives the answer to whoever asks for metrics, by the headers of the request; must not raise.

    Raises:
        ListenError: the address is taken or not of this machine.
    """
    endpoint = _Endpoint(scrape)
    try:
        server = await asyncio.start_server(
            endpoint.connected, address.host, address.port, limit=MAX_HEAD_BYTES, backlog=2 * MAX_CONNECTIONS
        )
    except (OSError, OverflowError) as error:
        raise ListenError(
            f"cannot serve metrics on {address}: it is taken, or not an address of this machine"
        ) from error
    try:
        port: int = server.sockets[0].getsockname()[1]
        yield str(attrs.evolve(address, port=port))
    finally:
        server.close()
        await endpoint.close()


async def _head(reader: asyncio.StreamReader) -> bytes | None:
    """The head of a request, None if it is too long.

    Raises:
        EOFError: whoever has connected has gone.
    """
    with suppress(asyncio.LimitOverrunError):
        head = await reader.readuntil(b"\r\n\r\n")
        return head[:-4]
    return None


def _plain(code: int, text: str) -> Answer:
    return Answer(code, f"{text}\n".encode(), (("Content-Type", "text/plain; charset=utf-8"),))
