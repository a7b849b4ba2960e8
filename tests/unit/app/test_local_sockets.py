"""Where collectors of a machine can be looked at: one rule for those who serve and those who look."""

import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from collector_mesh.app.cli.local_sockets import (
    Claim,
    LocalError,
    folders,
    own_folder,
    running,
    socket_of,
    socket_path,
    where_none,
)

LONG = "x" * 128


@pytest.fixture
def runtime() -> Iterator[Path]:
    # The path of a socket is short; those that pytest gives are long.
    with tempfile.TemporaryDirectory(prefix="mesh-") as folder:
        yield Path(folder)


@pytest.fixture
def environment(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # Python's own choice, for those that the environment does not name.
    monkeypatch.setattr(tempfile, "tempdir", str(runtime / "temporary"))
    (runtime / "temporary").mkdir()
    return {"XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(runtime / "temporary")}


def listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def test_the_folder_is_in_that_of_the_session_and_only_its_user_can_enter(
    environment: dict[str, str], runtime: Path
) -> None:
    folder = own_folder(environment)

    assert folder == runtime / "collector-mesh"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "named", [{}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "relative"}, {"TMPDIR": "none"}]
)
def test_without_one_it_is_in_the_temporary_folder_under_the_name_of_the_user(
    environment: dict[str, str], runtime: Path, named: dict[str, str]
) -> None:
    folder = own_folder({"TMP": str(runtime / "temporary"), **named})

    assert folder == runtime / "temporary" / f"collector-mesh-{os.geteuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_where_that_of_the_session_is_gone_the_temporary_one_is_taken(environment: dict[str, str]) -> None:
    gone = environment | {"XDG_RUNTIME_DIR": "/nowhere/at/all"}

    assert own_folder(gone) == folders(gone)[1]


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_can_enter_is_not_trusted(
    environment: dict[str, str], runtime: Path, mode: int
) -> None:
    folder = runtime / "temporary" / f"collector-mesh-{os.geteuid()}"
    folder.mkdir()
    folder.chmod(mode)

    with pytest.raises(LocalError, match=f"is open to others: its mode is {mode:04o}"):
        own_folder(environment | {"XDG_RUNTIME_DIR": ""})


def test_a_folder_that_is_a_link_is_not_trusted(environment: dict[str, str], runtime: Path) -> None:
    (runtime / "elsewhere").mkdir(mode=0o700)
    (runtime / "temporary" / f"collector-mesh-{os.geteuid()}").symlink_to(runtime / "elsewhere")

    with pytest.raises(LocalError, match="is no folder"):
        own_folder(environment | {"XDG_RUNTIME_DIR": ""})


def test_a_folder_of_another_user_is_not_trusted(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_folder(environment)
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)

    with pytest.raises(LocalError, match="belongs to another user"):
        socket_of("a", environment)


def test_a_long_id_has_a_socket_named_after_its_hash_and_is_found_by_its_id(
    environment: dict[str, str],
) -> None:
    folder = own_folder(environment)
    path = socket_path(folder, LONG)

    with Claim(path, LONG), closing(listening(path)):
        assert path.name.startswith("~")
        assert running(environment) == {LONG: path}
        assert socket_of(LONG, environment) == path


def test_a_folder_whose_path_is_too_long_has_no_sockets() -> None:
    with pytest.raises(LocalError, match="is too long for a socket, whose path has at most 107 bytes"):
        socket_path(Path("/" + "x" * 100), "a")


def test_one_collector_alone_has_the_socket_of_an_id(environment: dict[str, str]) -> None:
    path = socket_path(own_folder(environment), "a")

    with Claim(path, "a"), pytest.raises(LocalError, match="another collector 'a' runs on this machine"):
        Claim(path, "a").__enter__()
    with Claim(path, "a"):
        pass

    assert list(path.parent.iterdir()) == []


def test_what_a_killed_process_has_left_is_replaced(environment: dict[str, str]) -> None:
    path = socket_path(own_folder(environment), "a")
    listening(path).close()
    path.with_suffix(".lock").write_text("a")

    assert running(environment) == {}
    with Claim(path, "a"):
        assert not path.exists()


def test_a_lock_that_is_a_link_is_not_followed(environment: dict[str, str], runtime: Path) -> None:
    path = socket_path(own_folder(environment), "a")
    path.with_suffix(".lock").symlink_to(runtime / "victim")

    with pytest.raises(OSError, match=r"a\.lock"):
        Claim(path, "a").__enter__()

    assert not (runtime / "victim").exists()


def test_those_who_look_find_it_in_either_folder(environment: dict[str, str]) -> None:
    # A service of the system has no session, the user who looks has one.
    path = socket_path(own_folder(environment | {"XDG_RUNTIME_DIR": ""}), "a")

    with Claim(path, "a"), closing(listening(path)):
        assert socket_of("a", environment) == path
        assert running(environment) == {"a": path}


def test_one_that_does_not_run_is_named_with_where_it_was_looked_for(
    environment: dict[str, str], runtime: Path
) -> None:
    with pytest.raises(LocalError, match=f"no collector 'a' runs here for this user, by {runtime}"):
        socket_of("a", environment)


def test_a_folder_that_is_not_looked_into_is_named_with_the_reason(
    environment: dict[str, str],
) -> None:
    folder = own_folder(environment)
    folder.chmod(0o755)

    said = f"{folder} is open to others: its mode is 0755, not 0700"
    assert where_none(environment).endswith(f": {said}")
    with pytest.raises(LocalError) as raised:
        socket_of("a", environment)
    assert str(raised.value).count(said) == 1
    assert running(environment) == {}
