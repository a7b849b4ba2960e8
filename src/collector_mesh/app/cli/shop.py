"""The story of the demo: two collectors, 240 orders, four errors."""

import asyncio
import csv
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from collector_mesh.app.cli.processes import ProcessError, ServedCollector, served
from collector_mesh.app.cli.shop_tables import Record, calls_table, errors_table, outcomes_table
from collector_mesh.app.client import MeshClient
from collector_mesh.domain.model.payload import Message
from collector_mesh.domain.model.status import Reply

IN_FLIGHT = 16
CONNECT_SECONDS = 10.0

USERS = ("users", "UserService")
ORDERS = ("orders", "OrderService")


class ShopError(Exception):
    """The demo did not go as it should."""


@attrs.define
class _Shop:
    """The mesh as the demo sees it: one collector, through which everything goes."""

    client: MeshClient
    records: list[Record] = attrs.field(factory=list)

    async def call(self, service: tuple[str, str], method: str, request: Message) -> Reply:
        """Make a call and take down what came of it."""
        begin = time.perf_counter()
        reply = await self.client.dispatch(*service, method, request)
        took = time.perf_counter() - begin
        status = reply.status
        self.records.append(
            Record(f"{service[1]}.{method}", reply.handled_by, status.code, status.message, took)
        )
        return reply


async def run_shop(example: Path, folder: Path) -> None:
    """Tell the story on stdout.

    Args:
        example: the folder of the shop example, which must be importable.
        folder: for the databases and the logs.

    Raises:
        ShopError: a collector did not start or end as it should, or an order was lost.
    """
    console = Console(highlight=False)
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        async with _collectors(console, example, folder) as (users, orders):
            async with MeshClient(users.address) as client:
                shop = _Shop(client)
                await _wait_until_connected(shop, users)
                await _push_orders(console, shop, example)
                console.print(calls_table(shop.records), outcomes_table(shop.records))
                await _check_orders(console, shop, example)
                console.print(errors_table(await _errors(shop)))
            for collector in (users, orders):
                await collector.drain()
            console.print("Both collectors have drained and ended with exit status 0.")
    except ProcessError as error:
        raise ShopError(str(error)) from error


@asynccontextmanager
async def _collectors(
    console: Console, example: Path, folder: Path
) -> AsyncIterator[tuple[ServedCollector, ServedCollector]]:
    """The two collectors, the users one connected to the orders one."""
    environment = {"SHOP_DATA": str(folder)}
    serve_orders = ["--service", "orders_service:orders", "--validator", "orders_service:allowed"]
    serve_users = ["--service", "users_service:users", "--namespace", "orders"]
    async with served(
        "orders-1", serve_orders, folder=example, log=folder / "orders-1.log", environment=environment
    ) as orders:
        console.print(f"[bold]orders-1[/] serves orders/OrderService on {orders.address}")
        serve_users += ["--peer", orders.address]
        async with served(
            "users-1", serve_users, folder=example, log=folder / "users-1.log", environment=environment
        ) as users:
            console.print(f"[bold]users-1[/]  serves users/UserService  on {users.address}, peer of orders-1")
            yield users, orders


async def _wait_until_connected(shop: _Shop, users: ServedCollector) -> None:
    until = time.monotonic() + CONNECT_SECONDS
    while True:
        reply = await shop.client.dispatch(*ORDERS, "Summary")
        if reply.status.code == 200:
            return
        if time.monotonic() > until:
            raise users.failed(f"has not connected to orders-1 ({reply.status.message})")
        await asyncio.sleep(0.02)


def _rows(example: Path) -> list[dict[str, str]]:
    with (example / "orders.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _order(row: dict[str, str]) -> Message:
    from shop_pb2 import Order

    numbers = {name: int(row[name]) for name in ("quantity", "price_cents")}
    return Order(**{**row, **numbers})


async def _push_orders(console: Console, shop: _Shop, example: Path) -> None:
    """For each order look its user up, then create it; all through one collector."""
    from shop_pb2 import GetUserRequest

    rows = _rows(example)
    console.print(
        f"\nPushing {len(rows)} orders through users-1, {IN_FLIGHT} at once:\n"
        "users are looked up there, orders go on to orders-1.\n"
    )
    waiting = iter(rows)

    async def work(advance: Callable[[], None]) -> None:
        for row in waiting:
            user = await shop.call(USERS, "GetUser", GetUserRequest(user_id=row["user_id"]))
            if user.status.code == 200:
                await shop.call(ORDERS, "CreateOrder", _order(row))
            advance()

    with _progress(console, len(rows)) as advance:
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work(advance))


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, a line for each quarter elsewhere."""
    if console.is_terminal:
        columns = (TextColumn("orders"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("orders", total=total)
            yield lambda: bar.advance(task)
        return
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done * 4 // total != (done - 1) * 4 // total:
            console.print(f"orders {done}/{total}")

    yield advance


async def _check_orders(console: Console, shop: _Shop, example: Path) -> None:
    from shop_pb2 import OrderSummary

    rows = _rows(example)
    worth = sum(int(row["quantity"]) * int(row["price_cents"]) for row in rows)
    stored = (await shop.client.dispatch(*ORDERS, "Summary")).unpack(OrderSummary)
    if (stored.orders, stored.total_cents) != (len(rows), worth):
        raise ShopError(
            f"orders-1 has {stored.orders} orders worth {stored.total_cents} cents,"
            f" the file has {len(rows)} worth {worth}"
        )
    console.print(f"orders-1 has stored all {stored.orders} orders, worth {worth / 100:,.2f}.\n")


async def _errors(shop: _Shop) -> list[tuple[str, Reply]]:
    """The errors of a mesh, once each."""
    from shop_pb2 import Order

    dispatch = shop.client.dispatch
    nothing = Order(order_id="o-0", user_id="u-001", product="Nothing", quantity=0)
    return [
        ("unknown target", await dispatch(*ORDERS, "Summary", target="orders-9")),
        ("unknown namespace", await dispatch("payments", "PaymentService", "Pay")),
        ("handler error", await dispatch(*ORDERS, "CreateOrder", nothing)),
        ("refused by the validator", await dispatch(*ORDERS, "DeleteAllOrders")),
    ]
