"""A registry in a file while others do what they do to it."""

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import RegistryError
from collector_mesh.adapters.sqlite.registry_store import SqliteStore
from collector_mesh.app.testing.contract.registry_store import entry, write
from collector_mesh.domain.model.errors import Executed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    async with SqliteStore(path, busy_seconds=0.05) as store:
        yield store


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond this: what a full disk is to SQLite, but for the number of the error."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.asyncio
async def test_what_is_written_is_there_after_it_was_opened_again(path: Path) -> None:
    async with SqliteStore(path) as store:
        revision = await store.write(write(0, entry("a.proto", data=b"\0abc")))

    async with SqliteStore(path) as store:
        (found,) = await store.read([entry("a.proto").key])
        assert (await store.catalogue("shop")).revision == revision

    assert found is not None
    assert found.data == b"\0abc"


@pytest.mark.asyncio
async def test_a_file_that_another_program_has_locked_is_waited_for_and_named(
    store: SqliteStore, path: Path
) -> None:
    with locked(path):
        with pytest.raises(RegistryError, match="is locked by another program") as refused:
            await store.write(write(0, entry("a.proto")))
        assert (await store.catalogue("shop")).revision == 0

    assert str(path) in str(refused.value)
    assert (refused.value.code, refused.value.executed) == (503, Executed.NO)
    assert await store.write(write(0, entry("a.proto"))) == 1


@pytest.mark.asyncio
async def test_a_lock_that_goes_in_time_is_not_seen(path: Path) -> None:
    async with SqliteStore(path, busy_seconds=LIMIT_SECONDS) as store:
        with locked(path):
            writing = asyncio.ensure_future(store.write(write(0, entry("a.proto"))))
            await asyncio.wait([writing], timeout=0.02)
            assert not writing.done()

        assert await writing == 1


@pytest.mark.asyncio
async def test_questions_are_answered_while_a_change_waits_for_the_file(path: Path) -> None:
    async with SqliteStore(path, busy_seconds=LIMIT_SECONDS) as store:
        with locked(path):
            writing = asyncio.ensure_future(store.write(write(0, entry("a.proto"))))
            for _ in range(3):
                assert (await store.catalogue("shop")).revision == 0
            assert not writing.done()

        assert await writing == 1


@pytest.mark.asyncio
async def test_a_change_that_is_cancelled_while_it_waits_for_the_file_is_not_tried_again(path: Path) -> None:
    async with SqliteStore(path, busy_seconds=LIMIT_SECONDS) as store:
        with locked(path):
            writing = asyncio.ensure_future(store.write(write(0, entry("a.proto"))))
            await store.catalogue("shop")
            writing.cancel()
            await asyncio.wait([writing])
            # What was under way has ended before this is answered.
            await store.catalogue("shop")

        assert writing.cancelled()
        assert (await store.catalogue("shop")).revision == 0


@pytest.mark.asyncio
async def test_a_full_disk_is_an_error_loses_nothing_and_ends_with_it(store: SqliteStore, path: Path) -> None:
    revision = await store.write(write(0, entry("a.proto")))

    with files_of_at_most(64 * 1024):
        for _ in range(3):
            with pytest.raises(RegistryError, match=r"registry '.*registry\.db' "):
                await store.write(write(revision, entry("b.proto", data=b"x" * 200_000)))
        catalogue = await store.catalogue("shop")

    assert [head.key.name for head in catalogue.heads or ()] == ["a.proto"]
    assert await store.write(write(revision, entry("b.proto", data=b"x" * 200_000))) > revision
    assert len((await store.catalogue("shop")).heads or ()) == 2


def test_a_file_that_was_removed_or_replaced_is_not_written_to_nor_made_anew(
    path: Path, tmp_path: Path
) -> None:
    aside = tmp_path / "aside.db"
    store = SqliteStore(path)

    async def refused(told: str) -> None:
        with pytest.raises(RegistryError, match=told):
            await store.write(write(1, entry("b.proto")))

    with asyncio.Runner() as runner:
        runner.run(store.__aenter__())
        runner.run(store.write(write(0, entry("a.proto"))))
        path.rename(aside)
        runner.run(refused("is gone"))
        assert not path.exists()
        path.write_text("something else", encoding="utf-8")
        runner.run(refused("was replaced by another file"))
        assert path.read_text(encoding="utf-8") == "something else"
        aside.replace(path)
        assert runner.run(store.catalogue("shop")).revision == 1
        runner.run(store.__aexit__(None, None, None))


def test_a_file_that_was_cut_short_takes_no_changes_until_it_is_whole_again(path: Path) -> None:
    async def refused(store: SqliteStore, told: str) -> None:
        with pytest.raises(RegistryError, match=told):
            await store.write(write(1, entry("b.proto")))

    with asyncio.Runner() as runner:
        before, store = SqliteStore(path), SqliteStore(path)
        runner.run(before.__aenter__())
        runner.run(before.write(write(0, entry("a.proto", data=b"x" * 50_000))))
        runner.run(before.__aexit__(None, None, None))
        whole = path.read_bytes()
        runner.run(store.__aenter__())
        assert runner.run(store.catalogue("shop")).revision == 1
        path.write_bytes(b"")
        runner.run(refused(store, "is empty"))
        path.write_bytes(whole[: len(whole) // 2])
        runner.run(refused(store, "is damaged: it has"))
        path.write_bytes(whole)
        assert runner.run(store.write(write(1, entry("b.proto")))) == 2
        runner.run(store.__aexit__(None, None, None))


@pytest.mark.asyncio
async def test_what_others_write_into_it_by_hand_is_an_error_and_not_a_crash(
    store: SqliteStore, path: Path
) -> None:
    await store.write(write(0, entry("a.proto")))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE entries SET labels = '{'")

    with pytest.raises(RegistryError, match="is damaged"):
        await store.read([entry("a.proto").key])

    assert (await store.catalogue("shop")).revision == 1


@pytest.mark.asyncio
async def test_requests_wait_in_order_and_none_blocks_the_loop(store: SqliteStore, path: Path) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.ensure_future(turn())
    with locked(path):
        writing = asyncio.ensure_future(store.write(write(0, entry("a.proto"))))
        await until(lambda: turns > 100)
        assert not writing.done()
    await asyncio.wait([writing])
    turning.cancel()


@pytest.mark.asyncio
async def test_two_stores_of_one_file_see_each_other(store: SqliteStore, path: Path) -> None:
    async with SqliteStore(path) as other:
        revision = await store.write(write(0, entry("a.proto")))
        again = await other.write(write(revision, entry("b.proto")))

        assert (await store.catalogue("shop")).revision == again


@pytest.mark.asyncio
async def test_its_thread_ends_with_it_and_what_was_asked_for_is_done(path: Path) -> None:
    before = set(threading.enumerate())

    async with SqliteStore(path) as store:
        writing = asyncio.ensure_future(store.write(write(0, entry("a.proto"))))
        await asyncio.sleep(0)
    done = await writing

    assert done == 1
    assert set(threading.enumerate()) <= before
    with pytest.raises(RegistryError, match="is not open"):
        await store.catalogue("shop")
    assert [one.name for one in path.parent.iterdir()] == ["registry.db"]


@pytest.mark.asyncio
async def test_one_that_cannot_be_opened_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())

    with pytest.raises(RegistryError):
        await SqliteStore(tmp_path).__aenter__()

    assert set(threading.enumerate()) <= before


FORKED = """
import asyncio, os, sys, warnings
from collector_mesh.adapters.sqlite.registry_store import SqliteStore
from collector_mesh.app.testing.contract.registry_store import entry, write

warnings.simplefilter("ignore")

async def main():
    async with SqliteStore(sys.argv[1]) as store:
        await store.write(write(0, entry("a.proto")))
        if not os.fork():
            try:
                await store.catalogue("shop")
            except RuntimeError as error:
                print(error, flush=True)
            os._exit(0)
        os.wait()
        print(await store.write(write(1, entry("b.proto"))), flush=True)

asyncio.run(main())
"""


def test_a_forked_process_is_refused_and_the_file_is_whole(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )

    assert done.stdout.splitlines() == [
        f"registry {str(path)!r} belongs to the process that this one was forked from: open it anew in this one",
        "2",
    ]
