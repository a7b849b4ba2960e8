"""A program outside the mesh: it knows one collector, and the mesh does the rest."""

import asyncio
import sys

from collector_mesh import MeshClient
from shop_pb2 import GetUserRequest, Order, OrderSummary, User


async def main(address: str) -> None:
    """Look a user up, order something for her, and tell what was sold so far."""
    async with MeshClient(address) as client:
        user = await client.call(
            "users", "UserService", "GetUser", GetUserRequest(user_id="u-001"), returns=User
        )
        order = Order(
            order_id="o-1", user_id=user.user_id, product="Wool blanket", quantity=1, price_cents=8900
        )
        reply = await client.dispatch("orders", "OrderService", "CreateOrder", order)
        print(f"{user.name}'s order: {reply.status.message}, handled by {reply.handled_by}")
        summary = await client.call("orders", "OrderService", "Summary", returns=OrderSummary)
        print(f"{summary.orders} orders worth {summary.total_cents / 100:.2f}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
