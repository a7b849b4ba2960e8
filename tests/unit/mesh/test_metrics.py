"""What metrics tell of collectors, and what they tell of hostile names."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as plain
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    Collector,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    MethodKey,
    Payload,
    Service,
    Settings,
)
from collector_mesh.adapters.prometheus.text import format_of, metrics_of, text_of
from collector_mesh.adapters.simulated.errors import SimulationError
from collector_mesh.domain.readings import MAX_SERIES
from collector_mesh.domain.watching.families import METRICS, Family, Sample
from collector_mesh.metrics import MeshMetrics, exposition
from collector_mesh.simulation import Sim, Simulation
from collector_mesh.testing import Spans

openmetrics: Any = parser.text_string_to_metric_families  # it has no types

ROOT = Path(__file__).parents[3]


def echo() -> Service:
    service = Service("tests", "Echo")

    @service.method("Echo", idempotent=True)
    async def echo(request: Payload) -> Payload:
        return request

    @service.method("Fail")
    async def fail(request: Payload) -> Payload:
        raise ValueError("no")

    return service


def values(text: str) -> dict[tuple[str, ...], float]:
    """All samples, by name and the values of their labels in the order of their names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in plain(text)
        for sample in family.samples
    }


async def read(*collectors: Collector) -> dict[tuple[str, ...], float]:
    text, _ = await exposition(*collectors)
    return values(text.decode())


@pytest.mark.asyncio
async def test_calls_peers_and_the_state_are_told_on_both_sides() -> None:
    network = LoopbackNetwork()
    server = Collector("server", services=[echo()], transport=network, metrics=True)
    caller = Collector("caller", namespaces=["tests"], transport=network, metrics=True)
    async with server, caller:
        await caller.connect("server")
        for method in ("Echo", "Echo", "Fail", "Missing"):
            await caller.dispatch("tests", "Echo", method, Payload("t", b"x"))
        told = await read(server, caller)

        for collector, side in (("caller", "dispatched"), ("server", "served")):
            name = f"collector_mesh_{side}"
            assert told[f"{name}_seconds_count", collector, "Echo", "tests", "Echo"] == 2
            assert told[f"{name}_seconds_bucket", collector, "+Inf", "Echo", "tests", "Echo"] == 2
            assert told[f"{name}_errors_total", "500", collector, "Fail", "tests", "Echo"] == 1
            assert told[f"{name}_in_flight", collector, "Echo", "tests", "Echo"] == 0
        assert (
            told["collector_mesh_dispatched_errors_total", "404", "caller", "Missing", "tests", "Echo"] == 1
        )
        assert told["collector_mesh_attempts_total", "caller"] == 3
        assert told["collector_mesh_peer_state", "caller", "server", "live"] == 1
        assert told["collector_mesh_peers", "server", "live"] == 1
        assert told["collector_mesh_state", "server", "serving"] == 1
        assert told["collector_mesh_admitted_limit", "server", "max_running"] == 256
        assert told["collector_mesh_links", "caller"] == 1
        assert told["collector_mesh_events_total", "caller", "peer_connected"] == 1
    told = await read(server)

    assert told["collector_mesh_state", "server", "closed"] == 1
    assert told["collector_mesh_served_seconds_count", "server", "Echo", "tests", "Echo"] == 2


@pytest.mark.asyncio
async def test_the_program_exports_what_the_list_has_and_the_page_has_the_list() -> None:
    async with Collector("one", services=[echo()], transport=LoopbackNetwork(), metrics=True) as collector:
        text, _ = await exposition(collector, accept="application/openmetrics-text; version=1.0.0")
        exported = {family.name: (family.type, family.documentation) for family in openmetrics(text.decode())}

    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    listed = {each.name.removesuffix("_total"): (each.kind, each.text) for each in METRICS.values()}
    rows = [line for line in page.splitlines() if line.startswith("| `collector_mesh_")]
    assert exported == listed
    assert rows == [
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels) or '-'} | {each.text} |"
        for each in METRICS.values()
    ]


@pytest.mark.asyncio
async def test_a_registry_of_ones_own_asks_in_any_thread() -> None:
    registry = CollectorRegistry()
    async with Collector("one", services=[echo()], transport=LoopbackNetwork(), metrics=True) as collector:
        registry.register(MeshMetrics(collector))
        labels = {"collector": "one", "state": "serving"}

        here = registry.get_sample_value("collector_mesh_state", labels)
        there = await asyncio.to_thread(registry.get_sample_value, "collector_mesh_state", labels)

        assert (here, there) == (1.0, 1.0)
        with pytest.raises(ValueError, match="Duplicated timeseries"):
            registry.register(MeshMetrics(collector))


@pytest.mark.asyncio
async def test_series_stay_few_under_any_names() -> None:
    service = Service("tests", "Many")
    for number in range(120):
        service.add(f"Served{number}", echo_payload)
    async with Collector("one", services=[service], transport=LoopbackNetwork(), metrics=True) as collector:
        parts = collector.container
        for number in range(120):
            await collector.dispatch("tests", "Many", f"Served{number}", Payload("t", b""))
        for number in range(300):
            await collector.dispatch("tests", "Many", f"Made{number}", Payload("t", b""))
            parts.counts().count_shed(f"namespace{number}")
        many = [
            SimpleNamespace(
                peer_id=f"peer-{number}",
                state="live" if number != 999 else "dead",
                way=SimpleNamespace(in_flight=1, round_trip=0.5),
            )
            for number in range(1000)
        ]
        readings: Any = parts.metrics()._readings  # type: ignore[union-attr]  # it is on
        readings._topology = Peers(many, parts.topology())
        families = list(readings.read())

    by_name = {family.metric.name: family.samples for family in families}
    peers = [sample.labels[0] for sample in by_name["collector_mesh_peer_in_flight"]]
    assert sum(family.series for family in families) <= MAX_SERIES
    assert len(peers) > 100
    assert (peers[0], peers[-1]) == ("peer-999", "(others)")
    assert sum(sample.value for sample in by_name["collector_mesh_peer_in_flight"]) == 1000
    assert sum(sample.value for sample in by_name["collector_mesh_shed_total"]) == 300
    assert len(by_name["collector_mesh_shed_total"]) == 21


class Peers:
    """A topology with peers that are not there."""

    def __init__(self, peers: list[Any], topology: Any) -> None:
        self._peers = peers
        self.standings = topology.standings

    def __iter__(self) -> Any:
        return iter(self._peers)


async def echo_payload(request: Payload) -> Payload:
    return request


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_names_come_out_as_they_went_in(accept: str) -> None:
    name = 'a"b\\n\\\nc,d="e"} 5 é\u2028'
    family = Family(METRICS["shed_total"], tuple(Sample((f"{name}{n}",), n) for n in range(250)))
    form = format_of(accept, "")

    text = text_of(metrics_of([("one", [family])]), form).decode()

    (parsed,) = (openmetrics if accept else plain)(text)
    assert [(sample.labels["namespace"], sample.value) for sample in parsed.samples] == [
        (f"{name}{n}", n) for n in range(250)
    ]
    assert text.count("# TYPE") == 1


@pytest.mark.parametrize(
    ("encoding", "is_gzip"),
    [
        ("gzip", True), ("br, GZIP ; q=0.5", True), ("gzip;q=1.0;x=y", True), ("", False),
        ("gzip;q=0", False), ("br, gzip; Q = 0.000", False), ("gzipped, x-gzip", False), ("gzip;q=0.01", True),
    ],
)  # fmt: skip
def test_a_text_is_compressed_where_that_is_asked_for(encoding: str, is_gzip: bool) -> None:
    assert format_of("", encoding).is_gzip is is_gzip


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=x",
        "text/plain; version=\xff1",
        "," * 10_000,
        "é",
        "a" * 100_000,
    ],
)
def test_odd_headers_get_some_format(accept: str) -> None:
    form = format_of(accept, "gzip;q=0, é, , gzip")

    assert form.content_type.isascii()
    assert text_of(metrics_of([]), form) is not None


def test_a_collector_that_counts_nothing_has_no_metrics() -> None:
    collector = Collector("one", transport=LoopbackNetwork())

    with pytest.raises(ValueError, match="make it with metrics=True"):
        MeshMetrics(collector)
    assert collector.metrics_address == ""
    assert collector.container.numbers() is None


@pytest.mark.parametrize(
    ("metrics", "insecure", "problem"),
    [
        (1, False, "metrics must be True, False or HOST:PORT, got int"),
        ("here", False, "metrics must be HOST:PORT"),
        ("0.0.0.0:9464", False, "metrics are plaintext, which is refused on"),
        ("example.org:9464", False, "insecure"),
        ("0.0.0.0:9464", True, None),
    ],
)
def test_where_metrics_may_be(metrics: Any, insecure: bool, problem: str | None) -> None:
    def make() -> Collector:
        return Collector("one", transport=LoopbackNetwork(), metrics=metrics, insecure=insecure)

    if problem is None:
        make()
        return
    with pytest.raises((InvalidCallError, TypeError), match=problem):
        make()


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector_mesh.app.metrics.making.find_spec", lambda _name: None)

    with pytest.raises(InvalidCallError, match=r'pip install "collector-mesh\[metrics\]"'):
        Collector("one", transport=LoopbackNetwork(), metrics=True)


@pytest.mark.asyncio
async def test_how_late_the_loop_is_is_seen() -> None:
    async with Collector("one", transport=LoopbackNetwork(), metrics=True) as collector:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (told := (await read(collector)))["collector_mesh_loop_lag_seconds_count", "one"]:
                await asyncio.sleep(0.02)

    assert told["collector_mesh_loop_lag_seconds_bucket", "one", "+Inf"] >= 1


def test_every_metric_has_a_name_of_its_kind() -> None:
    assert all((each.kind == "counter") == each.name.endswith("_total") for each in METRICS.values())
    assert all(attrs.astuple(each)[2].endswith(".") for each in METRICS.values())


@pytest.mark.asyncio
async def test_calls_count_once_in_both_forms_however_they_end() -> None:
    waits, network = asyncio.Event(), LoopbackNetwork()
    service = echo()

    @service.method("Wait")
    async def wait(request: Payload) -> Payload:
        waits.set()
        await asyncio.Event().wait()
        return request

    server = Collector("server", services=[service], transport=network, metrics=True)
    caller = Collector("caller", namespaces=["tests"], transport=network, metrics=True)
    key, request = MethodKey("tests", "Echo", "Wait"), Payload("t", b"x")
    async with server, caller:
        await caller.connect("server")
        for source in (caller, server):
            begun = source.submit(key, request, lambda _reply: None)
            task = asyncio.ensure_future(source.dispatch(*key, request))
            await asyncio.wait_for(waits.wait(), LIMIT_SECONDS)
            assert (await read(source))["collector_mesh_dispatched_in_flight", source.collector_id, *IN] == 2
            assert begun is not None
            begun.cancel()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await source.dispatch(*key, request, timeout=0.05)
            waits.clear()
        told = await read(server, caller)

        for collector in ("caller", "server"):
            assert told["collector_mesh_dispatched_seconds_count", collector, *IN] == 3
            assert told["collector_mesh_dispatched_in_flight", collector, *IN] == 0
            assert told["collector_mesh_dispatched_errors_total", "499", collector, *IN] == 2
            assert told["collector_mesh_dispatched_errors_total", "504", collector, *IN] == 1
        assert told["collector_mesh_served_seconds_count", "server", *IN] == 6
        assert told["collector_mesh_served_in_flight", "server", *IN] == 0


IN = ("Wait", "tests", "Echo")


def test_a_simulation_counts_in_virtual_time_and_has_no_endpoint() -> None:
    read: list[dict[tuple[str, ...], float]] = []

    async def scenario(sim: Sim) -> None:
        server = sim.collector("server", services=[echo()], metrics=True)
        caller = sim.collector("caller", namespaces=["tests"], peers=["server"], metrics=True)
        await sim.settled()
        await caller.dispatch("tests", "Echo", "Echo", Payload("t", b"x"))
        registry = CollectorRegistry()
        registry.register(MeshMetrics(server, caller))
        read.append(values(generate_latest(registry).decode()))
        with pytest.raises(SimulationError, match="no sockets"):
            sim.collector("other", metrics="127.0.0.1:0")

    Simulation(1).run(scenario, until=60)

    (told,) = read
    assert told["collector_mesh_dispatched_seconds_count", "caller", "Echo", "tests", "Echo"] == 1
    assert told["collector_mesh_served_seconds_count", "server", "Echo", "tests", "Echo"] == 1
    assert told["collector_mesh_loop_lag_seconds_sum", "server"] < 0.01


@pytest.mark.asyncio
async def test_calls_count_once_where_some_are_recorded_too() -> None:
    network, settings = LoopbackNetwork(), Settings(trace_sample=0.5)
    server = Collector(
        "server", services=[echo()], transport=network, metrics=True, tracer=Spans(), settings=settings
    )
    caller = Collector(
        "caller", namespaces=["tests"], transport=network, metrics=True, tracer=Spans(), settings=settings
    )
    async with server, caller:
        await caller.connect("server")
        for _ in range(20):
            await caller.dispatch("tests", "Echo", "Echo", Payload("t", b"x"))
        told = await read(server, caller)

    assert told["collector_mesh_dispatched_seconds_count", "caller", "Echo", "tests", "Echo"] == 20
    assert told["collector_mesh_served_seconds_count", "server", "Echo", "tests", "Echo"] == 20


@pytest.mark.asyncio
async def test_the_first_call_of_a_client_counts_for_its_method_also_where_it_is_passed_on() -> None:
    network, relay = LoopbackNetwork(), Settings(relay=True)
    more: dict[str, Any] = {"transport": network, "namespaces": ["tests"], "metrics": True, "settings": relay}
    async with (
        Collector("server", services=[echo()], transport=network),
        Collector("hub", peers=["server"], **more) as hub,
        Collector("edge", peers=["hub"], **more) as edge,
        MeshClient("edge", transport=network) as client,
    ):
        await edge.wait_for(methods=["tests/Echo/Echo"])
        await client.call("tests", "Echo", "Echo", Payload("t", b"1"))
        told = [await read(hub), await read(edge)]

    count = "collector_mesh_dispatched_seconds_count"
    assert [
        values[count, each, "Echo", "tests", "Echo"]
        for values, each in zip(told, ("hub", "edge"), strict=True)
    ] == [1, 1]


@pytest.mark.asyncio
async def test_a_caller_that_goes_while_a_further_try_is_under_way_counts_as_gone() -> None:
    network, hangs = LoopbackNetwork(), asyncio.Event()

    def service() -> Service:
        hanging = Service("tests", "Echo")

        @hanging.method("Hang")
        async def hang() -> None:
            hangs.set()
            await asyncio.Event().wait()

        return hanging

    few = Settings(max_running=1)
    async with (
        Collector("a", services=[service()], transport=network, settings=few) as a,
        Collector("b", services=[service()], transport=network) as b,
        Collector("front", namespaces=["tests"], peers=["a", "b"], transport=network, metrics=True) as front,
    ):
        _ = b
        await front.wait_for(peers="all")
        full = asyncio.ensure_future(a.dispatch("tests", "Echo", "Hang"))
        await hangs.wait()
        for _ in range(8):
            hangs.clear()
            going = asyncio.ensure_future(front.dispatch("tests", "Echo", "Hang"))
            await hangs.wait()
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
        told = await read(front)
        full.cancel()

    errors = {
        labels: value for labels, value in told.items() if labels[0].endswith("dispatched_errors_total")
    }
    assert list(errors.values()) == [8]
    assert next(iter(errors))[1] == "499"
