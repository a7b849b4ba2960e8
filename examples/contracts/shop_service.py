"""The shop: `collector-mesh serve --id shop-1 --service shop_service:CornerShop --reflection`."""

from collector_mesh import CallContext, NotFoundError, implements
from shop_api import Order, Receipt, Shop, Size

PRICES = {"coffee": 300, "tea": 250}


@implements(Shop)
class CornerShop:
    """Does what `shop_api.Shop` says; a method that is missing or differs is an error when this file is imported."""

    def __init__(self) -> None:
        self._receipts: list[Receipt] = []

    async def create_order(self, order: Order, context: CallContext) -> Receipt:
        """See the contract; it asks for the prices as any other program does."""
        prices = await Shop.client(context).prices()
        cents = 0
        for cup in order.cups:
            if cup.drink not in prices:
                raise NotFoundError(f"there is no {cup.drink}, there are {', '.join(sorted(prices))}")
            cents += prices[cup.drink] * (2 if cup.size is Size.LARGE else 1)
        receipt = Receipt(len(self._receipts) + 1, cents, order)
        self._receipts.append(receipt)
        return receipt

    async def receipts(self, customer: str, limit: int) -> list[Receipt]:
        """See the contract."""
        theirs = [receipt for receipt in self._receipts if receipt.order.customer == customer]
        return theirs[::-1][:limit]

    def prices(self) -> dict[str, int]:
        """See the contract; a plain method runs in a thread."""
        return PRICES
