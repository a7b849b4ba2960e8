"""What it takes to find out whether a change of an interface breaks anything, beside buf."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, Target
from collector_mesh.adapters.wire.schemas import read_file
from collector_mesh.domain.registry.closure import linked
from collector_mesh.domain.registry.compatibility import differences

MESSAGES, FIELDS = 100, 10
CHANGED = 10
"""Messages of which a field has changed its type."""

_TYPES = (
    FieldDescriptorProto.TYPE_STRING,
    FieldDescriptorProto.TYPE_INT64,
    FieldDescriptorProto.TYPE_DOUBLE,
    FieldDescriptorProto.TYPE_BOOL,
    FieldDescriptorProto.TYPE_BYTES,
)


def interface(*, is_new: bool) -> bytes:
    """A file with a method for every message."""
    file = FileDescriptorProto(name="bench/shop.proto", package="bench.shop", syntax="proto3")
    service = file.service.add(name="Shop")
    for index in range(MESSAGES):
        message = file.message_type.add(name=f"Message{index}")
        for number in range(1, FIELDS):
            kind = _TYPES[(index + number) % len(_TYPES)]
            message.field.add(name=f"field_{number}", number=number, type=kind, label=1)
        inner = f".bench.shop.Message{(index + 1) % MESSAGES}"
        message.field.add(name="inner", number=FIELDS, type=11, type_name=inner, label=3)
        if is_new and index < CHANGED:
            message.field[0].type = FieldDescriptorProto.TYPE_FIXED32
        name = f".bench.shop.{message.name}"
        service.method.add(name=f"Do{index}", input_type=name, output_type=name)
    data: bytes = file.SerializeToString()
    return data


def milliseconds(work: Callable[[], object], seconds: float) -> float:
    """What some work takes, by the fastest of its runs in so long: there is nothing to wait for, but for other programs."""
    fastest = float("inf")
    stop = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < stop or fastest == float("inf"):
        work()
        fastest = min(fastest, time.perf_counter() - begin)
    return fastest * 1000


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    data, changed = interface(is_new=False), interface(is_new=True)
    old, new = linked([read_file(data)]), linked([read_file(changed)])
    assert len(differences(old, new)) == CHANGED
    works: dict[str, Callable[[], object]] = {
        "compare": lambda: differences(old, new),
        "read and link": lambda: linked([read_file(data)]),
    }
    with tempfile.TemporaryDirectory() as folder:
        if (command := _buf(Path(folder), data, changed)) is not None:
            works["buf breaking, a process"] = command
        rounds = [
            [milliseconds(work, conditions.seconds / 4) for work in works.values()] for _ in range(ROUNDS)
        ]
    print(
        f"\nRules: two versions of a file of {MESSAGES} messages with {FIELDS} fields each, {CHANGED} differ"
    )
    figures = [Figure(tuple(taken), " ms") for taken in zip(*rounds, strict=True)]
    for name, figure in zip(works, figures, strict=True):
        print(f"  {name:34s} {figure}")
    if command is None:
        print("  buf is not installed; it comes with the extra 'dev'")
    print(f"  {'compare':34s} {Target(1.0, ' ms').judge(figures[0].median)}")


def _buf(folder: Path, old: bytes, new: bytes) -> Callable[[], object] | None:
    """A run of buf with both versions, None where it is not installed."""
    beside = Path(sys.executable).parent / "buf"
    found = str(beside) if beside.exists() else shutil.which("buf")
    if found is None:
        return None
    for name, data in (("old", old), ("new", new)):
        files = FileDescriptorSet()
        files.file.add().ParseFromString(data)
        (folder / f"{name}.binpb").write_bytes(files.SerializeToString())
    config = json.dumps({"version": "v2", "breaking": {"use": ["WIRE_JSON"]}})
    command = [found, "breaking", str(folder / "new.binpb"), "--against", str(folder / "old.binpb")]

    def run() -> None:
        done = subprocess.run(
            [*command, "--config", config, "--error-format", "json"], capture_output=True, check=False
        )
        assert len(done.stdout.splitlines()) == CHANGED, done.stderr

    return run
