"""Whom a rule means: names that are proved, each of a kind."""

import re
from collections.abc import Iterator

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import NAME
from collector_mesh.domain.policies.trust import TrustDomain

ID, URI, DNS, TOKEN, ANYONE = "id", "uri", "dns", "token", "anyone"

KINDS = (ID, URI, DNS, TOKEN)

Proved = tuple[tuple[str, str], ...]
"""Names that are proved, each with its kind."""

_MAX_PATTERN = 1024
_ID_START = re.compile(r"[A-Za-z0-9._-]{0,128}")
_LABELS = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")
_URI = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.-]*://[^/\s*]*)(?P<rest>(/[^\s*]*)?)")
_ANY_LABEL = "*."


@attrs.frozen
class Who:
    """Somebody, or several, by what they have proved.

    Attributes:
        kind: `id`, `uri`, `dns`, `token`, or `anyone`.
        name: of them, without the star.
        is_start: whether it is only how their names begin, or for `dns` how they go on after one label.
    """

    kind: str
    name: str = ""
    is_start: bool = False

    @classmethod
    def parse(cls, text: str) -> "Who":
        """What a text means, as `id:orders-*`, `uri:spiffe://example.org/team/*`, `dns:*.example.org`, or `anyone`.

        Raises:
            InvalidCallError: it means nobody.
        """
        if text == ANYONE:
            return cls(ANYONE)
        kind, _, name = text.partition(":")
        if kind not in KINDS or not name or len(text) > _MAX_PATTERN:
            raise InvalidCallError(
                "must be id:NAME, uri:URI, dns:HOST or token:NAME, of at most"
                f" {_MAX_PATTERN} characters, or anyone, got {quoted(text)}"
            )
        if kind == DNS:
            return _of_host(name)
        start, is_start = (name[:-1], True) if name.endswith("*") else (name, False)
        return _of_uri(start, is_start=is_start) if kind == URI else _of_name(kind, start, is_start=is_start)

    def fits(self, proved: Proved) -> bool:
        """Whether one of the names that somebody has proved is meant."""
        return self.kind == ANYONE or any(kind == self.kind and self._means(name) for kind, name in proved)

    def _means(self, name: str) -> bool:
        if not self.is_start:
            return name == self.name
        return after_label(name) == self.name if self.kind == DNS else name.startswith(self.name)

    def __str__(self) -> str:
        if self.kind == ANYONE:
            return ANYONE
        if not self.is_start:
            return f"{self.kind}:{self.name}"
        return f"{self.kind}:{_ANY_LABEL}{self.name}" if self.kind == DNS else f"{self.kind}:{self.name}*"


def _of_name(kind: str, name: str, *, is_start: bool) -> Who:
    if not (_ID_START if is_start else NAME).fullmatch(name):
        raise InvalidCallError(
            f"must name {'an id' if kind == ID else 'a token'} of 1 to 128 letters, digits, '.', '_' and '-', with or"
            f" without a '*' at the end, got {quoted(f'{kind}:{name}')}"
        )
    return Who(kind, name, is_start)


def _of_host(name: str) -> Who:
    is_start = name.startswith(_ANY_LABEL)
    rest = name[len(_ANY_LABEL) :] if is_start else name
    if len(name) > 253 or not _LABELS.fullmatch(rest):
        raise InvalidCallError(
            f"must name a host, or be '*.' and a domain, which stands for one label, got {quoted(f'{DNS}:{name}')}"
        )
    return Who(DNS, rest.lower(), is_start)


def _of_uri(uri: str, *, is_start: bool) -> Who:
    found = _URI.fullmatch(uri)
    if found is None or (is_start and not found["rest"]):
        # `spiffe://example.org*` would mean spiffe://example.org.evil.example too.
        raise InvalidCallError(
            "must be a URI with '://', and a '*' only at its end and after the '/' that follows the authority, got"
            f" {quoted(f'{URI}:{uri}')}"
        )
    return Who(URI, found["head"].lower() + found["rest"], is_start)


def after_label(host: str) -> str:
    """A host name without its first label; empty where there is no other."""
    return host.partition(".")[2]


def proved_names(identity: Identity | None, trust: TrustDomain | None, claimed: str = "") -> Proved:
    """The names that rules may mean of somebody.

    Args:
        identity: what was proved.
        trust: in which names of certificates stand for collectors.
        claimed: an id that counts without proof; empty for none.
    """
    return tuple(_names(identity, trust, claimed))


def _names(identity: Identity | None, trust: TrustDomain | None, claimed: str) -> Iterator[tuple[str, str]]:
    if claimed:
        yield ID, claimed
    if identity is None:
        return
    named = () if trust is None else trust.ids_in(identity)
    # A certificate that names two collectors proves neither.
    if len(named) == 1 and not claimed:
        yield ID, named[0]
    for uri in identity.uris:
        head, is_uri, rest = uri.partition("://")
        authority, slash, path = rest.partition("/")
        if is_uri and "*" not in uri:
            yield URI, f"{head}://{authority}".lower() + slash + path
    for name in identity.dns_names:
        # A wildcard is a name of many hosts, and proves none of them.
        if "*" not in name:
            yield DNS, name.lower()
    if identity.token:
        yield TOKEN, identity.token
