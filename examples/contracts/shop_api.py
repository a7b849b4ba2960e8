"""What the shop can do: those who serve it and those who call it import this file, and nothing of each other."""

# mypy: disable-error-code="empty-body"

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from collector_mesh import Contract, method


class Size(Enum):
    """How large a cup is."""

    SMALL = "small"
    LARGE = "large"


@dataclass
class Cup:
    """One cup of something."""

    drink: str
    size: Size = Size.SMALL


@dataclass
class Order:
    """What a customer wants."""

    customer: str
    cups: list[Cup] = field(default_factory=list)
    wanted_at: datetime | None = None


@dataclass
class Receipt:
    """What a customer gets."""

    number: int
    cents: int
    order: Order


class Shop(Contract, namespace="shop", service="cafe.v1.Shop"):
    """A café."""

    @method
    async def create_order(self, order: Order) -> Receipt:
        """Take an order, and say what it costs."""

    @method(idempotent=True)
    async def receipts(self, customer: str, limit: int = 10) -> list[Receipt]:
        """The last receipts of a customer, the latest one first."""

    @method(idempotent=True)
    async def prices(self) -> dict[str, int]:
        """The price of a small cup of each drink, in cents."""
