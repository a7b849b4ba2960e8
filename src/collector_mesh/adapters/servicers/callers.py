"""What a context tells of the caller, in the words of grpc."""

from collections.abc import Iterable
from typing import NamedTuple

from collector_mesh.domain.model.context import CallContext
from collector_mesh.domain.model.errors import shown
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.trace_context import TRACE_KEYS, headers_for

_SAN = "x509_subject_alternative_name"


class Metadatum(NamedTuple):
    """One pair of metadata, as grpc gives it."""

    key: str
    value: str | bytes


def invocation_metadata(call: CallContext) -> tuple[Metadatum, ...]:
    """The metadata of a call, as grpc gives it; its trace context is where the call has come to by now."""
    if not call.trace:
        return tuple(Metadatum(key, value) for key, value in call.metadata)
    metadata = (pair for pair in call.metadata if pair[0] not in TRACE_KEYS)
    return tuple(Metadatum(key, value) for key, value in (*metadata, *headers_for(call.trace)))


def peer_of(call: CallContext) -> str:
    """Who has called: a text, as grpc gives one; addresses are not known, ids of collectors are.

    It has three parts, as an address has: interceptors, those of OpenTelemetry for one, take it apart.
    """
    return f"collector:{call.caller}:0" if call.caller else "client:unknown:0"


def auth_context_of(call: CallContext) -> dict[str, list[bytes]]:
    """What was proved of the caller, under grpc's names."""
    identity = call.identity
    if not identity:
        return {}
    found = {"transport_security_type": [b"ssl"], _SAN: _encoded(_names(identity))}
    for name, texts in (
        ("peer_dns", identity.dns_names),
        ("peer_uri", identity.uris),
        ("peer_ip", identity.addresses),
        ("peer_spiffe_id", [uri for uri in identity.uris if uri.startswith("spiffe://")]),
    ):
        if texts:
            found[name] = _encoded(texts)
    return found


def peer_identities_of(call: CallContext) -> list[bytes] | None:
    """The names that were proved of the caller; None where there are none."""
    return _encoded(_names(call.identity)) if call.identity else None


def peer_identity_key_of(call: CallContext) -> str | None:
    """The name under which `auth_context` has them."""
    return _SAN if call.identity else None


def _names(identity: Identity) -> tuple[str, ...]:
    return (*identity.uris, *identity.dns_names, *identity.addresses)


def _encoded(texts: Iterable[str]) -> list[bytes]:
    return [shown(text).encode("utf-8", "backslashreplace") for text in texts]
