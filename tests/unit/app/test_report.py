"""The page about a simulated run."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from html import unescape
from xml.etree import ElementTree as ET

import pytest

from collector_mesh import Collector, Payload, Service
from collector_mesh.adapters.simulated.trace import Line
from collector_mesh.app.simulation.report import charts, spans
from collector_mesh.app.simulation.report.axes import Decades, TimeAxis, clipped, duration, steps
from collector_mesh.app.simulation.report.page import page
from collector_mesh.simulation import Sim, Simulation

FIND = ("orders", "OrderService", "FindOrder")


def orders() -> list[Service]:
    service = Service("orders", "OrderService")

    @service.method("FindOrder", idempotent=True)
    async def find_order(request: Payload) -> Payload:
        await asyncio.sleep(0.01)
        return request

    return [service]


async def shop_and_front(sim: Sim) -> Collector:
    sim.collector("shop", services=orders)
    front = sim.collector("front", namespaces=["orders"], peers=["shop"])
    await sim.settled()
    return front


async def called(sim: Sim, front: Collector, count: int = 10) -> None:
    for _ in range(count):
        await front.dispatch(*FIND, timeout=1.0)
        await sim.sleep(0.1)


def report(scenario: Callable[[Sim], Awaitable[object]]) -> str:
    """The page about a run, as the command line makes it."""
    simulation, failure = Simulation(1), ""
    try:
        simulation.run(scenario)
    except Exception as error:  # noqa: BLE001  # whatever a scenario raises is on the page
        failure = f"{type(error).__name__}: {error}"
    assert simulation.last_run is not None
    return page(simulation.last_run, "shop:<scenario>", failure, command="collector-mesh simulate it")


def section(text: str, anchor: str) -> str:
    found = re.search(rf'<section id="{anchor}">(.*?)</section>', text, re.DOTALL)
    assert found is not None
    return found[1]


def chart(text: str, anchor: str) -> str:
    """What stands in a section after the legend."""
    return section(text, anchor).partition("</ul>")[2]


def elements(text: str, tag: str, kind: str) -> list[ET.Element]:
    """The elements of a class in pictures, each of which is whole."""
    pictures = [ET.fromstring(picture) for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    return [
        element
        for picture in pictures
        for element in picture.iter(tag)
        if kind in element.get("class", "").split()
    ]


def rows(text: str) -> list[str]:
    """The last events, as lines."""
    table = section(text, "events").partition("<tbody>")[2]
    return [unescape(" ".join(row.split("<td>")[1:])) for row in table.split("<tr")[1:]]


async def partitioned(sim: Sim) -> None:
    front = await shop_and_front(sim)
    await called(sim, front)
    sim.network.partition({"front"}, {"shop"})
    await called(sim, front, 3)
    sim.network.heal()
    await called(sim, front)


async def failing(sim: Sim) -> None:
    front = await shop_and_front(sim)
    await called(sim, front)
    await sim.crash("shop")
    await called(sim, front, 2)
    raise AssertionError("no <b>order</b> & no <script>alert(1)</script>")


def test_a_run_that_fails_tells_why_when_and_what_came_before() -> None:
    text = report(failing)

    *before, last = rows(text)
    assert "The last events before the failure at 2." in section(text, "events")
    assert re.fullmatch(r"2\.\d{6} failure  AssertionError: no <b>order</b> .*</table>", last)
    assert any(re.fullmatch(r"1\.\d{6} crash  shop", row) for row in before)
    assert any(re.fullmatch(r"0\.\d{6} reply 0 200 from shop", row) for row in before)
    assert "collector-mesh simulate it" in text


def test_the_time_of_a_failure_is_marked_in_every_chart_over_time() -> None:
    text = report(failing)

    marks = elements(text, "line", "mark")

    assert len(marks) == 4  # calls, faults, links, durations
    assert len({mark.get("x1") for mark in marks}) == 1


def test_what_breaks_an_invariant_is_told_with_what_came_before_it_and_not_with_the_end_of_the_run() -> None:
    async def scenario(sim: Sim) -> None:
        front = await shop_and_front(sim)
        sim.invariant(lambda: 1 / (sim.watch.calls - 5))
        await called(sim, front)

    text = report(scenario)

    *before, last = rows(text)
    assert "failure  ZeroDivisionError" in last
    assert before[-1].partition(" ")[2] == "reply 4 200 from shop"
    assert "The mesh at 0." in section(text, "mesh")


def test_an_invariant_and_a_failure_that_came_later_are_both_told() -> None:
    async def scenario(sim: Sim) -> None:
        front = await shop_and_front(sim)
        sim.invariant(lambda: 1 / (sim.watch.calls - 5))
        await called(sim, front)
        raise KeyError("order 17")

    text = report(scenario)

    assert re.findall(r"<b>at .*?</b>  (\w+)", text) == ["ZeroDivisionError", "KeyError"]


def test_what_is_said_in_html_is_escaped() -> None:
    text = report(failing)

    assert "shop:&lt;scenario&gt;, seed 1" in text
    assert "no &lt;b&gt;order&lt;/b&gt; &amp; no &lt;script&gt;" in text
    assert "<script" not in text
    assert "<b>order" not in text


def test_a_page_asks_for_nothing_from_elsewhere() -> None:
    text = report(partitioned)

    assert not re.search(r"https?:|//\w|<script|<link|<img|@import|url\(|src=", text)


def test_half_a_character_in_a_failure_can_be_written() -> None:
    async def scenario(_sim: Sim) -> None:
        raise OSError("no such file: \udcff")

    text = report(scenario)

    assert "no such file: \\udcff" in text.encode("utf-8").decode("utf-8")


def test_every_collector_is_named_in_the_mesh_and_so_are_its_links() -> None:
    names = [f"front-{number}" for number in range(40)]

    async def scenario(sim: Sim) -> None:
        sim.collector("hub", services=orders)
        for name in names:
            sim.collector(name, namespaces=["orders"], peers=["hub"])
        await sim.settled()

    text = report(scenario)

    mesh = chart(text, "mesh")
    assert {element.text for element in elements(mesh, "text", "name")} == {"hub", *names}
    assert elements(mesh, "path", "linked")[0].get("d", "").count("M") == 40
    assert not elements(mesh, "path", "lost")
    assert "Of 80 links those 60 that were not live for longest" in section(text, "links")
    assert len(text) < 100_000


def test_the_mesh_of_a_run_that_fails_is_as_it_was_then() -> None:
    text = report(failing)

    mesh = chart(text, "mesh")
    assert {element.text for element in elements(mesh, "text", "name")} == {"front", "shop (crashed)"}
    assert len(elements(mesh, "circle", "gone")) == 1
    assert len(elements(mesh, "path", "lost")) == 1


def test_a_fault_is_shaded_behind_the_calls_for_as_long_as_its_lane_says() -> None:
    text = report(partitioned)

    (lane,) = elements(chart(text, "faults"), "rect", "fault")
    (shade,) = elements(chart(text, "calls"), "rect", "shade")
    assert (lane.get("x"), lane.get("width")) == (shade.get("x"), shade.get("width"))
    assert "partition front | shop" in shade.findtext("title", "")


def test_charts_over_time_share_their_round_ticks() -> None:
    text = report(partitioned)

    calls, faults, links = (
        re.findall(r'x="([0-9.]+)" y="[0-9.]+" text-anchor="middle">([0-9.]+ s)<', section(text, anchor))
        for anchor in ("calls", "faults", "links")
    )
    assert calls == faults == links
    assert [told for _, told in calls][:3] == ["0 s", "1 s", "2 s"]


def test_calls_are_counted_by_what_has_come_of_them() -> None:
    async def scenario(sim: Sim) -> None:
        front = await shop_and_front(sim)
        await called(sim, front)
        await front.dispatch("orders", "OrderService", "Nothing")
        under_way = asyncio.create_task(front.dispatch(*FIND))
        await sim.sleep(0.001)
        await sim.crash("front")
        await under_way

    text = report(scenario)

    legend = re.findall(r"</svg>(.*?)</li>", section(text, "calls"))
    assert legend[:3] == ["200: 10", "4xx, refused: 1", "no reply: 1"]
    assert "<dd>12, 1 without a reply</dd>" in text


@pytest.mark.parametrize("starts", [0, 1])
def test_a_run_without_anything_in_it_says_so(starts: int) -> None:
    async def scenario(sim: Sim) -> None:
        for number in range(starts):
            sim.collector(f"shop-{number}", services=orders)

    text = report(scenario)

    assert "No call was made." in section(text, "calls")
    assert "There were none." in section(text, "faults")
    assert "There were none." in section(text, "links")
    assert "No call has had a reply." in section(text, "durations")
    assert text.count("<circle") == 2 * starts


def test_a_run_that_fails_at_time_zero_has_its_failure_at_zero() -> None:
    async def scenario(sim: Sim) -> None:
        sim.collector("shop", services=orders)
        sim.collector("front")
        sim.network.clog("shop", "front")
        await sim.sleep(0)
        raise RuntimeError("at once")

    text = report(scenario)

    assert "The last events before the failure at 0.000 s" in text
    assert len(elements(section(text, "faults"), "line", "mark")) == 1
    assert not re.search(r"\b(nan|inf)\b", text)


def test_the_same_run_gives_the_same_page() -> None:
    assert report(partitioned) == report(partitioned)


def line(seconds: float, word: str, *about: str) -> Line:
    return round(seconds * 1e9), word, about


@pytest.mark.parametrize(
    ("faults", "lanes"),
    [
        ([line(1, "crash", "a"), line(2, "restart", "a", "same")], {"crash a": [(1, 2)]}),
        ([line(1, "pause", "a"), line(2, "resume", "b"), line(3, "resume", "a")], {"pause a": [(1, 3)]}),
        ([line(1, "slow", "a", "1.5"), line(2, "slow", "a", "0")], {"slow a": [(1, 2)]}),
        ([line(1, "slow", "a", "1.5"), line(2, "calm")], {"slow a": [(1, 2)]}),
        ([line(1, "clog", "a", "b"), line(2, "unclog", "b", "a")], {"clog a ↔ b": [(1, 2)]}),
        ([line(1, "clog", "a", "b"), line(2, "unclog", "a", "c")], {"clog a ↔ b": [(1, 9)]}),
        ([line(1, "cut", "a", "b"), line(2, "heal")], {"cut a → b": [(1, 2)]}),
        (
            [line(1, "wire", "a", "b", "loss=0.1"), line(2, "wire", "b", "a", "loss=0")],
            {"loss a ↔ b": [(1, 2)]},
        ),
        ([line(1, "wire", "a", "*", "median=0.1", "p99=1")], {"latency a ↔ *": [(1, 1)]}),
        ([line(1, "clock_skew", "a", "-3.5")], {"clock jump a": [(1, 1)]}),
        ([line(1, "chaos", "0.5"), line(2, "calm")], {"chaos": [(1, 2)]}),
        (
            [line(1, "partition", "a", "b,c"), line(2, "calm"), line(2, "heal")],
            {"partition a | b,c": [(1, 2)]},
        ),
    ],
)
def test_a_fault_is_on_until_it_is_ended(
    faults: list[Line], lanes: dict[str, list[tuple[float, float]]]
) -> None:
    found = spans.fault_lanes(faults, 9.0)

    assert {name: [(span.begin, span.end) for span in of_name] for name, of_name in found.items()} == lanes


def test_faults_that_are_on_together_are_told_together() -> None:
    lanes = spans.fault_lanes(
        [line(1, "crash", "a"), line(2, "pause", "b"), line(3, "resume", "b"), line(3, "chaos", "1")], 5.0
    )

    assert spans.shades(lanes) == [
        spans.Shade(1.0, 2.0, ("crash a",)),
        spans.Shade(2.0, 3.0, ("crash a", "pause b")),
        spans.Shade(3.0, 5.0, ("crash a",)),
    ]


def test_who_has_crashed_sees_nobody_until_it_is_started_again() -> None:
    lanes = spans.link_lanes(
        [
            (0.5, "a", "b", "live"),
            (0.5, "b", "a", "live"),
            (1.0, "b", "a", "reconnecting"),
            (3.0, "a", "b", "live"),
        ],
        [line(1, "crash", "a"), line(2, "restart", "a", "same")],
        4.0,
    )

    assert {link: [(span.begin, span.kind) for span in lane] for link, lane in lanes.items()} == {
        ("a", "b"): [(0.5, "live"), (1.0, "down"), (2.0, "dead"), (3.0, "live")],
        ("b", "a"): [(0.5, "live"), (1.0, "reconnecting")],
    }


def test_names_are_in_the_order_in_which_people_count() -> None:
    assert sorted(["n-10", "n-2", "n", "2"], key=spans.natural) == ["2", "n", "n-2", "n-10"]


def test_one_failure_among_a_thousand_calls_can_be_seen() -> None:
    picture = charts.calls_chart(TimeAxis(10.0), [*[(1.0, 0.01, 200)] * 1000, (1.0, 2.0, 504)], [])

    (failed,) = elements(picture, "rect", "failed")
    assert float(failed.get("height", "0")) >= 2
    assert "1.00 s to 1.10 s: 200: 1000, 504: 1" in picture


def test_faults_of_more_names_than_can_be_looked_at_share_a_lane_for_each_kind() -> None:
    async def scenario(sim: Sim) -> None:
        for number in range(50):
            sim.collector(f"shop-{number}")
        await sim.settled()
        for number in range(50):
            sim.pause(f"shop-{number}")
            await sim.sleep(0.1)

    faults = section(report(scenario), "faults")

    assert "50 faults, in one lane for each kind." in faults
    assert [element.text for element in elements(faults, "text", "name")] == ["pause"]
    assert "pause shop-49" in faults


@pytest.mark.parametrize(
    ("most", "count", "step"),
    [
        (10.0, 10, (1.0, 0)),
        (23.3, 10, (5.0, 0)),
        (0.7, 10, (0.1, 1)),
        (3600.0, 10, (500.0, 0)),
        (11.0, 10, (2.0, 0)),
    ],
)
def test_steps_are_round(most: float, count: int, step: tuple[float, int]) -> None:
    assert steps(most, count) == step


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0 s"),
        (0.0000021, "2.1 µs"),
        (0.006423, "6.42 ms"),
        (0.2, "200 ms"),
        (2.0, "2 s"),
        (3600.0, "3600 s"),
    ],
)
def test_durations_are_told_in_a_unit_that_suits_them(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_durations_that_are_too_short_for_the_axis_are_at_its_beginning() -> None:
    decades = Decades([0.0, 0.02])

    assert decades.share(0.0) == 0.0
    assert decades.ticks(1) == [(1e-4, "≤ 100 µs"), (1e-3, "1 ms"), (1e-2, "10 ms"), (1e-1, "100 ms")]


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert clipped("eu-west-1.production.orders.shop-17", 15) == "eu-west…shop-17"
    assert clipped("shop-17", 7) == "shop-17"
