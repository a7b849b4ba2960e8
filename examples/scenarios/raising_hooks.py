"""What a team hangs on its collectors raises: observers, authorizers, validators, balancers."""

import logging
import random
from collections.abc import Sequence
from typing import NoReturn

from examples.scenarios.shop import NAMESPACE, Customers, all_is_well, orders

from collector_mesh import Settings
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]
ODD: tuple[type[Exception], ...] = (KeyError, IndexError, OSError, RuntimeError, AssertionError, ValueError)


class Moody:
    """Every hook in one: each time it is asked it may raise.

    Args:
        share: how often.
    """

    def __init__(self, share: float) -> None:
        self.share = share

    def tell(self, event: object) -> None:
        """Watch, as an observer."""
        _ = event
        self._may_raise()

    def may_use(self, identity: object, namespace: str) -> bool:
        """Allow everything, as an authorizer."""
        _ = identity, namespace
        self._may_raise()
        return True

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        """Allow everything, as a validator."""
        _ = namespace, service_name, method_name
        self._may_raise()

    def _may_raise(self) -> None:
        if random.random() < self.share:
            _fail()


def _fail() -> NoReturn:
    raise random.choice(ODD)("as users' code does")


async def scenario(sim: Sim) -> None:
    """It is an outcome of that call, or nothing: links stay, slots are given back, peers are found again."""
    # What a broken hook leaves in the log is of no interest here.
    log, nowhere = logging.getLogger("collector_mesh"), logging.NullHandler()
    log.addHandler(nowhere)
    try:
        await _sell(sim)
    finally:
        log.removeHandler(nowhere)


async def _sell(sim: Sim) -> None:
    observer, rules = Moody(random.choice((0.1, 1.0))), Moody(0.1)
    for name in SHOPS:
        sim.collector(name, services=orders, observer=observer, authorizer=rules, validator=rules)
    settings = Settings(relay=True, max_outgoing=64)
    sim.collector("hub", namespaces=[NAMESPACE], peers=SHOPS, observer=observer, settings=settings)
    fronts = [
        sim.collector("front-1", namespaces=[NAMESPACE], peers=SHOPS, observer=observer, settings=settings),
        sim.collector("front-2", namespaces=[NAMESPACE], peers=["hub"], observer=observer),
    ]
    await sim.settled()
    customers = Customers(sim, fronts)
    customers.come(4, until=sim.now + 6, pause=0.1)
    for _ in range(3):
        await sim.sleep(random.uniform(0.2, 1.5))
        await _harm(sim, SHOPS)
    await customers.gone()
    assert customers.codes[200] > 0.3 * customers.codes.total(), f"too many have failed: {customers.codes}"
    observer.share = rules.share = 0.0
    await all_is_well(sim, fronts)


async def _harm(sim: Sim, shops: Sequence[str]) -> None:
    """Something that hooks are told of."""
    who = random.choice(shops)
    match random.randrange(3):
        case 0:
            sim.network.reset("front-1", who)
            sim.network.reset("hub", who)
        case 1:
            await sim.crash(who)
            await sim.sleep(random.uniform(0.1, 1.0))
            await sim.restart(who, fresh=True)
        case _:
            sim.slow(who, 3.0)
            await sim.sleep(random.uniform(0.5, 2.0))
            sim.slow(who, 0.0)
