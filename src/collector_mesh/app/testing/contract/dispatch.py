"""The contract of dispatching: a call that finds its collector."""

import asyncio

import pytest
from google.protobuf.wrappers_pb2 import DoubleValue, StringValue

from collector_mesh.adapters.wire.grpc_codes import grpc_status_of
from collector_mesh.app.testing.contract.base import (
    CHOSEN_TRAILING,
    TIMEOUT,
    Contract,
    chosen_initial,
    count,
    eventually,
    outcome,
    text,
    users_and_orders,
)
from collector_mesh.app.testing.networks import Network, NodeOptions
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.payload import Payload

USERS = ("users", "UserService")
ORDERS = ("orders", "OrderService")
LIMIT = 4 * 1024 * 1024


class DispatchContract(Contract):
    """How calls are routed."""

    @pytest.mark.asyncio
    async def test_a_target_runs_the_call(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        reply = await users.dispatch(*ORDERS, "EchoText", text("hello"), target="orders-1")

        assert (outcome(reply), reply.handled_by) == ((200, "OK"), "orders-1")
        assert reply.unpack(StringValue).value == "hello"

    @pytest.mark.asyncio
    async def test_the_target_may_be_the_collector_itself(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        here = await users.dispatch(*USERS, "Echo", target="users-1")
        lacking = await users.dispatch(*ORDERS, "Echo", target="users-1")
        foreign = await users.dispatch("inventory", "Stock", "Echo", target="users-1")

        assert (outcome(here), here.handled_by) == ((200, "OK"), "users-1")
        assert outcome(lacking) == (404, "method 'OrderService.Echo' not found in namespace 'orders'")
        assert outcome(foreign) == (404, "namespace 'inventory' not found")

    @pytest.mark.asyncio
    @pytest.mark.parametrize("ask", ["Ask", "PlainAsk"])
    async def test_a_handler_calls_a_peer(self, mesh: Network, ask: str) -> None:
        users, _orders = await users_and_orders(mesh)

        reply = await users.dispatch(*USERS, ask, text("orders OrderService EchoText"))
        lacking = await users.dispatch(*USERS, ask, text("orders OrderService Nope"))
        raising = await users.dispatch(*USERS, ask, text("orders OrderService Raise"))

        assert reply.unpack(StringValue).value == "orders OrderService EchoText"
        assert reply.handled_by == "users-1"
        assert lacking.status.code == raising.status.code == 500
        assert lacking.status.message.startswith(
            "handler error: call of orders/OrderService/Nope failed: 404 at "
        )
        assert lacking.status.details["nested_code"] == "404"
        assert dict(raising.status.details) == {
            "nested_code": "500",
            "nested_method": "orders/OrderService/Raise",
            "nested_handled_by": "orders-1",
        }
        assert (raising.handled_by, raising.executed) == ("users-1", Executed.YES)

    @pytest.mark.asyncio
    async def test_an_unknown_target_is_not_found(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        reply = await users.dispatch(*USERS, "Echo", target="orders-9")

        assert outcome(reply) == (404, "no connection to collector 'orders-9'")
        assert (reply.handled_by, reply.executed) == ("", Executed.NO)

    @pytest.mark.asyncio
    async def test_a_malformed_target_is_refused(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        reply = await users.dispatch(*USERS, "Echo", target="orders 1")

        assert reply.status.code == 400
        assert reply.status.message.startswith("target_collector_id must match ")

    @pytest.mark.asyncio
    async def test_a_local_handler_comes_first(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", services=(USERS,)))
        b = await mesh.start(NodeOptions(collector_id="b", services=(USERS,)))
        await a.connect(b.address)

        replies = [await a.dispatch(*USERS, "Echo") for _ in range(20)]

        assert {reply.handled_by for reply in replies} == {"a"}
        assert await count(b, "runs") == 0

    @pytest.mark.asyncio
    async def test_what_is_not_here_goes_to_a_peer(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        reply = await users.dispatch(*ORDERS, "EchoText", text("hello"))

        assert (reply.unpack(StringValue).value, reply.handled_by) == ("hello", "orders-1")

    @pytest.mark.asyncio
    async def test_a_client_reaches_the_whole_mesh_through_one_collector(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        async with mesh.client(users.address) as client:
            here = await client.dispatch(*USERS, "Echo")
            there = await client.dispatch(*ORDERS, "Echo")
            target = await client.dispatch(*ORDERS, "Echo", target="orders-1")

        assert [reply.handled_by for reply in (here, there, target)] == ["users-1", "orders-1", "orders-1"]

    @pytest.mark.asyncio
    async def test_peers_that_lack_the_method_are_passed_over(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", namespaces=("users",)))
        for index in range(4):
            other = await mesh.start(NodeOptions(collector_id=f"other-{index}", namespaces=("users",)))
            await a.connect(other.address)
        b = await mesh.start(NodeOptions(collector_id="b", services=(USERS,)))
        await a.connect(b.address)

        replies = [await a.dispatch(*USERS, "Echo") for _ in range(10)]

        assert {(outcome(reply), reply.handled_by) for reply in replies} == {((200, "OK"), "b")}

    @pytest.mark.parametrize(
        ("key", "told"),
        [
            (("payments", "Pay", "Pay"), ""),
            (("orders", "OrderService", "Missing"), ": nobody there has 'OrderService.Missing'"),
            (("orders", "Other", "Echo"), ": nobody there has 'Other.Echo'"),
            (("users", "UserService", "Missing"), ": nobody there has 'UserService.Missing'"),
        ],
    )
    @pytest.mark.asyncio
    async def test_what_nobody_has_is_not_found(
        self, mesh: Network, key: tuple[str, str, str], told: str
    ) -> None:
        users, _orders = await users_and_orders(mesh)

        reply = await users.dispatch(*key)

        assert outcome(reply) == (404, f"no collector found for namespace '{key[0]}'{told}")
        assert (reply.handled_by, reply.executed) == ("", Executed.NO)

    @pytest.mark.asyncio
    async def test_a_namespace_that_is_not_shared_is_not_crossed(self, mesh: Network) -> None:
        _users, orders = await users_and_orders(mesh)

        found = await orders.dispatch(*USERS, "Echo")
        target = await orders.dispatch(*USERS, "Echo", target="users-1")

        assert outcome(found) == (404, "no collector found for namespace 'users'")
        assert outcome(target) == (404, "no connection to collector 'users-1' in namespace 'users'")

    @pytest.mark.asyncio
    async def test_a_call_is_passed_on_once_and_no_further(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", namespaces=("users",)))
        b = await mesh.start(NodeOptions(collector_id="b", namespaces=("users",)))
        c = await mesh.start(NodeOptions(collector_id="c", services=(USERS,)))
        await a.connect(b.address)
        await b.connect(c.address)

        reply = await a.dispatch(*USERS, "Echo")

        assert outcome(reply) == (
            404,
            "no collector found for namespace 'users': nobody there has 'UserService.Echo'",
        )
        assert await count(c, "runs") == 0

    @pytest.mark.parametrize(
        ("key", "message"),
        [
            (("", "", ""), "namespace is required"),
            (("users", "", "Echo"), "service is required"),
            (("users", "UserService", ""), "method_name is required"),
        ],
    )
    @pytest.mark.asyncio
    async def test_a_missing_field_is_named(
        self, mesh: Network, key: tuple[str, str, str], message: str
    ) -> None:
        users, _orders = await users_and_orders(mesh)

        async with mesh.client(users.address) as client:
            by_client = await client.dispatch(*key)
        by_collector = await users.dispatch(*key)

        assert outcome(by_client) == outcome(by_collector) == (400, message)

    @pytest.mark.asyncio
    async def test_the_outcome_of_a_remote_handler_is_passed_on_unchanged(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        failed = await users.dispatch(*ORDERS, "Raise", text("ValueError no stock"))
        refused = await users.dispatch(*ORDERS, "Refuse", text("sold out"))
        wrong = await users.dispatch(*ORDERS, "EchoText", Payload("nonsense", b""))

        assert (outcome(failed), failed.handled_by) == ((500, "handler error: no stock"), "orders-1")
        assert (outcome(refused), refused.handled_by) == ((409, "sold out"), "orders-1")
        assert dict(refused.status.details) == {"why": "because"}
        assert (wrong.status.code, wrong.handled_by) == (400, "")

    @pytest.mark.asyncio
    async def test_a_failed_handler_is_not_run_again_elsewhere(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", namespaces=("users",)))
        nodes = await asyncio.gather(
            *(mesh.start(NodeOptions(collector_id=name, services=(USERS,))) for name in ("b", "c"))
        )
        for node in nodes:
            await a.connect(node.address)

        reply = await a.dispatch(*USERS, "EchoText", Payload("nonsense", b""))
        failed = await a.dispatch(*USERS, "Refuse", text("method 'x' not found"))

        assert reply.status.code == 400
        assert (outcome(failed), failed.executed) == ((409, "method 'x' not found"), Executed.YES)

    @pytest.mark.asyncio
    async def test_a_payload_over_the_limit_is_not_sent(self, mesh: Network) -> None:
        users, orders = await users_and_orders(mesh)

        fits = await users.dispatch(*ORDERS, "Echo", Payload("x", bytes(LIMIT)))
        too_large = await users.dispatch(*ORDERS, "Echo", Payload("x", bytes(LIMIT + 1)))

        assert (outcome(fits), len(fits.payload.value)) == ((200, "OK"), LIMIT)
        assert too_large.status.code == 413
        assert await count(orders, "runs", namespace="orders", service="OrderService") == 1

    @pytest.mark.asyncio
    async def test_time_and_metadata_travel_with_the_call(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        left = await users.dispatch(*ORDERS, "Remaining", timeout=500.0)
        seen = await users.dispatch(*ORDERS, "Metadata", metadata=[("trace-id", "7")])

        # gRPC rounds a timeout up, by about a hundredth.
        assert 400.0 < left.unpack(DoubleValue).value <= 510.0
        assert seen.unpack(StringValue).value == "(('trace-id', '7'),)"

    @pytest.mark.asyncio
    async def test_a_chosen_code_and_metadata_of_a_handler_come_back_from_a_peer(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        done = await users.dispatch(*ORDERS, "Choose", text("0 done"))
        failed = await users.dispatch(*ORDERS, "Choose", text("15 " + "x" * 5000))

        assert (outcome(done), done.metadata, done.initial_metadata) == (
            (200, "OK"),
            CHOSEN_TRAILING,
            chosen_initial(0),
        )
        assert grpc_status_of(failed) == (15, "x" * 5000, CHOSEN_TRAILING)
        assert (failed.status.code, failed.initial_metadata) == (500, chosen_initial(15))
        assert (failed.executed, failed.handled_by) == (Executed.YES, "orders-1")

    @pytest.mark.asyncio
    async def test_the_deadline_ends_a_remote_handler(self, mesh: Network) -> None:
        users, orders = await users_and_orders(mesh)

        reply = await users.dispatch(*ORDERS, "Hang", timeout=TIMEOUT)

        assert (reply.status.code, reply.executed) == (504, Executed.MAYBE)

        async def is_cancelled() -> bool:
            return await count(orders, "cancelled", namespace="orders", service="OrderService") == 1

        await eventually(is_cancelled)

    @pytest.mark.asyncio
    async def test_the_clients_cancellation_ends_a_remote_handler(self, mesh: Network) -> None:
        users, orders = await users_and_orders(mesh)

        async def counted(what: str) -> bool:
            return await count(orders, what, namespace="orders", service="OrderService") == 1

        async with mesh.client(users.address) as client:
            call = asyncio.create_task(client.dispatch(*ORDERS, "Hang"))
            await eventually(lambda: counted("started"))
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        await eventually(lambda: counted("cancelled"))

    @pytest.mark.asyncio
    async def test_many_calls_at_once_each_get_their_own_answer(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        replies = await asyncio.gather(
            *(users.dispatch(*ORDERS, "EchoText", text(f"call {index}")) for index in range(200))
        )

        assert [reply.unpack(StringValue).value for reply in replies] == [f"call {i}" for i in range(200)]

    @pytest.mark.asyncio
    async def test_when_a_peer_has_gone_another_one_runs_the_call(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", namespaces=("users",)))
        nodes = await asyncio.gather(
            *(mesh.start(NodeOptions(collector_id=name, services=(USERS,))) for name in ("b", "c"))
        )
        for node in nodes:
            await a.connect(node.address)
        await nodes[0].stop()

        replies = [await a.dispatch(*USERS, "Echo") for _ in range(20)]

        assert {(outcome(reply), reply.handled_by) for reply in replies} == {((200, "OK"), "c")}

    @pytest.mark.asyncio
    async def test_when_everybody_has_gone_the_call_is_unavailable(self, mesh: Network) -> None:
        users, orders = await users_and_orders(mesh)
        await orders.stop()

        async def is_unavailable() -> bool:
            # It waits for the peer, which is dialed, for most of its time.
            reply = await users.dispatch(*ORDERS, "Echo", timeout=1.0)
            return (reply.status.code, reply.executed) == (503, Executed.NO)

        await eventually(is_unavailable)
        assert (await users.dispatch(*ORDERS, "Echo", target="orders-1", timeout=1.0)).status.code == 503

    @pytest.mark.asyncio
    async def test_explain_tells_where_a_call_would_go(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)

        here = await users.explain(*USERS, "Echo")
        there = await users.explain(*ORDERS, "Echo")

        assert here.fit == ("users-1",)
        assert there.fit == ("orders-1",)
        assert [(c.collector_id, c.reason) for c in here.candidates] == [
            ("users-1", "has the method"),
            ("orders-1", "does not share the namespace"),
        ]

    @pytest.mark.asyncio
    async def test_a_stopped_collector_answers_with_503(self, mesh: Network) -> None:
        users, _orders = await users_and_orders(mesh)
        address = users.address
        await users.stop()

        async with mesh.client(address) as client:
            reply = await client.dispatch(*USERS, "Echo")

        assert (reply.status.code, reply.executed) == (503, Executed.NO)
