"""Customers who order cups all the time, and count what goes wrong. Usage: `python customers.py ADDRESSES`."""

import asyncio
import signal
import sys
from itertools import count

from collector_mesh import MeshClient, MeshError
from web import tls


async def main(addresses: str) -> None:
    """Order until SIGTERM comes."""
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    answers, failures = 0, 0
    async with MeshClient(addresses, tls=tls()) as mesh:
        print("customers ready on", addresses, flush=True)
        for number in count():
            order = {"order_id": f"c{number}", "name": "bob", "item": "cup", "number": 0}
            try:
                await mesh.call("orders", "Orders", "Create", order, timeout=5)
                answers += 1
            except MeshError as error:
                failures += 1
                print(error.code, error, flush=True)
            if done.is_set() and answers >= 100:
                break
    print("at least 100 orders,", failures, "failed")


asyncio.run(main(sys.argv[1]))
