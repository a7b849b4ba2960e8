"""What a request shows beside certificates: a bearer token in its headers."""

from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.policies.trust import TrustDomain

if TYPE_CHECKING:
    from collector_mesh.domain.policies.access_tokens import Tokens

AUTHORIZATION = "authorization"
"""The header that a bearer token comes in."""

_BEARER = "bearer"

_MOST_SHOWN = 4
"""Tokens of one request that are looked at."""


def identified(
    identity: Identity | None, headers: Metadata, tokens: "Tokens"
) -> tuple[Identity | None, Metadata]:
    """Who somebody is with the bearer token in the headers of a request, and the headers without it.

    Args:
        identity: what the transport has proved.
        headers: of the request; one with credentials of another kind is left where it is.
        tokens: those that are known.
    """
    kept, shown = [], []
    for pair in headers:
        key, value = pair
        # Whatever stands between the words: a secret that is written a little wrong is no metadata of the call.
        words = value.split(None, 1) if key == AUTHORIZATION and isinstance(value, str) else ()
        if words and words[0].lower() == _BEARER:
            shown.append(words[1].strip() if len(words) > 1 else "")
        else:
            kept.append(pair)
    if not shown:
        return identity, headers
    found = [match for secret in shown[:_MOST_SHOWN] if (match := tokens.find(secret)) is not None]
    known = identity or Identity()
    if not found:
        return attrs.evolve(known, is_rejected=True), tuple(kept)
    name, proof = found[0]
    return attrs.evolve(known, token=name, proof=proof), tuple(kept)


def named_identity(text: str, trust: TrustDomain | None) -> Identity | None:
    """Somebody as rules name it, as far as it is one: `token:ci`, `id:orders-1`, `uri:...`, `dns:...`, or `anyone`.

    Raises:
        InvalidCallError: it names nobody, or several; or ids are not proved here.
    """
    from collector_mesh.domain.policies.access_who import ANYONE, DNS, ID, URI, Who

    who = Who.parse(text)
    if who.is_start:
        raise InvalidCallError(f"caller must be one, got {quoted(text)}")
    if who.kind == ANYONE:
        return None
    if who.kind == URI:
        return Identity(uris=(who.name,))
    if who.kind == DNS:
        return Identity(dns_names=(who.name,))
    if who.kind != ID:
        return Identity(token=who.name)
    if trust is None:
        raise InvalidCallError(
            f"caller {quoted(text)}: ids are proved with mutual TLS, which is not used here"
        )
    return Identity(uris=(trust.uri_of(who.name),))
