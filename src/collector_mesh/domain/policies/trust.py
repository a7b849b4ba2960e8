"""Which collector a certificate is the one of."""

import re

import attrs

from collector_mesh.domain.model.errors import ForbiddenError, InvalidCallError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import NAME

_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_MAX_DOMAIN = 255
_SPIFFE = "spiffe://"
_COLLECTOR = "/collector/"


def check_domain(field: str, value: str) -> None:
    """Check the name of a domain.

    Raises:
        InvalidCallError: it is none; the error names the field.
    """
    if len(value) > _MAX_DOMAIN or not _DOMAIN.fullmatch(value):
        raise InvalidCallError(
            f"{field} must be a domain name of at most {_MAX_DOMAIN} characters, got {quoted(value)}"
        )


def _is_domain(_instance: object, _attribute: object, value: str) -> None:
    check_domain("trust_domain", value)


@attrs.frozen
class TrustDomain:
    """A domain in which names stand for collectors: `spiffe://DOMAIN/collector/ID` and the host name `ID.DOMAIN`.

    Other names, wildcards among them, are names of hosts and say nothing here. In an id, capital letters are others
    than small ones.

    Attributes:
        name: of the domain.

    Raises:
        InvalidCallError: it is no domain name.
    """

    name: str = attrs.field(validator=_is_domain)

    def ids_in(self, identity: Identity) -> tuple[str, ...]:
        """The ids of the collectors that an identity names, one for each name that does."""
        found = (*map(self._of_uri, identity.uris), *map(self._of_host, identity.dns_names))
        return tuple(collector_id for collector_id in found if collector_id and NAME.fullmatch(collector_id))

    def _of_uri(self, uri: str) -> str:
        domain, found, collector_id = uri.partition(_COLLECTOR)
        # Scheme and domain are the same in capital letters.
        return collector_id if found and domain.lower() == f"{_SPIFFE}{self.name}".lower() else ""

    def _of_host(self, name: str) -> str:
        tail = f".{self.name}"
        return name[: -len(tail)] if name.lower().endswith(tail.lower()) else ""

    def check(self, identity: Identity | None, collector_id: str) -> None:
        """See that an id follows from what was proved: exactly one name is that of a collector, and of this one.

        Raises:
            ForbiddenError: it does not.
        """
        wanted = f"it must have exactly one name of a collector, {self.names(collector_id)}"
        if identity is None:
            raise ForbiddenError(
                f"collector id {quoted(collector_id)} is not proved by a certificate: {wanted}"
            )
        named = self.ids_in(identity)
        if named != (collector_id,):
            shown = ", ".join(quoted(name) for name in named[:8]) if named else "no collector"
            raise ForbiddenError(
                f"collector id {quoted(collector_id)} does not follow from the certificate, which names {shown}:"
                f" {wanted}"
            )

    def uri_of(self, collector_id: str) -> str:
        """The URI that stands for a collector."""
        return f"{_SPIFFE}{self.name}{_COLLECTOR}{collector_id}"

    def names(self, collector_id: str) -> str:
        """The names that stand for a collector; for people."""
        return f"{self.uri_of(collector_id)} or {collector_id}.{self.name}"


def domain_of(identity: Identity, collector_id: str) -> TrustDomain:
    """The domain in which an identity names a collector.

    Raises:
        InvalidCallError: there is none, or there are several.
    """
    found: dict[str, None] = {}
    tail = f"{_COLLECTOR}{collector_id}"
    for uri in identity.uris:
        if uri.lower().startswith(_SPIFFE) and uri.endswith(tail):
            found[uri[len(_SPIFFE) : -len(tail)].lower()] = None
    for name in identity.dns_names if not found else ():
        if name.startswith(f"{collector_id}."):
            found[name[len(collector_id) + 1 :].lower()] = None
    domains = [name for name in found if _DOMAIN.fullmatch(name)]
    if len(domains) != 1:
        what = f"names it in {', '.join(domains)}" if domains else "does not name it"
        raise InvalidCallError(
            f"the certificate of collector {quoted(collector_id)} {what}: it must have the name"
            f" spiffe://DOMAIN/collector/{collector_id} or {collector_id}.DOMAIN, or the setting trust_domain must"
            " say which domain counts"
        )
    return TrustDomain(domains[0])
