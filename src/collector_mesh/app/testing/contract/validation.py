"""The contract of validators."""

import asyncio

import attrs
import pytest

from collector_mesh.app.testing.contract.base import LIMIT_SECONDS, Contract, count, outcome, users_and_orders
from collector_mesh.app.testing.networks import Network, NodeOptions
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.serving.allow_list import AllowedMethods

USERS = ("users", "UserService")
ORDERS = ("orders", "OrderService")


@attrs.define
class RefusingValidator:
    """Refuses everything with a text."""

    text: str

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        """Refuse."""
        await asyncio.sleep(0)
        raise LookupError(f"{self.text}: {namespace} {service_name} {method_name}")


class ValidationContract(Contract):
    """How validators decide."""

    @pytest.mark.asyncio
    async def test_what_is_allowed_is_run(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", services=(USERS,)))

        await a.set_validator(AllowedMethods(["users/UserService.Echo"]))

        assert outcome(await a.dispatch(*USERS, "Echo")) == (200, "OK")

    @pytest.mark.asyncio
    async def test_what_is_refused_is_not_run(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", services=(USERS,)))

        await a.set_validator(RefusingValidator("not today"))
        reply = await a.dispatch(*USERS, "Echo")
        async with mesh.client(a.address) as client:
            served = await client.serve(*USERS, "Echo")

        message = "service not registered in registry: not today: users UserService Echo (collector 'a')"
        assert outcome(reply) == outcome(served) == (404, message)
        assert (reply.handled_by, reply.executed) == ("", Executed.NO)
        await a.set_validator(None)
        assert await count(a, "runs") == 0

    @pytest.mark.asyncio
    async def test_the_validator_is_asked_before_the_handler_is_looked_up(self, mesh: Network) -> None:
        a = await mesh.start(NodeOptions(collector_id="a", services=(USERS,)))
        await a.set_validator(AllowedMethods(["users/UserService.Missing"]))

        async with mesh.client(a.address) as client:
            allowed = await client.serve(*USERS, "Missing")
            refused = await client.serve(*USERS, "Other")

        assert outcome(allowed) == (404, "method 'UserService.Missing' not found in namespace 'users'")
        assert refused.status.message.startswith("service not registered in registry: ")

    @pytest.mark.asyncio
    async def test_namespaces_are_told_apart(self, mesh: Network) -> None:
        services = (("production", "UserService"), ("staging", "UserService"))
        a = await mesh.start(NodeOptions(collector_id="a", services=services))

        await a.set_validator(AllowedMethods(["production/*"]))

        assert outcome(await a.dispatch("production", "UserService", "Echo")) == (200, "OK")
        refused = await a.dispatch("staging", "UserService", "Echo")
        assert refused.status.code == 404
        assert "staging/UserService.Echo is not on the list" in refused.status.message

    @pytest.mark.asyncio
    async def test_it_is_asked_where_the_call_is_executed(self, mesh: Network) -> None:
        users, orders = await users_and_orders(mesh)

        await users.set_validator(RefusingValidator("by users-1"))
        passed_on = await users.dispatch(*ORDERS, "Echo")
        await orders.set_validator(RefusingValidator("by orders-1"))
        refused = await users.dispatch(*ORDERS, "Echo")

        assert (outcome(passed_on), passed_on.handled_by) == ((200, "OK"), "orders-1")
        assert refused.status.message.startswith("service not registered in registry: by orders-1")

    @pytest.mark.asyncio
    async def test_it_is_set_replaced_and_removed_while_calls_run(self, mesh: Network) -> None:
        users, orders = await users_and_orders(mesh)
        codes: list[int] = []
        is_done = asyncio.Event()

        async def calls() -> None:
            while not is_done.is_set():
                codes.append((await users.dispatch(*ORDERS, "Echo")).status.code)

        async def codes_seen(*wanted: int) -> None:
            seen = len(codes)
            async with asyncio.timeout(LIMIT_SECONDS):
                while not set(wanted) <= set(codes[seen:]):
                    await asyncio.sleep(0.001)

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(calls())
            await codes_seen(200)
            await orders.set_validator(RefusingValidator("closed"))
            await codes_seen(404)
            await orders.set_validator(AllowedMethods(["orders/*"]))
            await codes_seen(200)
            await orders.set_validator(RefusingValidator("closed"))
            await codes_seen(404)
            await orders.set_validator(None)
            await codes_seen(200)
            is_done.set()

        assert set(codes) == {200, 404}
