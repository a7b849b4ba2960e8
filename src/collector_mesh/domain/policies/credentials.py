"""What a request shows beside certificates: a bearer token in its headers."""

from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.status import Metadata

if TYPE_CHECKING:
    from collector_mesh.domain.policies.access_tokens import Tokens

AUTHORIZATION = "authorization"
"""The header that a bearer token comes in."""

_BEARER = "bearer "

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
        if key == AUTHORIZATION and isinstance(value, str) and value[: len(_BEARER)].lower() == _BEARER:
            shown.append(value[len(_BEARER) :].strip())
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
