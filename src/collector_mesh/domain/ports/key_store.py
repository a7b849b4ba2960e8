"""Port: keeps what became of calls with an idempotency key, so that a repeat gets the first reply."""

import re
from enum import Enum
from typing import NamedTuple, Protocol

import attrs
from attrs.validators import ge, gt

from collector_mesh.domain.model.errors import OverloadedError, UnavailableError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply

_PLACE = re.compile(r"""key store (?:'[^']*'|"[^"]*")""")
"""How such errors begin that name a file."""


class KeyStoreError(UnavailableError):
    """The store cannot be used, now or at all; the text says why. A call that had not begun is not run."""

    @property
    def told(self) -> str:
        """The text for callers, whom it does not concern where the file is."""
        return _PLACE.sub("the key store", str(self))


class KeysFullError(OverloadedError):
    """The store has no room: what it has must not be forgotten yet, so no further call with a key is run."""

    @classmethod
    def of(cls, text: str) -> "KeysFullError":
        """The error that says what is full."""
        return cls(text, details={"retry_after_ms": "1000"})


@attrs.frozen
class KeyRules:
    """How much is kept, and for how long.

    Attributes:
        seconds: how long a reply is kept after the call has ended.
        max_keys: keys that are kept at a time, those of running calls included.
        max_bytes: what keys and replies may take together when a call is to begin; those that run then may go over it.
    """

    seconds: float = attrs.field(default=600.0, validator=gt(0))
    max_keys: int = attrs.field(default=100_000, validator=ge(1))
    max_bytes: int = attrs.field(default=64 << 20, validator=ge(1))


class Claim(NamedTuple):
    """A call with a key that is about to run.

    Attributes:
        method: the method; the same key of two methods is two keys.
        key: the key.
        digest: of the request: with another one the key is refused.
        claimant: whoever runs it: another one for each start of a collector.
    """

    method: MethodKey
    key: str
    digest: bytes
    claimant: str

    def __repr__(self) -> str:
        """Say of which method it is; a key may be a secret."""
        return f"<Claim of {self.method.short}>"


class KeyState(Enum):
    """What a store says of a key."""

    BEGUN = "begun"
    """It is the claimant's now, who runs the call, and then says `finish` or `release`."""
    KEPT = "kept"
    """The call has run, and here is the reply."""
    RUNNING = "running"
    """Another claimant runs it now."""
    LOST = "lost"
    """Another claimant had begun to run it and is gone: nobody knows what became of it."""
    TAKEN = "taken"
    """It came with another request."""


class Claimed(NamedTuple):
    """The answer of a store to a claim; `reply` is there if it is KEPT."""

    state: KeyState
    reply: Reply | None = None


BEGUN, RUNNING = Claimed(KeyState.BEGUN), Claimed(KeyState.RUNNING)
LOST, TAKEN = Claimed(KeyState.LOST), Claimed(KeyState.TAKEN)


class KeyStore(Protocol):
    """Keeps keys. Each method is whole: no other one of this store, or of another process at it, comes in between.

    What has begun and has neither ended nor been given back is never forgotten while its claimant lives, and
    what has ended not before its time.
    """

    @property
    def store_id(self) -> str:
        """What is the same for all collectors that share the store, once it is open; empty for one that nobody shares."""
        ...

    async def reserve(self, claim: Claim, rules: KeyRules, now: float) -> Claimed:
        """Claim a key for a call that is about to run.

        A claimant that claims again what it has begun, and has not ended, begins anew: it says so only where it did not run.

        Args:
            claim: the key, and for whom.
            rules: how much is kept.
            now: monotonic time of this machine, in seconds.

        Raises:
            KeysFullError: there is no room for a new key.
            KeyStoreError: the store cannot be used.
        """
        ...

    async def finish(self, claim: Claim, reply: Reply, rules: KeyRules, now: float) -> None:
        """Keep the reply to a call that has run, from now on for its time.

        Raises:
            KeyStoreError: the store cannot be used; the key stays begun.
        """
        ...

    async def release(self, claim: Claim) -> None:
        """Forget a key whose call did not run.

        Raises:
            KeyStoreError: the store cannot be used; the key stays begun.
        """
        ...
