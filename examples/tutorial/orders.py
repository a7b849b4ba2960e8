"""Takes orders, with the help of the other three services."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from collector_mesh import CallContext, Executed, MeshError, Service
from storage import Database


@asynccontextmanager
async def life() -> AsyncIterator[Database]:
    """The orders, in a file that replicas on one machine share."""
    database = Database("orders", "orders (order_id TEXT PRIMARY KEY, name TEXT, item TEXT, number INTEGER)")
    try:
        yield database
    finally:
        database.close()


orders = Service("orders", "Orders", lifespan=life)


@orders.method("Create", idempotent=True)
def create(order: dict[str, Any], context: CallContext) -> dict[str, Any]:
    """Called twice with the same order_id it makes one order: so it may be tried again, and says that it is idempotent."""
    try:
        user = context.blocking.call("users", "Users", "Find", order["name"], returns=dict)
        context.blocking.call("stock", "Stock", "Reserve", order)
    except MeshError as error:
        if error.executed is Executed.YES and error.code in {404, 409}:
            # What a handler there has answered is the customer's business. All else is ours: a 500 that names the call.
            raise MeshError(str(error), code=error.code) from error
        raise
    with context.state.transaction() as database:
        made = database.execute(
            "INSERT OR IGNORE INTO orders VALUES (:order_id, :name, :item, :number)", order
        ).rowcount
    if made:
        letter = {"email": user["email"], "text": f"thank you for your order {order['order_id']}"}
        # `dispatch` raises nothing: an order stands, even if nobody can write a letter now.
        context.blocking.dispatch("notifications", "Notifications", "Send", letter)
    return {"order_id": order["order_id"], "is_new": bool(made)}


@orders.method("Overview", idempotent=True)
async def overview(items: list[str], context: CallContext) -> dict[str, int]:
    """What is left of some items, asked for all at once."""
    calls = [context.call("stock", "Stock", "Left", item, returns=int) for item in items]
    return dict(zip(items, await asyncio.gather(*calls), strict=True))


@orders.method("Count", idempotent=True)
def count(context: CallContext) -> int:
    """The number of orders."""
    with context.state.transaction() as database:
        number: int = database.execute("SELECT count(*) FROM orders").fetchone()[0]
    return number
