"""No secret, token, payload or value of metadata is in anything that a mesh with everything switched on shows."""

import asyncio
import base64
import json
import logging
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.services.certificates import Authority, flags
from tests.integration.services.otlp import receiver
from tests.integration.services.processes import Ended, free_port, refused, serving
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, MeshClient, OtelTracer, Reply, Settings, Tls
from collector_mesh.adapters.telemetry.formats import JsonFormatter
from collector_mesh.adapters.telemetry.records import PACKAGE

pytestmark = pytest.mark.asyncio

CANARY = "c4n4ry"
"""Is in every secret, so that what leaks shows, whichever it is."""

TOKEN, UNKNOWN_TOKEN = f"{CANARY}-token-0123456789", f"{CANARY}-unknown-token-0123"
PAYLOAD, METADATA, HINT, KEY = (f"{CANARY}-{name}" for name in ("payload", "metadata", "hint", "key"))
IN_URL, IN_HEADER = f"{CANARY}-in-url", f"{CANARY}-in-header"
HANDLERS = re.compile(rf"lost {PAYLOAD}")
"""What the text of a handler's own exception has; it is the handler's to leave out."""

RULES = """
log_format = "json"
log_level = "debug"
access_log = 1.0

[settings]
trace_sample = 1.0
expose_handler_errors = false
report_interval = 0.2

[access]
tokens = "tokens.toml"

[[access.rules]]
name = "mesh"
who = ["id:hub"]
peer = ["hub"]
serve = ["*"]
use = ["*"]

[[access.rules]]
name = "ci"
who = ["token:ci"]
use = ["*"]
inspect = true
"""


class Lines(logging.Handler):
    """Keeps the lines of this process as JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def leaks(of: str, shown: str, *, more: str = "") -> list[str]:
    """Where secrets are, each with what stands around it; also in hexadecimal and as base64."""
    plain = CANARY.encode()
    coded = [base64.b64encode(b"-" * pad + plain)[pad + bool(pad) :][: len(plain)] for pad in range(3)]
    texts = [
        CANARY,
        plain.hex(),
        *(text.decode().rstrip("=")[:-1] for text in coded),
        *([more] if more else []),
    ]
    return [
        f"{of}: …{shown[max(0, found.start() - 120) : found.end() + 60]}…"
        for text in texts
        for found in re.finditer(re.escape(text), shown)
    ]


def material_of(tls: Tls) -> str:
    """A part of a private key that stands in no certificate."""
    assert tls.key is not None
    return tls.key.read_text().splitlines()[2]


async def scraped(address: str) -> str:
    """The page of the metrics."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(ask)


async def calls(client: MeshClient) -> list[Reply]:
    """Calls of every kind, with a secret wherever there is place for one."""
    options: Any = {"metadata": {"note": METADATA, "note-bin": METADATA.encode()}, "hints": {"route": HINT}}
    made = [
        await client.dispatch("vault", "Vault", "keep", PAYLOAD, key=KEY, **options),
        await client.dispatch("vault", "Vault", "keep", PAYLOAD, key=KEY, **options),
        await client.dispatch("vault", "Vault", "keep", f"another {PAYLOAD}", key=KEY, **options),
        await client.dispatch("vault", "Vault", "lose", PAYLOAD, **options),
        await client.dispatch("vault", "Vault", "count", PAYLOAD, **options),
        await client.dispatch("vault", "Vault", "count", {"a": [PAYLOAD]}, **options),
        await client.dispatch("vault", "Vault", "never", PAYLOAD, **options),
        await client.dispatch("vault", "Vault", "missing", PAYLOAD, **options),
        await client.dispatch("vault", "Vault", "keep", PAYLOAD, timeout=0.0, **options),
    ]
    for reply in made:
        reply.payload = type(reply.payload)()
    return made


def at(address: str) -> str:
    """The address by the name that certificates have."""
    return address.replace("127.0.0.1", "localhost")


async def shown_by_commands(address: str, tls: Tls, token_file: Path) -> str:
    """What commands print that look inside, and those that are refused."""
    asked = [
        ("topology", address, "--json"),
        ("explain", address, "vault", "Vault", "keep"),
    ]
    done: list[Ended] = []
    for command in asked:
        shown = flags(tls), "--token-file", str(token_file)
        done.append(await asyncio.to_thread(refused, *command, *shown[0], *shown[1:]))
    assert [each.status for each in done] == [0, 0]
    return "".join(each.stdout + each.stderr for each in done)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """All that this process logs."""
    kept, log = Lines(), logging.getLogger(PACKAGE)
    level = log.level
    log.addHandler(kept)
    log.setLevel(logging.DEBUG)
    yield kept
    log.removeHandler(kept)
    log.setLevel(level)


async def test_nothing_that_is_shown_has_a_secret(tmp_path: Path, lines: Lines) -> None:
    authority = Authority(tmp_path)
    vault, hub = authority.collector("vault"), authority.collector("hub")
    config, tokens, token_file = (tmp_path / name for name in ("mesh.toml", "tokens.toml", "token"))
    config.write_text(RULES)
    tokens.write_text(f'ci = "{TOKEN}"\n')
    token_file.write_text(TOKEN)
    metrics = f"127.0.0.1:{free_port()}"
    replies: list[Reply] = []

    async with (
        receiver() as spans,
        serving(
            "vault",
            *("--config", str(config), *flags(vault), "--inspect", "--reflection"),
            *("--service", "vault:vault", "--middleware", "vault:Passing"),
            *("--keys", str(tmp_path / "keys.db"), "--metrics", metrics, "--traces", spans.address),
            environment={"OTEL_EXPORTER_OTLP_HEADERS": f"x-secret={IN_HEADER}"},
        ) as served,
        Collector(
            "hub",
            listen="localhost:0",
            namespaces=["vault"],
            peers=[at(served.address)],
            tls=hub,
            inspect=True,
            settings=Settings(trace_sample=1.0, access_log=1.0, report_interval=0.2),
            tracer=OtelTracer(spans.address),
            token_file=token_file,
        ) as at_hub,
    ):
        await at_hub.wait_for(peers="all", timeout=LIMIT_SECONDS)
        for address in (at(served.address), at(at_hub.address)):
            for token in (TOKEN, UNKNOWN_TOKEN):
                async with MeshClient(address, tls=hub, token=token) as client:
                    replies += await calls(client)
        found = leaks("commands", await shown_by_commands(at(served.address), hub, token_file))
        page = await scraped(metrics)
        found += leaks("metrics", page)
    told = [(reply.status, reply.tried, reply.handled_by) for reply in replies]
    found += leaks("replies", repr(told))
    found += leaks("spans", "\n".join(map(repr, spans.spans)) + repr(spans.resources))
    found += leaks("vault", HANDLERS.sub("", served.stderr), more=material_of(vault))
    found += leaks("hub", HANDLERS.sub("", "\n".join(lines.lines)), more=material_of(hub))

    assert found == []
    # It was all there to be searched.
    assert {reply.status.code for reply in replies} >= {200, 400, 401, 404, 409, 500}
    assert ("Vault" in page, len(spans.spans) > 20) == (True, True)
    words = {json.loads(line)["event"] for line in served.stderr.splitlines()}
    assert words >= {"call_ended", "handler_failed", "counted", "configured", "peer_refused"}
    assert leaks("the handler's own text", served.stderr) != []


ODD = f"""
traces = "http://user:{IN_URL}@127.0.0.1:4317/path"
peer = ["user:{IN_URL}@localhost:1", "dns:user:{IN_URL}@localhost:x"]
register_at = "https://user:{IN_URL}@localhost:1"
listen = "user:{IN_URL}@127.0.0.1:0"
metrics = "user:{IN_URL}@127.0.0.1:0"
"""


async def test_addresses_with_passwords_and_malformed_files_of_tokens_are_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(f'ci = "{CANARY}\nother = {CANARY}\n')
    file, with_tokens = tmp_path / "mesh.toml", tmp_path / "tokens.toml"
    file.write_text(ODD)
    with_tokens.write_text('[access]\ntokens = "odd.toml"\n')

    checked = await asyncio.to_thread(refused, "config", "check", str(file))
    tokens = await asyncio.to_thread(refused, "config", "check", str(with_tokens))
    shown = await asyncio.to_thread(refused, "config", "show", "--config", str(file))
    asked = await asyncio.to_thread(refused, "topology", f"user:{IN_URL}@localhost:1")
    told = [each.stdout + each.stderr for each in (checked, tokens, shown, asked)]

    assert leaks("commands", "\n".join(told)) == []
    assert [told[0].count("***@"), "odd.toml" in told[1], "***@" in told[3]] == [6, True, True]
