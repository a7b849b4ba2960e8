"""Certificates are renewed and half of them is there: for a while every dial raises something odd."""

import errno
import random
import ssl

from examples.scenarios.shop import NAMESPACE, Customers, all_is_well, orders

from collector_mesh import MeshError
from collector_mesh.simulation import Sim

SHOPS = ["shop-1", "shop-2"]
BACK_SECONDS = 5.0
"""Dials are at most two seconds apart, and one takes a few round trips."""

ODD = (
    lambda: MeshError("cert.pem and key.pem are not a certificate and its key", code=500),
    lambda: ssl.SSLError(1, "[X509: KEY_VALUES_MISMATCH] key values mismatch"),
    lambda: OSError(errno.EMFILE, "too many open files"),
    lambda: FileNotFoundError("cert.pem"),
    lambda: KeyError("front"),
    lambda: ValueError("malformed framing"),
    lambda: RuntimeError("no current event loop"),
    AssertionError,
    TimeoutError,
    lambda: ExceptionGroup("several", [OSError("one"), ValueError("other")]),
)


async def scenario(sim: Sim) -> None:
    """Nobody gives up for it: as soon as dials go through again, everybody is back."""
    for name in SHOPS:
        sim.collector(name, services=orders)
    front = sim.collector("front", namespaces=[NAMESPACE], peers=SHOPS)
    await sim.settled()
    customers = Customers(sim, [front], timeout=0.5)
    customers.come(3, until=sim.now + 12)
    for _ in range(3):
        sim.network.fail_dials("front", random.choice(ODD))
        for name in random.sample(SHOPS, random.choice((1, 2))):
            sim.network.reset("front", name)
        await sim.sleep(random.uniform(0.1, 3.0))
        sim.network.fail_dials("front", None)
        until = sim.now + BACK_SECONDS
        while {peer.state for peer in front.snapshot().connections} != {"live"}:
            assert sim.now < until, f"not back {BACK_SECONDS:g} s after dials have gone through again"
            await sim.sleep(0.01)
    await customers.gone()
    assert customers.codes[200] > 0, f"nobody was served: {customers.codes}"
    await all_is_well(sim, [front])
