"""What there is to buy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from collector_mesh import CallContext, MeshError, Service
from storage import Database


@asynccontextmanager
async def life() -> AsyncIterator[Database]:
    """A file with ten of each item, where it is new."""
    database = Database(
        "stock",
        "items (item TEXT PRIMARY KEY, number INTEGER NOT NULL)",
        "reservations (order_id TEXT PRIMARY KEY, item TEXT NOT NULL, number INTEGER NOT NULL)",
    )
    with database.transaction() as opened:
        opened.execute("INSERT OR IGNORE INTO items VALUES ('tea', 10), ('cup', 10)")
    try:
        yield database
    finally:
        database.close()


stock = Service("stock", "Stock", lifespan=life)


@stock.method("Reserve", idempotent=True)
def reserve(request: dict[str, Any], context: CallContext) -> None:
    """Take items out for an order. The same order takes them once, however often it asks."""
    order_id, item, number = request["order_id"], request["item"], request["number"]
    with context.state.transaction() as database:
        if database.execute("SELECT 1 FROM reservations WHERE order_id = ?", (order_id,)).fetchone():
            return
        taken = database.execute(
            "UPDATE items SET number = number - ? WHERE item = ? AND number >= ?", (number, item, number)
        )
        if not taken.rowcount:
            raise MeshError(f"fewer than {number} of {item!r} are left", code=409)
        database.execute("INSERT INTO reservations VALUES (?, ?, ?)", (order_id, item, number))


@stock.method("Left", idempotent=True)
def left(item: str, context: CallContext) -> int:
    """The number of an item that nobody has reserved."""
    with context.state.transaction() as database:
        row = database.execute("SELECT number FROM items WHERE item = ?", (item,)).fetchone()
    return row[0] if row else 0
