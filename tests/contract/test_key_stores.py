"""Every store of idempotency keys keeps the contract."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import AbstractAsyncContextManager, closing, nullcontext
from pathlib import Path

import pytest

from collector_mesh.adapters.sqlite.key_store import SqliteKeyStore
from collector_mesh.adapters.sqlite.registry_store import SqliteStore
from collector_mesh.app.testing.contract.key_store import RULES, claim_of, reply_of
from collector_mesh.domain.ports.key_store import KeyRules, KeysFullError, KeyState, KeyStore, KeyStoreError
from collector_mesh.domain.serving.memory_keys import MemoryKeyStore
from collector_mesh.testing import KeyStoreContract


class TestMemory(KeyStoreContract):
    @pytest.fixture
    def opening(self) -> AbstractAsyncContextManager[KeyStore]:
        return nullcontext(MemoryKeyStore())


class TestSqlite(KeyStoreContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> AbstractAsyncContextManager[KeyStore]:
        return SqliteKeyStore(tmp_path / "keys.db")


@pytest.mark.asyncio
async def test_two_processes_that_use_a_file_know_of_each_others_calls(tmp_path: Path) -> None:
    one, other = SqliteKeyStore(tmp_path / "keys.db"), SqliteKeyStore(tmp_path / "keys.db")
    async with one, other:
        assert one.store_id == other.store_id != ""
        await one.reserve(claim_of("ran"), RULES, 0.0)
        await one.finish(claim_of("ran"), reply_of(), RULES, 0.0)
        await one.reserve(claim_of("runs"), RULES, 0.0)

        kept = await other.reserve(claim_of("ran", claimant="two"), RULES, 1.0)
        running = await other.reserve(claim_of("runs", claimant="two"), RULES, 1.0)

        assert kept.reply == reply_of()
        assert running.state is KeyState.RUNNING


def owners_at(folder: Path) -> list[str]:
    return [each.name for each in folder.glob("*.owner-*")]


_KILLED = """
import asyncio, os, signal, sys
from collector_mesh.adapters.sqlite.key_store import SqliteKeyStore
from collector_mesh.app.testing.contract.key_store import RULES, claim_of, reply_of

async def main():
    async with SqliteKeyStore(sys.argv[1]) as store:
        await store.reserve(claim_of("ran"), RULES, 0.0)
        await store.finish(claim_of("ran"), reply_of(), RULES, 0.0)
        await store.reserve(claim_of("ran halfway"), RULES, 0.0)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.asyncio
async def test_what_a_killed_process_had_begun_is_lost_and_what_had_ended_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", _KILLED, str(path)], check=False, env={**os.environ}
    )
    assert killed.returncode == -signal.SIGKILL

    async with SqliteKeyStore(path) as store:
        for _ in range(2):
            ran = await store.reserve(claim_of("ran", claimant="two"), RULES, 1.0)
            halfway = await store.reserve(claim_of("ran halfway", claimant="two"), RULES, 1.0)

            assert ran.reply == reply_of()
            assert halfway.state is KeyState.LOST
        assert (await store.reserve(claim_of("new"), RULES, 1.0)).state is KeyState.BEGUN
        assert owners_at(tmp_path) == [f"keys.db.owner-{store.owner}"]


@pytest.mark.asyncio
async def test_what_dead_processes_have_begun_makes_room_in_time(tmp_path: Path) -> None:
    small = KeyRules(10.0, 2, 1 << 20)
    async with SqliteKeyStore(tmp_path / "keys.db") as store:
        for key in ("a", "b"):
            await store.reserve(claim_of(key), small, 0.0)
    async with SqliteKeyStore(tmp_path / "keys.db") as store:
        with pytest.raises(KeysFullError, match="2 idempotency keys"):
            await store.reserve(claim_of("c"), small, 1.0)

        assert (await store.reserve(claim_of("c"), small, 11.1)).state is KeyState.BEGUN


@pytest.mark.asyncio
async def test_replies_are_kept_as_long_as_they_had_left_when_the_machine_has_started_anew(
    tmp_path: Path,
) -> None:
    path = tmp_path / "keys.db"
    async with SqliteKeyStore(path) as store:
        await store.reserve(claim_of("k"), RULES, 1e6)
        await store.finish(claim_of("k"), reply_of(), RULES, 1e6)
    async with SqliteKeyStore(path) as store:
        assert (await store.reserve(claim_of("k"), RULES, 5.0)).state is KeyState.KEPT
        assert (await store.reserve(claim_of("k"), RULES, 64.9)).state is KeyState.KEPT
        assert (await store.reserve(claim_of("k"), RULES, 65.1)).state is KeyState.BEGUN


@pytest.mark.asyncio
async def test_a_file_that_is_no_key_store_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    text, registry, cut = tmp_path / "text", tmp_path / "registry.db", tmp_path / "cut.db"
    text.write_text("these are my notes")
    async with SqliteStore(registry), SqliteKeyStore(cut):
        pass
    cut.write_bytes(cut.read_bytes()[:5000])
    for path in (text, registry, cut, tmp_path):
        before = b"" if path.is_dir() else path.read_bytes()
        with pytest.raises(KeyStoreError) as raised:
            async with SqliteKeyStore(path):
                pass
        assert str(path) in str(raised.value)
        assert str(path) not in raised.value.told
        assert path.is_dir() or path.read_bytes() == before


@pytest.mark.asyncio
async def test_a_locked_file_is_waited_for_and_then_an_error_but_repeats_are_answered(tmp_path: Path) -> None:
    async with SqliteKeyStore(tmp_path / "keys.db", busy_seconds=0.1) as store:
        await store.reserve(claim_of("kept"), RULES, 0.0)
        await store.finish(claim_of("kept"), reply_of(), RULES, 0.0)
        with closing(sqlite3.connect(tmp_path / "keys.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(KeyStoreError, match="is locked by another program"):
                await store.reserve(claim_of("k"), RULES, 0.0)
            assert (await store.reserve(claim_of("kept"), RULES, 0.0)).reply == reply_of()
            other.execute("ROLLBACK")

        assert (await store.reserve(claim_of("k"), RULES, 0.0)).state is KeyState.BEGUN


@pytest.mark.asyncio
async def test_a_full_disk_is_an_error_and_nothing_is_half_written(tmp_path: Path) -> None:
    async with SqliteKeyStore(tmp_path / "keys.db") as store:
        await store.reserve(claim_of("k"), RULES, 0.0)
        await store.limit_pages(30)
        with pytest.raises(KeyStoreError, match="disk is full"):
            await store.finish(claim_of("k"), reply_of(b"x" * 500_000), RULES, 0.0)
        assert (await store.reserve(claim_of("k"), RULES, 0.0)).state is KeyState.BEGUN

        await store.finish(claim_of("k"), reply_of(), RULES, 0.0)

        assert (await store.reserve(claim_of("k"), RULES, 0.0)).reply == reply_of()


@pytest.mark.asyncio
async def test_a_reply_that_somebody_has_written_over_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    async with SqliteKeyStore(path) as store:
        await store.reserve(claim_of("k"), RULES, 0.0)
        await store.finish(claim_of("k"), reply_of(), RULES, 0.0)
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("UPDATE keys SET head = '{}'")

        with pytest.raises(KeyStoreError, match="is damaged"):
            await store.reserve(claim_of("k"), RULES, 0.0)
