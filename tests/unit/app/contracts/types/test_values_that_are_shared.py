"""Values that stand in many places: each takes room in the bytes, and only once in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.app.contracts.types.echo import codec_of, there_and_back

from collector_mesh import HandlerError, PayloadTooLargeError

LIMIT = 1 << 16


@dataclass
class Node:
    name: str = ""
    note: str | None = None
    nodes: list["Node"] = field(default_factory=list)
    by: dict[str, "Node"] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    sums: list[Decimal] = field(default_factory=list)
    times: tuple[datetime, ...] = ()
    numbers: list[int] = field(default_factory=list)


class Text(str):
    __slots__ = ()

    def __len__(self) -> int:
        raise KeyError("not asked")


LONG = "x" * (LIMIT // 8)


def doubled(node: Node, times: int) -> Node:
    for _ in range(times):
        node = Node(nodes=[node, node])
    return node


def cycle() -> Node:
    node = Node()
    node.nodes = [node, node]
    node.name = "x"
    return node


@pytest.mark.parametrize(
    "value",
    [
        doubled(Node(), 60),
        doubled(Node(LONG), 8),
        doubled(Node(note=LONG), 8),
        doubled(Node(numbers=[1] * 8_000), 8),
        doubled(Node(times=(datetime.now(UTC),) * 8_000), 8),
        doubled(Node(blobs={"a": LONG.encode()}), 8),
        doubled(Node(by={LONG: Node()}), 8),
        Node(texts=[LONG] * 1_000_000),
        Node(texts=[Text(LONG)] * 1_000_000),
        Node(sums=[Decimal("1" * 8_000)] * 1_000_000),
    ],
    ids=["nodes", "name", "note", "numbers", "times", "blobs", "keys", "texts", "subclass", "decimals"],
)
def test_a_small_value_that_has_many_bytes_is_refused_before_they_are_written(value: Node) -> None:
    codec = codec_of(Node)

    with pytest.raises(PayloadTooLargeError, match=r"value: has more values .* or more than 65536 bytes"):
        codec.write_request((value,), {}, LIMIT)
    with pytest.raises(HandlerError, match=r"result: has more values .* or more than 65536 bytes"):
        codec.write_result(value, LIMIT)


def test_a_value_that_stands_in_a_few_places_travels_as_often() -> None:
    value = doubled(
        Node("a", None, [], {"b": Node("c")}, [LONG, LONG], {"d": b"e"}, [Decimal(1)], (), [1]), 2
    )

    assert there_and_back(Node, value) == value


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (list[str], ["", "a" * 9, "b"] * 40),
        (list[bytes], [b""] * 200),
        (list[bool], [True] * 200),
        (list[int], [-1] * 40),
        (list[Node], [Node()] * 200),
        (list[Node], [Node(LONG[:100], LONG[:100])] * 2),
        (dict[str, str], {str(number): "" for number in range(50)}),
        (dict[bool, bytes], {True: b"a" * 200, False: b"b" * 200}),
        (list[datetime], [datetime(1970, 1, 1, tzinfo=UTC)] * 200),
        (list[Decimal], [Decimal(1)] * 100),
    ],
    ids=str,
)
def test_what_has_as_many_bytes_as_are_allowed_is_written(hint: Any, value: Any) -> None:
    codec = codec_of(hint)
    data = codec.write_request((value,), {})

    assert codec.write_request((value,), {}, len(data)) == data


class Counting(Node):
    reads = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "nodes":
            Counting.reads += 1
        return super().__getattribute__(name)


def test_a_value_of_a_few_objects_is_refused_without_a_look_at_each_place() -> None:
    node: Node = Counting()
    for _ in range(60):
        node = Counting(nodes=[node, node])

    with pytest.raises(PayloadTooLargeError):
        codec_of(Node).write_request((node,), {})

    assert Counting.reads < 50_000


def test_a_value_of_many_objects_is_written() -> None:
    value = Node(nodes=[Node(nodes=[Node("a")] * 50) for _ in range(800)])

    assert there_and_back(Node, value) == value
