"""The orders collector: what was ordered."""

import sqlite3
from pathlib import Path

from collector_mesh import AllowList, MeshError, Service
from database import Database
from shop_pb2 import GetOrderRequest, Order, OrderSummary

MOST_PIECES = 100


def prepare(connection: sqlite3.Connection) -> None:
    """Make the table."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, user_id TEXT, product TEXT,"
        " quantity INTEGER, price_cents INTEGER, ordered_on TEXT)"
    )


database = Database("orders.db", prepare)
orders = Service("orders", "OrderService")

# What may be called stands in a file that somebody else can keep: --validator orders_service:allowed
allowed = AllowList.from_toml(Path(__file__).parent / "allowed.toml")


# The same order twice is one order, so a call for it may be run again.
@orders.method("CreateOrder", idempotent=True)
def create_order(request: Order) -> Order:
    """Write an order down; another one under the same id is refused."""
    if not 0 < request.quantity <= MOST_PIECES:
        raise ValueError(f"an order is for 1 to {MOST_PIECES} pieces, not {request.quantity}")
    row = (
        request.order_id,
        request.user_id,
        request.product,
        request.quantity,
        request.price_cents,
        request.ordered_on,
    )
    with database.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO orders VALUES (?, ?, ?, ?, ?, ?)", row)
        found = connection.execute("SELECT * FROM orders WHERE order_id = ?", [request.order_id]).fetchone()
    if found != row:
        raise MeshError(f"there is another order {request.order_id!r}", code=409)
    return request


@orders.method("GetOrder", idempotent=True)
def get_order(request: GetOrderRequest) -> Order:
    """Look an order up."""
    with database.transaction() as connection:
        row = connection.execute("SELECT * FROM orders WHERE order_id = ?", [request.order_id]).fetchone()
    if row is None:
        raise MeshError(f"there is no order {request.order_id!r}", code=404)
    return Order(
        order_id=row[0],
        user_id=row[1],
        product=row[2],
        quantity=row[3],
        price_cents=row[4],
        ordered_on=row[5],
    )


@orders.method("Summary", idempotent=True)
def summary() -> OrderSummary:
    """How many orders there are, and what they are worth."""
    with database.transaction() as connection:
        count, total = connection.execute(
            "SELECT count(*), coalesce(sum(quantity * price_cents), 0) FROM orders"
        ).fetchone()
    return OrderSummary(orders=count, total_cents=total)


@orders.method("DeleteAllOrders")
def delete_all_orders() -> None:
    """Forget everything; it is not on the allow list, so nobody gets this far."""
    with database.transaction() as connection:
        connection.execute("DELETE FROM orders")
