"""What a transport has proved about whoever is at the other end."""

import attrs


# The hash is kept: who may do what is looked up by an identity at every call.
@attrs.frozen(cache_hash=True)
class Identity:
    """The names that a certificate proves, each kind in the order of the certificate, and the name of a bearer token.

    They are the subject alternative names alone: a common name proves nothing.

    Attributes:
        dns_names: host names; one may be a wildcard, as `*.example.org`.
        uris: as `spiffe://example.org/collector/orders-1`.
        addresses: IP addresses.
        token: the name of the bearer token that was shown, as the collector's own list calls it; never its secret.
        proof: tells a token from a later one of the same name; empty where a transport answers for the name itself.
        is_rejected: whether a bearer token was shown that is not known; nothing else counts then.
    """

    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    token: str = ""
    proof: bytes = attrs.field(default=b"", repr=False)
    is_rejected: bool = False

    def __bool__(self) -> bool:
        """Whether there is a name at all."""
        return bool(self.dns_names or self.uris or self.addresses or self.token)

    def __str__(self) -> str:
        """The first name, of URIs before host names before addresses before tokens; for people."""
        token = (f"token:{self.token}",) if self.token else ()
        return next(iter((*self.uris, *self.dns_names, *self.addresses, *token)), "")
