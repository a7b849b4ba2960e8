"""The endpoint for scrapers, over real sockets: whatever they do, others are answered."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.integration.services.processes import refused, run, serving
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, ListenError, LoopbackNetwork
from collector_mesh.adapters.prometheus import endpoint

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector("one", transport=LoopbackNetwork(), metrics="127.0.0.1:0") as collector:
        yield collector


async def connected(collector: Collector) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = collector.metrics_address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def sent(collector: Collector, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """The code, the headers and the body of what is answered; code 0 where nothing is."""
    reader, writer = await connected(collector)
    try:
        writer.write(data)
        async with asyncio.timeout(LIMIT_SECONDS):
            whole = await reader.read()
    except ConnectionError:
        return 0, {}, b""
    finally:
        writer.close()
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]) if first else 0, headers, body


async def scraped(collector: Collector, **headers: str) -> tuple[int, dict[str, str], bytes]:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return await sent(collector, f"GET /metrics HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())


async def test_a_scrape_has_the_format_and_the_encoding_that_it_asks_for(collector: Collector) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    code, headers, body = await scraped(collector)
    _, open_headers, packed = await scraped(collector, Accept=accept, Accept_Encoding="gzip")

    assert code == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert (int(headers["Content-Length"]), headers["Connection"]) == (len(body), "close")
    assert b'collector_mesh_state{collector="one",state="serving"} 1.0\n' in body
    assert b"\nprocess_cpu_seconds_total " in body
    assert open_headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert gzip.decompress(packed).endswith(b"\n# EOF\n")


@pytest.mark.parametrize(
    ("request_head", "code"),
    [
        ("HEAD /metrics HTTP/1.1\r\n\r\n", 200),
        ("GET /metrics?name[]=up HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\n\r\n", 404),
        ("GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
        ("garbage\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\n", 400),
        ("GET /metrics HTTP/1.1\r\nno header\r\n: \r\nAccept: \xff;version=9\r\n\r\n", 200),
        ("GET /metrics HTTP/1.1\r\nX: " + "x" * 20_000 + "\r\n\r\n", 431),
    ],
)
async def test_every_request_has_its_answer(collector: Collector, request_head: str, code: int) -> None:
    told, headers, body = await sent(collector, request_head.encode("latin-1"))

    assert told == code
    if request_head.startswith("HEAD"):
        assert int(headers["Content-Length"]) > 1000
        assert body == b""


async def test_scrapers_that_hang_send_garbage_or_do_not_read_keep_nobody_back(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(endpoint, "WRITE_SECONDS", 0.2)
    hanging = [await connected(collector) for _ in range(10)]
    for _, writer in hanging[:5]:
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: ")
    for _, writer in hanging[5:7]:
        writer.write(b"\x16\x03\x01" + bytes(range(256)) * 300)
    for _, writer in hanging[7:]:
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # sockets have it
    answers = await asyncio.gather(*(scraped(collector) for _ in range(20)))
    async with asyncio.timeout(LIMIT_SECONDS):
        for reader, _ in hanging[:7]:
            try:
                while await reader.read(65_536):
                    pass
            except ConnectionError:
                continue
    for _, writer in hanging:
        writer.close()

    assert [code for code, _, _ in answers] == [200] * 20
    assert (await scraped(collector))[0] == 200


async def test_beyond_a_number_of_scrapers_the_next_one_is_turned_away(collector: Collector) -> None:
    held = [await connected(collector) for _ in range(endpoint.MAX_CONNECTIONS)]
    async with asyncio.timeout(LIMIT_SECONDS):
        while (answer := await scraped(collector))[0] not in (503, 0):
            await asyncio.sleep(0.01)
    for _, writer in held:
        writer.close()

    assert answer[0] in (503, 0)
    async with asyncio.timeout(LIMIT_SECONDS):
        while (await scraped(collector))[0] != 200:
            await asyncio.sleep(0.01)


async def test_a_collector_can_stop_while_scrapers_hang(collector: Collector) -> None:
    held = [await connected(collector) for _ in range(3)]
    scrape = asyncio.ensure_future(scraped(collector))
    await asyncio.sleep(0)

    async with asyncio.timeout(LIMIT_SECONDS):
        await collector.stop()
        await scrape

    for _, writer in held:
        writer.close()
    assert collector.metrics_address == ""


async def test_a_port_that_is_taken_is_told_before_anything_else_is_opened(collector: Collector) -> None:
    other = Collector("two", transport=LoopbackNetwork(), metrics=collector.metrics_address)

    with pytest.raises(ListenError, match="cannot serve metrics on 127"):
        await other.start()


async def test_the_command_line_serves_metrics_or_says_in_one_line_why_not(collector: Collector) -> None:
    taken = await asyncio.to_thread(run, "serve", "--id", "a", "--metrics", collector.metrics_address)
    beyond = await asyncio.to_thread(refused, "serve", "--id", "a", "--metrics", "0.0.0.0:0")
    async with serving("a", "--metrics", "127.0.0.1:0", "--log-format", "json") as process:
        await process.logged("metrics_served")
        served = re.search(r'"metrics_served", .*?"address": "([0-9.:]+)"', process.stderr)
        assert served is not None
        host, _, port = served[1].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(LIMIT_SECONDS):
            whole = await reader.read()
        writer.close()

    assert (taken.status, taken.stderr.count("\n")) == (1, 1)
    assert "cannot serve metrics on" in taken.stderr
    assert (beyond.status, beyond.stderr.count("\n")) == (2, 1)
    assert "--insecure" in beyond.stderr
    assert b'collector_mesh_state{collector="a",state="serving"} 1.0' in whole


async def test_a_defect_is_in_the_log_and_the_next_scrape_is_answered(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_metrics: object) -> bytes:
        raise ValueError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr("collector_mesh.app.metrics.scraping.metrics_of", broken)
        code, _, body = await scraped(collector)
    after, _, text = await scraped(collector)

    assert (code, body) == (500, b"the metrics cannot be read, see the log\n")
    assert after == 200
    assert b'collector_mesh_events_total{collector="one",event="defect"} 1.0' in text
