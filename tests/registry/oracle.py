"""What buf says of changes: many of them in one run, as each is in files of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from collector_mesh.adapters.wire.schemas import file_proto
from collector_mesh.domain.registry.rules import Level
from collector_mesh.domain.registry.schema import Schema

CATEGORIES: Mapping[Level, str] = {"wire_json": "WIRE_JSON", "wire": "WIRE"}
"""What buf calls the levels."""

_TIMEOUT = 120.0


def buf() -> str | None:
    """The path of buf, beside this Python or on the PATH; None where it is not."""
    beside = Path(sys.executable).parent / "buf"
    return str(beside) if beside.exists() else shutil.which("buf")


@attrs.frozen
class Change:
    """Two versions of an interface; its files have names that no other change has.

    Attributes:
        name: what files are called, before their endings.
        old: the version before.
        new: the version now.
        made: what was changed.
    """

    name: str
    old: Schema
    new: Schema
    made: Sequence[str]


def categories(command: str) -> dict[str, frozenset[str]]:
    """The rules of buf by their names, each with the categories that it is in."""
    done = _run(command, "config", "ls-breaking-rules", "--version", "v2", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["id"]: frozenset(one["categories"]) for one in told}


def broken_rules(command: str, folder: Path, changes: Sequence[Change]) -> dict[str, frozenset[str]]:
    """The names of the rules of buf that each change breaks, by the names of the changes; of all levels."""
    for name, schemas in (("old", [one.old for one in changes]), ("new", [one.new for one in changes])):
        files = FileDescriptorSet()
        for schema in schemas:
            for file in schema.files:
                files.file.add().ParseFromString(file_proto(file))
        (folder / f"{name}.binpb").write_bytes(files.SerializeToString())
    config = json.dumps({"version": "v2", "breaking": {"use": list(CATEGORIES.values())}})
    new, old = str(folder / "new.binpb"), str(folder / "old.binpb")
    done = _run(command, "breaking", new, "--against", old, "--config", config, "--error-format", "json")
    # 100 says that something is broken.
    assert done.returncode in {0, 100}, done.stderr
    found: dict[str, set[str]] = {one.name: set() for one in changes}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        found[told["path"].removesuffix(".proto").removesuffix("_base")].add(told["type"])
    return {name: frozenset(rules) for name, rules in found.items()}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT)
