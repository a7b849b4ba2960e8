"""What every part of the contract has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import Int64Value, StringValue

from collector_mesh.app.testing.networks import Network, Node, NodeOptions
from collector_mesh.domain.model.status import Reply

LIMIT_SECONDS = 100.0
"""How long a test waits for a condition before it fails."""

TIMEOUT = 1.0
"""Seconds for a call whose time is to be up after its handler has begun."""


CHOSEN_TRAILING = (("last", "x"), ("last", "y"), ("grpc-status-details-bin", b"\x08\xff"))
"""The metadata that `Choose` of a contract service sends behind its result or error."""


def chosen_initial(code: int) -> tuple[tuple[str, str | bytes], ...]:
    """The metadata that it sends before."""
    return ("first", str(code)), ("first-bin", b"\0\xff")


def text(value: str) -> StringValue:
    """A text as a message."""
    return StringValue(value=value)


def number(value: int) -> Int64Value:
    """A whole number as a message."""
    return Int64Value(value=value)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds; fail if it does not within the limit."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)


async def count(node: Node, what: str, *, namespace: str = "users", service: str = "UserService") -> int:
    """What a contract service of a node has counted."""
    reply = await node.dispatch(namespace, service, "Count", text(what), target=node.collector_id)
    return reply.unpack(Int64Value).value


class Contract:
    """Tests for a `network`, a fixture that a subclass defines."""

    @pytest.fixture
    def network(self) -> Network:
        """The network under test."""
        raise NotImplementedError("define a fixture 'network' that gives a Network")

    @pytest_asyncio.fixture
    async def mesh(self, network: Network) -> AsyncIterator[Network]:
        """The network, running."""
        async with network:
            yield network


async def users_and_orders(mesh: Network) -> tuple[Node, Node]:
    """Two connected collectors: users-1 has users and is in orders, orders-1 has orders."""
    orders, users = await asyncio.gather(
        mesh.start(NodeOptions(collector_id="orders-1", services=(("orders", "OrderService"),))),
        mesh.start(
            NodeOptions(collector_id="users-1", namespaces=("orders",), services=(("users", "UserService"),))
        ),
    )
    await users.connect(orders.address)
    return users, orders


def outcome(reply: Reply) -> tuple[int, str]:
    """Code and message of a reply."""
    return reply.status.code, reply.status.message
