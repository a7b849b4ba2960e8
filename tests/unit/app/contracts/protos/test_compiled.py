"""The .proto of a contract, compiled by another program: it has the descriptors of the contract again."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from tests.limits import LIMIT_SECONDS
from tests.unit.app.contracts.locks.files import SHOP

from collector_mesh.adapters.wire.schemas import read_file
from collector_mesh.app.contracts.locks.lock import canonical
from collector_mesh.app.contracts.protos.source import proto_source
from collector_mesh.domain.registry.schema import (
    Enum,
    EnumValue,
    Field,
    File,
    Message,
    Method,
    Reserved,
    Service,
)

BUF = shutil.which("buf", path=Path(sys.executable).parent) or shutil.which("buf")


def field(name: str, number: int, type_name: str) -> Field:
    return Field(name, number, "message", type_name, "optional", json_name=name)


NESTED = File(
    "nested.proto",
    "acme.google",
    imports=("google/protobuf/duration.proto",),
    messages=(
        Message(
            "acme.google.Order",
            (
                field("own", 1, "acme.google.Order.Item"),
                field("other", 2, "acme.google.Item"),
                field("how_long", 3, "google.protobuf.Duration"),
                Field("text", 4, "string", cardinality="optional", oneof="what", json_name="text"),
                Field("number", 5, "int64", cardinality="optional", oneof="what", json_name="number"),
                field("message", 6, "acme.google.message"),
            ),
            Reserved(((7, 8), (20_000, 536_870_911)), ("gone", "long_gone")),
        ),
        Message("acme.google.Order.Item", (Field("kind", 1, "enum", "acme.google.Order.Kind", json_name="kind"),)),
        Message("acme.google.Item"),
        Message("acme.google.message"),
    ),
    enums=(
        Enum(
            "acme.google.Order.Kind",
            (EnumValue("NONE", 0), EnumValue("LESS", -1), EnumValue("MOST", (1 << 31) - 1)),
            Reserved(((-9, -8), (5, 2_147_483_646)), ("OLD",)),
        ),
    ),
    services=(
        Service(
            "acme.google.Watching",
            (
                Method("Watch", "acme.google.Item", "acme.google.Order", server_streaming=True),
                Method("rpc", "acme.google.Item", "acme.google.message", idempotency="no_side_effects"),
            ),
        ),
    ),
)  # fmt: skip
PLAIN = File(
    "plain.proto",
    messages=(
        Message("string", (Field("string", 1, "string", json_name="string"), Field("an_odd_one", 2, "bool", json_name='a"b'))),
        Message("optional", (field("message", 1, "string"), field("reserved", 2, "optional"))),
    ),
)  # fmt: skip
BOUGHT = attrs.evolve(SHOP, imports=("google/protobuf/empty.proto", "google/protobuf/timestamp.proto"))
FILES = {file.name: file for file in (BOUGHT, NESTED, PLAIN)}
COMMENTS = {
    "acme.shop.Order": "It has */ and // and \\ in it.\n\n\tAnd a \u2028 line.\\",
    "string": 'syntax = "proto2";',
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, File]:
    """What buf makes of the texts of all files."""
    if BUF is None:
        pytest.skip("needs buf")
    folder = tmp_path_factory.mktemp("protos")
    for name, file in FILES.items():
        text = proto_source(file, comments=COMMENTS, options={"go_package": 'example.com/"x"\\y'})
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    command = [BUF, "build", str(folder), "--as-file-descriptor-set", "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr.decode()
    return {
        file.name: read_file(file.SerializeToString())
        for file in FileDescriptorSet.FromString(done.stdout).file
    }


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_is_compiled_is_what_was_written(compiled: Mapping[str, File], name: str) -> None:
    assert canonical(compiled[name]) == canonical(FILES[name])


def test_the_methods_keep_their_order(compiled: Mapping[str, File]) -> None:
    methods = [method.name for method in compiled["acme/shop/shop.proto"].services[0].methods]

    assert methods == ["create_order", "count"]
