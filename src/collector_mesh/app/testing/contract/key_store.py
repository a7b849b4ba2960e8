"""The contract of stores of idempotency keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio

from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.ports.key_store import (
    Claim,
    KeyRules,
    KeysFullError,
    KeyState,
    KeyStore,
)

PAY = MethodKey("payments", "PaymentService", "Pay")
REFUND = MethodKey("payments", "PaymentService", "Refund")
RULES = KeyRules(seconds=60.0, max_keys=4, max_bytes=1 << 20)


def claim_of(key: str, *, method: MethodKey = PAY, digest: bytes = b"a", claimant: str = "one") -> Claim:
    """A claim, by default of one and the same call."""
    return Claim(method, key, digest, claimant)


def reply_of(text: bytes = b"done") -> Reply:
    """A reply of a handler."""
    return Reply(
        OK,
        Payload("type.example/Receipt", text),
        "payments-1",
        Executed.YES,
        (("a", "1"), ("b-bin", b"\0\xff")),
        initial_metadata=(("c", "2"),),
    )


class KeyStoreContract:
    """Tests for a store that a fixture `opening` of a subclass gives: a context manager that opens an empty one."""

    @pytest.fixture
    def opening(self) -> AbstractAsyncContextManager[KeyStore]:
        """Opens the store under test, and closes it."""
        raise NotImplementedError("define a fixture 'opening' that gives a context manager of a KeyStore")

    @pytest_asyncio.fixture
    async def store(self, opening: AbstractAsyncContextManager[KeyStore]) -> AsyncIterator[KeyStore]:
        """The store, open."""
        async with opening as store:
            yield store

    @pytest.mark.asyncio
    async def test_a_new_key_is_the_claimants_and_its_reply_is_kept_as_it_was(self, store: KeyStore) -> None:
        begun = await store.reserve(claim_of("k"), RULES, 0.0)
        await store.finish(claim_of("k"), reply_of(), RULES, 1.0)
        again = await store.reserve(claim_of("k", claimant="two"), RULES, 60.9)

        assert begun.state is KeyState.BEGUN
        assert (again.state, again.reply) == (KeyState.KEPT, reply_of())
        assert again.reply is not None
        assert again.reply.status is OK

    @pytest.mark.asyncio
    async def test_an_error_of_a_handler_is_kept_like_a_result(self, store: KeyStore) -> None:
        failed = Reply(
            Status(500, "handler error: no tea", {"a": "b"}), handled_by="x", executed=Executed.YES
        )
        await store.reserve(claim_of("k"), RULES, 0.0)
        await store.finish(claim_of("k"), failed, RULES, 0.0)

        assert (await store.reserve(claim_of("k"), RULES, 0.0)).reply == failed

    @pytest.mark.asyncio
    async def test_a_key_that_runs_is_running_to_others_for_as_long_as_it_takes(
        self, store: KeyStore
    ) -> None:
        await store.reserve(claim_of("k"), RULES, 0.0)

        assert (await store.reserve(claim_of("k", claimant="two"), RULES, 1e6)).state is KeyState.RUNNING
        assert (await store.reserve(claim_of("k"), RULES, 1e6)).state is KeyState.BEGUN

    @pytest.mark.asyncio
    async def test_another_request_is_refused_whatever_became_of_the_first(self, store: KeyStore) -> None:
        await store.reserve(claim_of("k"), RULES, 0.0)
        while_it_runs = await store.reserve(claim_of("k", digest=b"b"), RULES, 0.0)
        await store.finish(claim_of("k"), reply_of(), RULES, 0.0)
        afterwards = await store.reserve(claim_of("k", digest=b"b"), RULES, 0.0)

        assert while_it_runs.state is afterwards.state is KeyState.TAKEN

    @pytest.mark.asyncio
    async def test_a_key_is_of_its_method(self, store: KeyStore) -> None:
        await store.reserve(claim_of("k"), RULES, 0.0)

        assert (await store.reserve(claim_of("k", method=REFUND), RULES, 0.0)).state is KeyState.BEGUN

    @pytest.mark.asyncio
    async def test_what_did_not_run_is_forgotten(self, store: KeyStore) -> None:
        await store.reserve(claim_of("k"), RULES, 0.0)
        await store.release(claim_of("k"))

        assert (await store.reserve(claim_of("k", digest=b"b"), RULES, 0.0)).state is KeyState.BEGUN

    @pytest.mark.asyncio
    async def test_only_the_claimant_ends_or_gives_back_what_it_has_begun(self, store: KeyStore) -> None:
        await store.reserve(claim_of("k"), RULES, 0.0)
        await store.release(claim_of("k", claimant="two"))
        await store.finish(claim_of("k", claimant="two"), reply_of(b"not mine"), RULES, 0.0)
        await store.finish(claim_of("k"), reply_of(), RULES, 0.0)
        await store.release(claim_of("k"))
        await store.finish(claim_of("k"), reply_of(b"twice"), RULES, 0.0)

        assert (await store.reserve(claim_of("k"), RULES, 0.0)).reply == reply_of()

    @pytest.mark.asyncio
    async def test_replies_are_forgotten_at_their_time_and_not_before(self, store: KeyStore) -> None:
        for number in range(4):
            await store.reserve(claim_of(f"k{number}"), RULES, 0.0)
            await store.finish(claim_of(f"k{number}"), reply_of(), RULES, 0.0)
        with pytest.raises(KeysFullError) as raised:
            await store.reserve(claim_of("one more"), RULES, 59.9)

        assert (raised.value.code, raised.value.executed) == (429, Executed.NO)
        assert "4 idempotency keys" in str(raised.value)
        assert (await store.reserve(claim_of("k0"), RULES, 59.9)).state is KeyState.KEPT
        assert (await store.reserve(claim_of("k0"), RULES, 60.0)).state is KeyState.BEGUN
        assert (await store.reserve(claim_of("one more"), RULES, 60.1)).state is KeyState.BEGUN

    @pytest.mark.asyncio
    async def test_what_runs_takes_room_too_and_bytes_are_counted(self, store: KeyStore) -> None:
        small = KeyRules(60.0, 100, 4096)
        await store.reserve(claim_of("large"), small, 0.0)
        await store.finish(claim_of("large"), reply_of(b"x" * 5000), small, 0.0)

        with pytest.raises(KeysFullError, match="bytes, at most 4096"):
            await store.reserve(claim_of("k"), small, 1.0)

        assert (await store.reserve(claim_of("large"), small, 1.0)).state is KeyState.KEPT
        assert (await store.reserve(claim_of("k"), small, 61.0)).state is KeyState.BEGUN

    @pytest.mark.asyncio
    async def test_of_many_who_claim_at_once_one_begins(self, store: KeyStore) -> None:
        claims = [store.reserve(claim_of("k", claimant=f"{number}"), RULES, 0.0) for number in range(20)]

        states = [claimed.state for claimed in await asyncio.gather(*claims)]

        assert states.count(KeyState.BEGUN) == 1
        assert states.count(KeyState.RUNNING) == 19
