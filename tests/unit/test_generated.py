"""Code of every generation of compilers is at hand, and none is in the way of another; other people's is as they made it."""

import hashlib
import sys
from pathlib import Path

from mesh_test import users_pb2, users_pb2_grpc
from scripts.generate_protos import GENERATIONS
from tests.generated.generations import OLDEST, VERSIONS, Generation, load
from tests.generated.servicers import Audit, BlockingUsers, Users


def test_there_is_code_of_each_generation_that_the_script_names() -> None:
    assert tuple(VERSIONS) == GENERATIONS


def test_stubs_and_servicers_of_a_generation_are_its_own(generation: Generation) -> None:
    assert f"GRPC_GENERATED_VERSION = '{generation.version}'" in (
        generation.folder / "mesh_test" / "users_pb2_grpc.py"
    ).read_text(encoding="utf-8")
    assert generation.users_grpc.__file__ == str(generation.folder / "mesh_test" / "users_pb2_grpc.py")
    assert generation.users.User(name="a").SerializeToString() == b"\x12\x01a"


def test_a_generation_that_was_loaded_leaves_the_oldest_to_imports(generation: Generation) -> None:
    assert sys.modules["mesh_test.users_pb2"] is users_pb2
    assert load(OLDEST).users_grpc is users_pb2_grpc


def test_servicers_of_the_tests_leave_one_method_as_it_is() -> None:
    left = users_pb2_grpc.UserServiceServicer.Forget

    assert Users.Forget is left
    assert BlockingUsers.Forget is left
    assert Audit.Record is not users_pb2_grpc.AuditServiceServicer.Record


def test_the_examples_of_grpc_are_as_grpc_has_them() -> None:
    folder = Path(__file__).parents[2] / "examples" / "grpc"
    files = sorted(
        file
        for pattern in ("*.proto", "*greeter_*.py", "*route_guide_*.py", "*.json")
        for file in folder.glob(pattern)
        if "_pb2" not in file.name
    )

    assert len(files) == 12
    assert hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest() == (
        "6c905a89cc6671295957ef03d3c4f5bfb4cbe2e97696f332dfa514369d9592d1"
    )
