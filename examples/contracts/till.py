"""Shows the receipts of a customer, without `await`: `python till.py ADDRESS CUSTOMER`."""

import sys

from collector_mesh import SyncMeshClient
from shop_api import Shop

with SyncMeshClient(sys.argv[1]) as client:
    for receipt in Shop.client(client).receipts(sys.argv[2], 3, timeout=5):
        print(f"receipt {receipt.number}: {', '.join(cup.drink for cup in receipt.order.cups)}")
