"""Orders something: `python buy.py ADDRESS`."""

import asyncio
import sys
from datetime import UTC, datetime

from collector_mesh import InvalidCallError, MeshClient, NotFoundError
from shop_api import Cup, Order, Shop, Size


async def main(address: str) -> None:
    """Order, and make two mistakes."""
    async with MeshClient(address) as client:
        shop = Shop.client(client, timeout=5)
        order = Order(
            "Ada", [Cup("coffee", Size.LARGE), Cup("tea")], datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
        )
        receipt = await shop.create_order(order, timeout=10)
        print(f"receipt {receipt.number}: {receipt.cents} cents, for {receipt.order.wanted_at:%d %B}")
        try:
            await shop.create_order(Order("Ada", [Cup("milk")]))
        except NotFoundError as error:
            print(error)
        try:
            await shop.create_order(Order("Ada", [Cup("tea", "huge"), Cup(7)]))  # type: ignore[arg-type]  # the mistakes
        except InvalidCallError as error:
            print(error)


asyncio.run(main(sys.argv[1]))
