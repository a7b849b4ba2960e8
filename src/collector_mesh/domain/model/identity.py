"""What a transport has proved about whoever is at the other end."""

import attrs


@attrs.frozen
class Identity:
    """The names that a certificate proves, each kind in the order of the certificate.

    They are the subject alternative names alone: a common name proves nothing.

    Attributes:
        dns_names: host names; one may be a wildcard, as `*.example.org`.
        uris: as `spiffe://example.org/collector/orders-1`.
        addresses: IP addresses.
    """

    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is a name at all."""
        return bool(self.dns_names or self.uris or self.addresses)

    def __str__(self) -> str:
        """The first name, of URIs before host names before addresses; for people."""
        return next(iter((*self.uris, *self.dns_names, *self.addresses)), "")
