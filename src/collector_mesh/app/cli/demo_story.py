"""The story of the demo: two collectors, a file of orders, four errors."""

import asyncio
import csv
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from collector_mesh.app.cli.demo_processes import Collectors, DemoError, ServedCollector
from collector_mesh.app.cli.demo_tables import Record, calls_table, errors_table, outcomes_table
from collector_mesh.app.clients.client import MeshClient
from collector_mesh.domain.model.payload import Message
from collector_mesh.domain.model.status import Reply

IN_FLIGHT = 16
CONNECT_SECONDS = 10.0
STORY_SECONDS = 60.0
_DEATH_SECONDS = 0.5

USERS = ("users", "UserService")
ORDERS = ("orders", "OrderService")

Row = Mapping[str, str]


def order_rows(example: Path) -> list[Row]:
    """The orders of the example, as they stand in its file."""
    with (example / "orders.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def tell(console: Console, example: Path, folder: Path, rows: Sequence[Row]) -> None:
    """Tell the story.

    Args:
        console: where to.
        example: the folder of the shop example, which must be importable.
        folder: for the databases and the logs.
        rows: the orders.

    Raises:
        DemoError: a collector did not start or end as it should, or an order was lost.
    """
    async with Collectors(example, folder, {"SHOP_DATA": str(folder)}) as collectors:
        orders = await collectors.start(
            *("orders-1", "--service", "orders_service:orders", "--validator", "orders_service:allowed")
        )
        console.print(f"[bold]orders-1[/] serves orders/OrderService on {orders.address}")
        users = await collectors.start(
            *("users-1", "--service", "users_service:users", "--namespace", "orders"),
            *("--peer", orders.address),
        )
        console.print(f"[bold]users-1[/]  serves users/UserService  on {users.address}, peer of orders-1")
        await _while_alive(_calls(console, users, rows), (users, orders))
        for collector in (users, orders):
            await collector.drain()
        console.print("Both collectors have drained and ended with exit status 0.")


async def _while_alive(story: Coroutine[None, None, None], collectors: Sequence[ServedCollector]) -> None:
    """Run the story, but not on without one of its collectors.

    Raises:
        DemoError: a collector has ended, the story takes too long, or the story itself has failed.
    """
    task = asyncio.ensure_future(story)
    ends = {asyncio.ensure_future(collector.wait()): collector for collector in collectors}
    try:
        await asyncio.wait({task, *ends}, timeout=STORY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if task.done() and task.exception() is not None:
            # Calls fail before the end of a process is known; that end is then the reason to tell.
            await asyncio.wait(ends, timeout=_DEATH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for end, collector in ends.items():
            if end.done():
                raise collector.failed(f"{end.result()} before its time")
        if not task.done():
            raise DemoError(f"the calls have not come to an end within {STORY_SECONDS:g} s")
        await task
    finally:
        for future in (task, *ends):
            future.cancel()
        await asyncio.gather(task, *ends, return_exceptions=True)


async def _calls(console: Console, users: ServedCollector, rows: Sequence[Row]) -> None:
    async with MeshClient(users.address) as client:
        await _wait_until_connected(client, users)
        shop = _Shop(client)
        await _push(console, shop, rows)
        console.print(calls_table(shop.records), outcomes_table(shop.records))
        await _check(console, shop, rows)
        console.print(errors_table(await _errors(client)))


@attrs.define
class _Shop:
    """The mesh as a shopper sees it: one collector, through which everything goes."""

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


async def _wait_until_connected(client: MeshClient, users: ServedCollector) -> None:
    until = time.monotonic() + CONNECT_SECONDS
    while (reply := await client.dispatch(*ORDERS, "Summary")).status.code != 200:
        if time.monotonic() > until:
            raise users.failed(f"has not connected to orders-1: {reply.status.message}")
        await asyncio.sleep(0.02)


async def _push(console: Console, shop: _Shop, rows: Sequence[Row]) -> None:
    """For each order look its user up, then create it; all through one collector."""
    from shop_pb2 import GetUserRequest, Order

    console.print(
        f"\nPushing {len(rows)} orders through users-1, {IN_FLIGHT} at once:\n"
        "users are looked up there, orders go on to orders-1.\n"
    )
    waiting = iter(rows)

    async def work(advance: Callable[[], None]) -> None:
        for row in waiting:
            user = await shop.call(USERS, "GetUser", GetUserRequest(user_id=row["user_id"]))
            if user.status.code == 200:
                order = Order(
                    order_id=row["order_id"],
                    user_id=row["user_id"],
                    product=row["product"],
                    quantity=int(row["quantity"]),
                    price_cents=int(row["price_cents"]),
                    ordered_on=row["ordered_on"],
                )
                await shop.call(ORDERS, "CreateOrder", order)
            advance()

    with _progress(console, len(rows)) as advance:
        workers = [asyncio.create_task(work(advance)) for _ in range(IN_FLIGHT)]
        try:
            # The first error as it is: a task group would wrap it, and only one is ever told.
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, a line for each quarter elsewhere."""
    if console.is_interactive:
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


async def _check(console: Console, shop: _Shop, rows: Sequence[Row]) -> None:
    """Ask the orders collector, through the mesh, whether every order has arrived exactly once."""
    from shop_pb2 import OrderSummary

    reply = await shop.client.dispatch(*ORDERS, "Summary")
    if reply.status.code != 200:
        raise DemoError(f"the orders cannot be counted: {reply.status.code} {reply.status.message}")
    stored = reply.unpack(OrderSummary)
    worth = sum(int(row["quantity"]) * int(row["price_cents"]) for row in rows)
    if (stored.orders, stored.total_cents) != (len(rows), worth):
        refused = (record for record in shop.records if record.code != 200)
        why = next((f"; the first call that failed: {one.code} {one.message}" for one in refused), "")
        raise DemoError(
            f"orders-1 has stored {stored.orders} orders worth {stored.total_cents} cents,"
            f" but {len(rows)} worth {worth} were sent{why}"
        )
    console.print(f"orders-1 has stored all {stored.orders} orders, worth {worth / 100:,.2f}.\n")


async def _errors(client: MeshClient) -> list[tuple[str, Reply]]:
    """The errors of a mesh, once each.

    Raises:
        DemoError: one of them is not what it should be.
    """
    from shop_pb2 import Order

    nothing = Order(order_id="o-0", user_id="u-001", product="Nothing", quantity=0)
    tried = [
        ("unknown target", 404, await client.dispatch(*ORDERS, "Summary", target="orders-9")),
        ("unknown namespace", 404, await client.dispatch("payments", "PaymentService", "Pay")),
        ("handler error", 500, await client.dispatch(*ORDERS, "CreateOrder", nothing)),
        ("refused by the validator", 404, await client.dispatch(*ORDERS, "DeleteAllOrders")),
    ]
    for name, code, reply in tried:
        if reply.status.code != code:
            raise DemoError(f"{name}: {reply.status.code} {reply.status.message}, not {code}")
    return [(name, reply) for name, _code, reply in tried]
