"""A store of idempotency keys in a simulation that outlives its collectors, as a file on their machine does."""

from typing import TYPE_CHECKING

from collector_mesh.adapters.simulated.host import HOST, Host
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.key_store import Claim, Claimed, KeyRules, KeyStore
from collector_mesh.domain.serving.memory_keys import MemoryKeyStore

if TYPE_CHECKING:
    from collector_mesh.app.simulation.sim import Sim


class SharedKeys:
    """One store for several collectors of a simulation: `sim.collector("shop-1", keys=keys)`.

    What a collector had begun that crashes or is stopped is lost, as where its process is killed.

    Args:
        sim: the simulation, whose time counts: the clocks of its hosts may differ, and that of their machine does not.
        store_id: what the collectors tell of it.
    """

    def __init__(self, sim: "Sim", store_id: str = "shared") -> None:
        self._sim = sim
        self._store = MemoryKeyStore(store_id)
        self._claimants: dict[str, Host] = {}

    @property
    def store_id(self) -> str:
        """See the port."""
        return self._store.store_id

    def __len__(self) -> int:
        """How many keys it has."""
        return len(self._store)

    async def reserve(self, claim: Claim, rules: KeyRules, now: float) -> Claimed:
        """See the port."""
        _ = now
        host = HOST.get()
        if host is not None:
            self._claimants.setdefault(claim.claimant, host)
        for claimant in [one for one, where in self._claimants.items() if where.is_down]:
            self._store.lose(claimant)
            del self._claimants[claimant]
        return await self._store.reserve(claim, rules, self._sim.now)

    async def finish(self, claim: Claim, reply: Reply, rules: KeyRules, now: float) -> None:
        """See the port."""
        _ = now
        await self._store.finish(claim, reply, rules, self._sim.now)

    async def release(self, claim: Claim) -> None:
        """See the port."""
        await self._store.release(claim)


if TYPE_CHECKING:
    _fits: type[KeyStore] = SharedKeys
