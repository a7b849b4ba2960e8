"""`serve --mount`: what may be named, and what is said of the rest."""

import argparse
import sys
from pathlib import Path

import attrs
import pytest

from collector_mesh.app.cli.config import ServeConfig
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.serving import collector_of
from collector_mesh.app.cli.sources import Sourced, read_config

MODULE = """
from mesh_test import users_pb2_grpc
from tests.generated.servicers import Audit, Users
add_users = users_pb2_grpc.add_UserServiceServicer_to_server
add_audit = users_pb2_grpc.add_AuditServiceServicer_to_server
users = Users()
class NeedsMore(Users):
    def __init__(self, database): ...
def make():
    return Users()
async def make_later():
    return Users()
def mount(collector):
    collector.mount("both", add_users, users)
    collector.mount("both", add_audit, Audit())
async def mount_later(collector): ...
def mount_twice(collector):
    collector.mount("both", add_users, users)
    collector.mount("both", add_users, users)
def fails(collector):
    raise SystemExit("no database")
"""

USERS, AUDIT = "mesh.test.users.v1.UserService", "mesh.test.users.v1.AuditService"


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "to_mount.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "to_mount", raising=False)


def told(*mounts: str) -> Sourced:
    return Sourced(ServeConfig(id="users-1", mount=mounts), {("mount",): "--mount"})


@pytest.mark.parametrize("servicer", ["users", "Users", "make"])
def test_a_servicer_is_an_instance_its_class_or_what_makes_one(servicer: str) -> None:
    collector = collector_of(told(f"people=to_mount:add_users=to_mount:{servicer}"))

    assert {info.key.service for info in collector.snapshot().methods} == {USERS}
    assert collector.namespaces == ("people",)


def test_a_callable_mounts_what_it_likes() -> None:
    collector = collector_of(told("to_mount:mount"))

    assert {info.key.service for info in collector.snapshot().methods} == {USERS, AUDIT}


@pytest.mark.parametrize(
    ("mount", "text"),
    [
        ("n=to_mount:nothing=to_mount:users", "--mount to_mount:nothing: to_mount has no nothing"),
        ("n=to_mount:add_users=no_module:users", "--mount no_module:users: cannot import no_module: there is no such"),
        ("n=to_mount:Users=to_mount:add_users", "adder and servicer seem to be swapped: to_mount:Users is a class"),
        ("n=to_mount:users=to_mount:add_users", "no servicer was made: TypeError: add_UserServiceServicer_to_server"),
        ("n=to_mount:add_users=to_mount:NeedsMore", "no servicer was made: TypeError: "),
        ("n=to_mount:add_users=to_mount:make_later", "what makes a servicer must be a plain callable, got an async one"),
        ("n=to_mount:add_audit=to_mount:users", "add_AuditServiceServicer_to_server cannot add Users: "),
        ("to_mount:users", "--mount to_mount:users: must be a callable that takes the collector and mounts, got Users"),
        ("to_mount:make", "--mount to_mount:make: must be a callable that takes the collector alone: too many positional"),
        ("to_mount:mount_later", "--mount to_mount:mount_later: must be a plain callable, got an async one"),
        ("to_mount:mount_twice", "--mount to_mount:mount_twice: method both/mesh.test.users.v1.UserService.GetUser is reg"),
        ("to_mount:fails", "--mount to_mount:fails: nothing was mounted: SystemExit: no database"),
    ],
)  # fmt: skip
def test_what_cannot_be_mounted_is_one_line(mount: str, text: str) -> None:
    with pytest.raises(CommandError) as failure:
        collector_of(told(mount))

    assert text in str(failure.value)
    assert "\n" not in str(failure.value)


def test_all_that_cannot_be_mounted_is_told_together() -> None:
    with pytest.raises(CommandError, match=r"2 problems: .*mount_twice: .*; .*fails: "):
        collector_of(told("to_mount:mount_twice", "to_mount:fails"))


@pytest.mark.parametrize(
    "mount", ["", "x", "n=a:b", "n=a:b=c:d=e:f", "n=a:b=c", "=a:b", "a:b:c", "n=a:b=c:d=", "n=a:b==c:d"]
)
def test_a_malformed_mount_says_what_is_allowed(mount: str) -> None:
    with pytest.raises(
        ValueError, match=r"must be NAMESPACE=MODULE:ADDER=MODULE:SERVICER or MODULE:CALLABLE, got"
    ):
        ServeConfig(id="a", mount=(mount,))


def test_the_namespace_of_a_mount_is_checked() -> None:
    with pytest.raises(ValueError, match=r"namespace must match .*, got 'a b'"):
        ServeConfig(id="a", mount=("a b=c:d=e:f",))


def test_mounts_come_from_the_environment_and_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text('mount = ["a:b", "n=a:b=c:d"]\n')
    flags = argparse.Namespace(**{each.name: None for each in attrs.fields(ServeConfig)}, config=str(file))

    from_file = read_config(flags, {})
    from_environment = read_config(flags, {"COLLECTOR_MESH_MOUNT": "n=e:f=g:h,e:f"})

    assert from_file.config.mount == ("a:b", "n=a:b=c:d")
    assert from_environment.config.mount == ("n=e:f=g:h", "e:f")
