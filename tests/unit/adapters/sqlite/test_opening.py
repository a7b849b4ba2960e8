"""Files that are no registry, or cannot be used: one clear error, and each stays as it is."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collector_mesh import RegistryError
from collector_mesh.adapters.sqlite import layout
from collector_mesh.adapters.sqlite.registry_store import SqliteStore
from collector_mesh.app.testing.contract.registry_store import entry, write


async def use(path: Path) -> int:
    async with SqliteStore(path, busy_seconds=0.1) as store:
        catalogue = await store.catalogue("shop")
        return await store.write(write(catalogue.revision, entry("a.proto", data=b"x" * 20_000)))


def made(path: Path) -> bytes:
    """A registry with something in it."""
    asyncio.run(use(path))
    return path.read_bytes()


def text(path: Path) -> None:
    path.write_text("[server]\nlisten = 127.0.0.1\n" * 20, encoding="utf-8")


def short_text(path: Path) -> None:
    path.write_bytes(b"hello")


def nothing(path: Path) -> None:
    path.touch()


def magic_alone(path: Path) -> None:
    path.write_bytes(layout.MAGIC)


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE entries (a); INSERT INTO entries VALUES (1);")


def of_another_program_with_a_log(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE a (b); PRAGMA application_id = 7;")


def empty_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA application_id = 0")


def without_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {layout.APPLICATION_ID}")


def of_a_later_version(path: Path) -> None:
    made(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {layout.VERSION + 1}")


def torn(path: Path) -> None:
    data = made(path)
    path.write_bytes(data[: len(data) * 2 // 3])


def torn_in_a_page(path: Path) -> None:
    data = made(path)
    path.write_bytes(data[: len(data) - 100])


def damaged(path: Path) -> None:
    data = bytearray(made(path))
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 12] = b"\xa5" * 12
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (text, "is no database of SQLite"),
        (short_text, "is no database of SQLite"),
        (nothing, "is empty"),
        (magic_alone, "is no database of SQLite"),
        (of_another_program, "is a database of another program"),
        (of_another_program_with_a_log, "is a database of another program"),
        (empty_database, "is a database of another program"),
        (without_tables, "is damaged: it has no table changes, entries, namespaces"),
        (of_a_later_version, "was written by a later version of collector-mesh"),
        (torn, "is damaged: it has "),
        (torn_in_a_page, "is damaged: it has "),
        (damaged, "is damaged"),
    ],
)
def test_what_is_no_whole_registry_is_refused_and_stays_as_it_is(
    make: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "registry.db"
    make(path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    with pytest.raises(RegistryError) as refused:
        asyncio.run(use(path))

    assert told in str(refused.value)
    assert repr(str(path)) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_folder_a_pipe_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    told = {}
    for path in (tmp_path, pipe, tmp_path / "no" / "registry.db", tmp_path / "dangling"):
        if path.name == "dangling":
            path.symlink_to(tmp_path / "nowhere")
        with pytest.raises(RegistryError) as refused:
            asyncio.run(use(path))
        told[path.name] = str(refused.value)

    assert "is a folder" in told[tmp_path.name]
    assert "is no ordinary file" in told["pipe"]
    assert "there is no folder" in told["registry.db"]
    assert "No such file" in told["dangling"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_and_a_folder_that_may_not_be_written_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    made(path)
    path.chmod(0o444)
    with pytest.raises(RegistryError, match="it may not be read and written"):
        asyncio.run(use(path))
    path.chmod(0o644)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(RegistryError, match="where SQLite keeps its log"):
            asyncio.run(use(path))
        with pytest.raises(
            RegistryError, match=r"other\.db' cannot be made: the folder '.*' may not be written"
        ):
            asyncio.run(use(tmp_path / "other.db"))
    finally:
        tmp_path.chmod(0o755)


def test_a_registry_is_made_under_any_name_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "ü ? #%20 &mode=memory.db"

    first = asyncio.run(use(path))
    second = asyncio.run(use(path))

    assert (first, second) == (1, 2)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_an_sqlite_that_is_too_old_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(RegistryError, match=r"needs SQLite 3\.37\.0 or later"):
        asyncio.run(use(tmp_path / "registry.db"))


def test_a_link_to_a_registry_is_followed(tmp_path: Path) -> None:
    made(tmp_path / "registry.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "registry.db")

    assert asyncio.run(use(tmp_path / "link.db")) == 2


def test_many_that_make_it_at_once_get_one_registry(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"

    async def one(number: int) -> None:
        async with SqliteStore(path) as store:
            await store.write(write(0, entry("a.proto", namespace=f"n{number}"), namespace=f"n{number}"))

    async def main() -> int:
        await asyncio.gather(*(one(number) for number in range(8)))
        async with SqliteStore(path) as store:
            return (await store.catalogue("n0")).namespaces

    assert asyncio.run(main()) == 8
    assert [file.name for file in tmp_path.iterdir()] == ["registry.db"]


@pytest.mark.parametrize("ending", ["-wal", "-journal"])
def test_no_new_registry_is_made_beside_the_log_of_one_that_is_gone(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "registry.db"
    log = tmp_path / f"registry.db{ending}"
    log.write_bytes(b"what was acknowledged")
    with pytest.raises(RegistryError, match=f"is gone, and its log '.*{ending}' is there"):
        asyncio.run(use(path))
    assert [one.name for one in tmp_path.iterdir()] == [log.name]
    assert log.read_bytes() == b"what was acknowledged"
