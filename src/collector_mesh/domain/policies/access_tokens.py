"""Bearer tokens that a collector knows, without their secrets."""

import hashlib
import hmac
from collections.abc import Mapping

import attrs

_DIGEST_BYTES = 32

MIN_SECRET, MAX_SECRET = 16, 4096
"""Characters of a secret."""


def secret_problem(secret: str) -> str:
    """What is wrong with a secret, without it; empty if nothing is."""
    if not MIN_SECRET <= len(secret) <= MAX_SECRET:
        return f"must have {MIN_SECRET} to {MAX_SECRET} characters, got {len(secret)}"
    if not all("!" <= sign <= "~" for sign in secret):
        return "must have printable characters of ASCII only, and no spaces"
    return ""


def digest_of(secret: str, key: bytes) -> bytes:
    """What is kept of a secret; a key that nobody outside knows makes it say nothing, nor how long a comparison takes.

    Args:
        secret: the text that callers send.
        key: 16 to 64 bytes of chance, the same for as long as the process runs.
    """
    return hashlib.blake2b(
        secret.encode("utf-8", "surrogatepass"), key=key, digest_size=_DIGEST_BYTES
    ).digest()


@attrs.frozen(repr=False)
class Tokens:
    """The names of tokens, by the digests of their secrets.

    Attributes:
        key: see `digest_of`.
        names: names by digests.
    """

    key: bytes
    names: Mapping[bytes, str]

    @classmethod
    def of(cls, secrets: Mapping[str, str], key: bytes) -> "Tokens":
        """The tokens for secrets by their names."""
        return cls(key, {digest_of(secret, key): name for name, secret in secrets.items()})

    def __repr__(self) -> str:
        return f"Tokens({sorted(self.names.values())})"

    def find(self, secret: str) -> tuple[str, bytes] | None:
        """The name and the proof of the token with a secret, None where there is none.

        How long it takes does not depend on how much of a secret is right: digests are compared, under a key that callers
        do not know, each in constant time, and all of them whichever one it is.
        """
        if len(secret) > MAX_SECRET:
            return None
        digest = digest_of(secret, self.key)
        found = None
        for known, name in self.names.items():
            if hmac.compare_digest(known, digest):
                found = name, known
        return found

    def knows(self, name: str, proof: bytes) -> bool:
        """Whether a token that was shown earlier is still one: its name is there, and its secret is the same."""
        if proof:
            found = self.names.get(proof)
            return found is not None and hmac.compare_digest(found.encode(), name.encode())
        return name in self.names.values()
