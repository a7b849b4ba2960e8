"""Keeps idempotency keys in memory: for one start of one collector, or for several collectors in one process."""

from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.link.sizes import map_bytes, pairs_bytes
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.key_store import (
    BEGUN,
    LOST,
    RUNNING,
    TAKEN,
    Claim,
    Claimed,
    KeyRules,
    KeysFullError,
    KeyState,
    KeyStore,
)

_ENTRY_BYTES = 512
"""What a key takes beside its own text and the reply."""


@attrs.define
class _Entry:
    digest: bytes
    claimant: str
    size: int
    reply: Reply | None = None
    until: float = float("inf")
    """When it is forgotten; a call that runs is not."""


class MemoryKeyStore:
    """Keeps keys for as long as it lives.

    Args:
        store_id: what collectors that share it tell of it; empty where one has it alone.
    """

    def __init__(self, store_id: str = "") -> None:
        self.store_id = store_id
        self.held_bytes = 0
        """What keys and replies take, about."""
        self._running: dict[tuple[MethodKey, str], _Entry] = {}
        self._ended: dict[tuple[MethodKey, str], _Entry] = {}
        """In the order in which they are forgotten."""
        self._gone: set[str] = set()

    def __len__(self) -> int:
        """How many keys it has."""
        return len(self._running) + len(self._ended)

    def lose(self, claimant: str) -> None:
        """Take down that a claimant is gone: nobody knows what became of what it has begun."""
        self._gone.add(claimant)

    async def reserve(self, claim: Claim, rules: KeyRules, now: float) -> Claimed:
        """See the port."""
        self._forget(now)
        key = claim.method, claim.key
        found = self._running.get(key) or self._ended.get(key)
        if found is not None and found.until <= now:
            self.held_bytes -= self._ended.pop(key).size
            found = None
        if found is None:
            return self._begin(claim, rules)
        if found.digest != claim.digest:
            return TAKEN
        if found.reply is not None:
            return Claimed(KeyState.KEPT, attrs.evolve(found.reply))
        if found.until < float("inf"):
            return LOST
        if found.claimant == claim.claimant:
            return BEGUN
        if found.claimant not in self._gone:
            return RUNNING
        self._end(key, found, rules, now)
        return LOST

    def _begin(self, claim: Claim, rules: KeyRules) -> Claimed:
        count = len(self)
        if count >= rules.max_keys:
            raise KeysFullError.of(
                f"overloaded: {count} idempotency keys are kept, at most {rules.max_keys} may be"
            )
        if self.held_bytes >= rules.max_bytes:
            raise KeysFullError.of(
                f"overloaded: idempotency keys and their replies take {self.held_bytes} bytes,"
                f" at most {rules.max_bytes} are allowed"
            )
        size = _ENTRY_BYTES + len(claim.key)
        self._running[claim.method, claim.key] = _Entry(claim.digest, claim.claimant, size)
        self.held_bytes += size
        return BEGUN

    async def finish(self, claim: Claim, reply: Reply, rules: KeyRules, now: float) -> None:
        """See the port."""
        key = claim.method, claim.key
        entry = self._running.get(key)
        if entry is not None and entry.claimant == claim.claimant:
            entry.reply = attrs.evolve(reply, nested=None)
            cost = reply_bytes(reply)
            entry.size += cost
            self.held_bytes += cost
            self._end(key, entry, rules, now)

    async def release(self, claim: Claim) -> None:
        """See the port."""
        key = claim.method, claim.key
        entry = self._running.get(key)
        if entry is not None and entry.claimant == claim.claimant:
            del self._running[key]
            self.held_bytes -= entry.size

    def _end(self, key: tuple[MethodKey, str], entry: _Entry, rules: KeyRules, now: float) -> None:
        del self._running[key]
        entry.until = now + rules.seconds
        self._ended[key] = entry

    def _forget(self, now: float) -> None:
        """Forget those whose time is up: a few are looked at for each new one, so no call pays for all."""
        for _ in range(8):
            key = next(iter(self._ended), None)
            if key is None or self._ended[key].until > now:
                return
            self.held_bytes -= self._ended.pop(key).size


def reply_bytes(reply: Reply) -> int:
    """What a reply takes that is kept, about."""
    return (
        len(reply.payload.value)
        + len(reply.payload.type_url)
        + len(reply.status.message)
        + map_bytes(reply.status.details)
        + pairs_bytes(reply.metadata)
        + pairs_bytes(reply.initial_metadata)
    )


if TYPE_CHECKING:
    _fits: type[KeyStore] = MemoryKeyStore
