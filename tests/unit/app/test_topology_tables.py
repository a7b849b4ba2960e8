"""Snapshots and explanations as people see them."""

import io

import attrs
import pytest
from rich.console import Console, RenderableType

from collector_mesh.app.cli.topology_tables import amount, duration, explanation_lines, snapshot_lines
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import (
    CandidateInfo,
    ConnectionInfo,
    Explanation,
    LinkEnd,
    MethodInfo,
    Snapshot,
)

KEY = MethodKey("orders", "shop.v1.OrderService", "CreateOrder")
NOBODY = Snapshot("c-1", "", "new", (), (), ())
BUSY = Snapshot(
    "orders-collector-1",
    "127.0.0.1:50051",
    "serving",
    ("orders", "users"),
    (MethodInfo(KEY, "unary", idempotent=True),),
    (
        ConnectionInfo(
            "users-1",
            "192.168.100.100:50052",
            "id",
            ("users",),
            "live",
            True,
            3,
            "link",
            "",
            7300.2,
            0.00123,
            held_bytes=1536,
        ),
        ConnectionInfo(
            "billing-collector-17",
            "10.0.0.1:50052",
            "id",
            ("orders", "users"),
            "reconnecting",
            dialed=False,
            in_flight=13_000,
            carrier="unary",
            reason="nobody has answered [red]\x1b[31m",
            age=273_300.0,
            round_trip=0.9,
        ),
    ),
    dialing=("127.0.0.1:9",),
    running=1,
    outgoing=2,
    clients=1,
    held_bytes=3 << 20,
    resident_bytes=47 << 20,
    ended=(LinkEnd("", "", "refused: the id is held by another collector", 300.0),),
)


def printed(*parts: RenderableType, width: int = 80) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    console.print(*parts, sep="\n")
    return file.getvalue()


def test_everything_fits_in_80_columns_and_addresses_stay_whole() -> None:
    lines = printed(*snapshot_lines(BUSY)).splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[0] == "orders-collector-1 at 127.0.0.1:50051, serving"
    assert "1 running, 2 outgoing, 1 client" in lines
    assert "memory: 3.0 MiB held for others, 47 MiB resident" in lines
    assert "dialing: 127.0.0.1:9" in lines
    assert any(line.split() == ["192.168.100.100:50052", "dialed", "1.5", "KiB"] for line in lines)


def test_a_link_is_told_with_its_age_round_trip_and_calls() -> None:
    lines = printed(*snapshot_lines(BUSY), width=120).splitlines()

    first = next(number for number, line in enumerate(lines) if line.startswith("users-1 "))
    (live,) = [line for line in lines if line.startswith("users-1 ")]
    assert live.split() == ["users-1", "live", "link", "users", "2h01m", "1.2", "3"]
    assert lines[first + 1].split()[-2:] == ["1.5", "KiB"]


def test_links_that_have_ended_are_told_with_their_reason() -> None:
    shown = printed(*snapshot_lines(BUSY))

    assert "Ended lately" in shown
    assert "refused: the id is held by another collector" in shown


def test_links_that_have_ended_alike_are_one_line_with_their_number_and_the_latest_time() -> None:
    refused = [LinkEnd("", "127.0.0.1:9", "refused", age) for age in (1.0, 2.0, 4.0)]
    ended = (refused[0], LinkEnd("c-2", "127.0.0.1:8", "goodbye", 1.5), *refused[1:])

    shown = printed(*snapshot_lines(attrs.evolve(BUSY, ended=ended))).splitlines()

    first = next(number for number, line in enumerate(shown) if line.startswith("Ended lately"))
    assert [line.split() for line in shown[first + 1 : first + 5] if "─" not in line] == [
        ["peer", "address", "reason", "times", "ago"],
        ["unknown", "127.0.0.1:9", "refused", "3", "1s"],
        ["c-2", "127.0.0.1:8", "goodbye", "1", "1s"],
    ]


def test_what_others_say_is_neither_markup_nor_steers_the_terminal() -> None:
    shown = printed(*snapshot_lines(BUSY))

    assert "billing-collector-17 is reconnecting: nobody has answered [red]\\x1b[31m" in shown
    assert "\x1b" not in shown


def test_a_collector_that_has_nothing_says_so() -> None:
    shown = printed(*snapshot_lines(NOBODY))

    assert shown.splitlines() == [
        "c-1, new",
        "namespaces: none",
        "0 running, 0 outgoing, 0 clients",
        "",
        "No methods run here.",
        "",
        "No links to peers.",
    ]


@pytest.mark.parametrize(
    ("fits", "said"),
    [
        ((True, True, True), "runs on a"),
        ((False, True, True), "goes to one of b, c"),
        ((False, False, True), "goes to c"),
        ((False, False, False), "goes nowhere: no collector is fit"),
    ],
)
def test_an_explanation_begins_with_where_the_call_goes(fits: tuple[bool, ...], said: str) -> None:
    candidates = tuple(CandidateInfo(name, fit, "why") for name, fit in zip("abc", fits, strict=True))

    shown = printed(*explanation_lines(Explanation(KEY, candidates)))

    assert shown.startswith(f"{KEY} {said}\n")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0s"),
        (59.9, "59s"),
        (60.0, "1m00s"),
        (3599.0, "59m59s"),
        (3600.0, "1h00m"),
        (86_400.0, "1d00h"),
        (273_600.0, "3d04h"),
        (-1.0, "-"),
        (float("inf"), "-"),
    ],
)
def test_a_time_span_is_told_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10 << 10, "10 KiB"),
        ((1 << 20) - 1, "1024 KiB"),
        (256 << 20, "256 MiB"),
        (3 << 30, "3.0 GiB"),
        (1 << 60, "1048576 TiB"),
    ],
)
def test_a_number_of_bytes_is_told_in_one_unit(size: int, shown: str) -> None:
    assert amount(size) == shown
