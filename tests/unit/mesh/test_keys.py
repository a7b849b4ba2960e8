"""Calls with idempotency keys, in whole meshes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_asyncio
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, Executed, LoopbackNetwork, MeshClient, Service, Settings
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import payload_of
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.key_store import Claim, Claimed, KeyRules, KeyStoreError
from collector_mesh.domain.serving.memory_keys import MemoryKeyStore

PAY = ("payments", "PaymentService", "Pay")
REFUND = ("payments", "PaymentService", "Refund")


@attrs.define
class Till:
    """A service that counts, and goes on when it may."""

    name: str
    paid: list[str] = attrs.field(factory=list)
    may_go_on: asyncio.Event = attrs.field(factory=asyncio.Event)
    has_begun: asyncio.Event = attrs.field(factory=asyncio.Event)

    def service(self) -> Service:
        service = Service("payments", "PaymentService")

        @service.method("Pay")
        async def pay(request: str) -> str:
            self.paid.append(request)
            self.has_begun.set()
            await self.may_go_on.wait()
            if request == "too much":
                raise ValueError("no money left")
            return f"{self.name} {len(self.paid)}"

        @service.method("Refund")
        def refund(request: str) -> str:
            self.paid.append(f"refund {request}")
            return f"refund {len(self.paid)}"

        return service


@attrs.define
class Shop:
    """Two tills, and a hub that calls them."""

    network: LoopbackNetwork
    hub: Collector
    tills: dict[str, Till]
    collectors: dict[str, Collector]

    @property
    def paid(self) -> list[str]:
        return [each for till in self.tills.values() for each in till.paid]

    def go_on(self) -> None:
        for till in self.tills.values():
            till.may_go_on.set()


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    network, tills, collectors = LoopbackNetwork(), {}, {}
    async with asyncio.timeout(LIMIT_SECONDS), AsyncExitStack() as opened:
        for name in ("till-1", "till-2"):
            till = tills[name] = Till(name)
            collectors[name] = await opened.enter_async_context(
                Collector(name, services=[till.service()], transport=network)
            )
        hub = Collector("hub", namespaces=["payments"], peers=list(tills), transport=network)
        await opened.enter_async_context(hub)
        await hub.wait_for(peers=2)
        yield Shop(network, hub, tills, collectors)


async def begun(shop: Shop) -> None:
    waits = [asyncio.ensure_future(till.has_begun.wait()) for till in shop.tills.values()]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def text_of(reply: Reply) -> str:
    return reply.unpack(str)


@pytest.mark.asyncio
async def test_all_repeats_of_a_call_get_the_one_reply(shop: Shop) -> None:
    callers = [asyncio.create_task(shop.hub.call(*PAY, "7", returns=str, key="k")) for _ in range(5)]
    await begun(shop)
    shop.go_on()

    replies = await asyncio.gather(*callers)
    later = await shop.hub.call(*PAY, "7", returns=str, key="k")

    assert {*replies, later} == {replies[0]}
    assert shop.paid == ["7"]


@pytest.mark.asyncio
async def test_a_caller_that_gives_up_cancels_nobody_elses_and_its_own_result_is_kept(shop: Shop) -> None:
    first = asyncio.create_task(shop.hub.call(*PAY, "7", returns=str, key="k"))
    await begun(shop)
    second = asyncio.create_task(shop.hub.call(*PAY, "7", returns=str, key="k"))
    alone = asyncio.create_task(shop.hub.dispatch(*PAY, "8", key="alone"))
    await asyncio.sleep(0)
    first.cancel()
    alone.cancel()
    await asyncio.wait([first, alone])
    shop.go_on()

    assert await second == await shop.hub.call(*PAY, "7", returns=str, key="k")
    assert (await shop.hub.dispatch(*PAY, "8", key="alone")).status.code == 200
    assert sorted(shop.paid) == ["7", "8"]


@pytest.mark.asyncio
async def test_an_error_of_the_handler_is_the_reply_to_repeats_too(shop: Shop) -> None:
    shop.go_on()

    replies = [await shop.hub.dispatch(*PAY, "too much", key="k") for _ in range(2)]

    assert [(one.status.code, one.executed) for one in replies] == 2 * [(500, Executed.YES)]
    assert shop.paid == ["too much"]


@pytest.mark.asyncio
async def test_another_request_with_the_key_is_a_409_that_names_the_method_and_not_the_key(
    shop: Shop,
) -> None:
    shop.go_on()
    await shop.hub.call(*PAY, "7", key="secret-key")

    name = next(name for name, till in shop.tills.items() if till.paid)
    for caller in (shop.hub, shop.collectors[name]):
        reply = await caller.dispatch(*PAY, "8", key="secret-key")
        assert (reply.status.code, reply.executed) == (409, Executed.NO)
        assert "PaymentService.Pay" in reply.status.message
        assert "secret-key" not in reply.status.message
    assert (await shop.hub.dispatch(*REFUND, "8", key="secret-key")).status.code == 200


@pytest.mark.asyncio
async def test_the_same_key_finds_the_same_collector_whoever_asks(shop: Shop) -> None:
    shop.go_on()
    async with Collector(
        "hub-2", namespaces=["payments"], peers=list(shop.tills), transport=shop.network
    ) as other:
        await other.wait_for(peers=2)
        for number in range(20):
            first = await shop.hub.dispatch(*PAY, str(number), key=f"k{number}")
            again = await other.dispatch(*PAY, str(number), key=f"k{number}")
            assert (first.handled_by, text_of(first)) == (again.handled_by, text_of(again))

    assert len(shop.paid) == 20
    assert all(till.paid for till in shop.tills.values())


@pytest.mark.asyncio
async def test_a_call_that_may_have_run_is_asked_again_at_its_collector_and_after_its_end_nowhere(
    shop: Shop,
) -> None:
    lost = asyncio.create_task(shop.hub.dispatch(*PAY, "7", key="k", timeout=0.05))
    await begun(shop)
    assert (await lost).executed is Executed.MAYBE
    name = next(name for name, till in shop.tills.items() if till.paid)
    shop.go_on()
    await shop.collectors[name].stop()

    reply = await shop.hub.dispatch(*PAY, "7", key="k", timeout=0.5)

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)
    assert f"may have run on collector '{name}'" in reply.status.message
    assert shop.paid == ["7"]


@pytest.mark.asyncio
async def test_a_stub_says_its_key_in_the_metadata(shop: Shop) -> None:
    shop.go_on()
    pay: Any = shop.hub.channel("payments").unary_unary("/PaymentService/Pay")
    request = payload_of("7").value

    replies = [await pay(request, metadata=(("idempotency-key", "k"),)) for _ in range(2)]

    assert replies[0] == replies[1]
    assert shop.paid == ["7"]


@pytest.mark.asyncio
async def test_with_a_shared_file_any_collector_knows_the_reply(tmp_path: Path) -> None:
    network, tills = LoopbackNetwork(), [Till("a"), Till("b")]
    path = tmp_path / "keys.db"
    async with asyncio.timeout(LIMIT_SECONDS), AsyncExitStack() as opened:
        for till in tills:
            till.may_go_on.set()
            collector = Collector(till.name, services=[till.service()], transport=network, keys=path)
            await opened.enter_async_context(collector)
        async with MeshClient("a", transport=network) as first, MeshClient("b", transport=network) as second:
            replies = [
                await client.call(*PAY, "7", returns=str, key="k") for client in (first, second, first)
            ]

    assert replies == ["a 1", "a 1", "a 1"]
    assert tills[1].paid == []
    async with Collector("c", services=[tills[1].service()], transport=network, keys=path) as later:
        assert await later.call(*PAY, "7", returns=str, key="k") == "a 1"


@pytest.mark.asyncio
async def test_a_repeat_after_a_504_gets_what_the_handler_has_come_to_meanwhile(shop: Shop) -> None:
    late = await shop.hub.dispatch(*PAY, "7", key="k", timeout=0.05)
    repeat = asyncio.create_task(shop.hub.dispatch(*PAY, "7", key="k"))
    await asyncio.sleep(0)
    shop.go_on()

    assert (late.status.code, late.executed) == (504, Executed.MAYBE)
    assert (await repeat).status.code == 200
    assert shop.paid == ["7"]


@pytest.mark.asyncio
async def test_a_handler_that_is_ended_halfway_is_not_run_again() -> None:
    till = Till("a")
    async with Collector("a", services=[till.service()], settings=Settings(key_grace=0.0)) as a:
        late = await a.dispatch(*PAY, "7", key="k", timeout=0.05)
        ended = await a.dispatch(*PAY, "7", key="k")
        till.may_go_on.set()
        repeat = await a.dispatch(*PAY, "7", key="k")

    assert (late.status.code, ended.executed) == (504, Executed.MAYBE)
    assert (repeat.status.code, repeat.executed) == (502, Executed.MAYBE)
    assert till.paid == ["7"]


class FailingStore(MemoryKeyStore):
    """A store that fails when it is told to."""

    fails = ""

    async def reserve(self, claim: Claim, rules: KeyRules, now: float) -> Claimed:
        if self.fails == "reserve":
            raise KeyStoreError("key store '/secret/place' cannot be opened")
        return await super().reserve(claim, rules, now)

    async def finish(self, claim: Claim, reply: Reply, rules: KeyRules, now: float) -> None:
        if self.fails == "finish":
            raise OSError("no space left on device")
        await super().finish(claim, reply, rules, now)


@pytest.mark.asyncio
async def test_a_store_that_cannot_be_used_is_a_503_and_what_it_could_not_keep_is_kept_in_memory() -> None:
    store, till = FailingStore(), Till("a")
    till.may_go_on.set()
    async with asyncio.timeout(LIMIT_SECONDS), Collector("a", services=[till.service()], keys=store) as a:
        store.fails = "reserve"
        refused = await a.dispatch(*PAY, "7", key="k")
        assert (refused.status.code, refused.executed) == (503, Executed.NO)
        assert "/secret/place" not in refused.status.message

        store.fails = "finish"
        replies = [await a.dispatch(*PAY, "7", key="k") for _ in range(2)]
        assert [text_of(reply) for reply in replies] == ["a 1", "a 1"]
        assert (await a.dispatch(*PAY, "8", key="k")).status.code == 409
        store.fails = ""
        while (await store.reserve(_claim(), KeyRules(), 0.0)).reply is None:
            await asyncio.sleep(0.01)

    assert till.paid == ["7"]


def _claim() -> Claim:
    from collector_mesh.domain.model.call import Call
    from collector_mesh.domain.serving.keyed import digest_of

    return Claim(MethodKey(*PAY), "k", digest_of(Call(MethodKey(*PAY), payload_of("7"))), "somebody")


@pytest.mark.asyncio
async def test_a_full_store_takes_no_new_key_and_repeats_the_replies_that_it_has() -> None:
    till = Till("a")
    till.may_go_on.set()
    async with Collector("a", services=[till.service()], settings=Settings(max_keys=1)) as a:
        await a.call(*PAY, "7", key="k")
        full = await a.dispatch(*PAY, "8", key="another")
        again = await a.dispatch(*PAY, "7", key="k")
        without = await a.dispatch(*PAY, "9")

    assert (full.status.code, full.executed) == (429, Executed.NO)
    assert "1 idempotency keys are" in full.status.message
    assert (again.status.code, without.status.code) == (200, 200)
    assert till.paid == ["7", "9"]


@pytest.mark.asyncio
async def test_what_did_not_run_frees_its_key() -> None:
    till = Till("a")
    settings = Settings(max_running=1)
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        Collector("a", services=[till.service()], settings=settings) as a,
    ):
        running = asyncio.create_task(a.dispatch(*PAY, "7"))
        await till.has_begun.wait()
        shed = await a.dispatch(*PAY, "8", key="k")
        till.may_go_on.set()
        await running
        taken = await a.dispatch(*PAY, "8", key="k")

    assert (shed.status.code, shed.executed) == (429, Executed.NO)
    assert taken.status.code == 200


@pytest.mark.parametrize("key", ["", "x" * 129, "\n", "é"])
@pytest.mark.asyncio
async def test_what_is_no_key_is_refused_and_not_told(key: str) -> None:
    async with Collector("a", services=[Till("a").service()]) as a:
        reply = await a.dispatch(*PAY, "7", key=key)

        assert (reply.status.code, reply.executed) == (400, Executed.NO)
        assert reply.status.message == "idempotency key must be 1 to 128 printable ASCII characters"
        with pytest.raises(TypeError, match="key must be a str or None, got int"):
            await a.dispatch(*PAY, "7", key=7)  # type: ignore[arg-type]  # what is tested
