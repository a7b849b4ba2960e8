"""The question of a validator to a registry, ours or the original, and what its answer means."""

from typing import Any

from collector_mesh.adapters.wire.dispatcher_codec import UNREADABLE
from collector_mesh.adapters.wire.generated import registry_pb2
from collector_mesh.domain.model.allowed import Allowed
from collector_mesh.domain.model.names import IDENTIFIERS, MethodKey
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.model.texts import visible
from collector_mesh.domain.registry.metadata import GIVES_KEY, MAX_TYPE_NAME, TAKES_KEY
from collector_mesh.domain.registry.remembered import Answer, Refused, Undecided, Valid

OK_CODE, NOT_FOUND_CODE = 0, 4
"""Codes of a status in an answer of a registry; that there is no such service or method is no code of gRPC's."""


def encode_question(key: MethodKey) -> bytes:
    """A ValidateMethodRequest."""
    request = registry_pb2.ValidateMethodRequest(
        namespace=key.namespace, service_name=key.service, method_name=key.method
    )
    data: bytes = request.SerializeToString()
    return data


def decode_answer(data: bytes, trailing: Metadata) -> Answer:
    """What a ValidateMethodResponse means. Nothing but what says so means that a method may be called.

    Args:
        data: the message.
        trailing: the metadata that came with it.
    """
    try:
        response: Any = registry_pb2.ValidateMethodResponse.FromString(data)
    except UNREADABLE:
        return Undecided("the registry has answered what cannot be read")
    if not response.HasField("status"):
        # As an empty message, which anything may answer.
        return Undecided("the registry has answered without a status")
    code = response.status.code
    said = visible(response.message or response.status.message)
    if code == OK_CODE and response.is_valid:
        types = [_named(trailing, key) for key in (TAKES_KEY, GIVES_KEY)]
        if None in types:
            return Undecided("the registry has named a type that is no name")
        return Valid(Allowed(*map(str, types)))
    if code in {OK_CODE, NOT_FOUND_CODE} and not response.is_valid:
        return Refused(said or "the registry does not have the method")
    return Undecided(f"the registry has answered with the status {code}" + (f": {said}" if said else ""))


def _named(metadata: Metadata, key: str) -> str | None:
    """The name that metadata has under a key, empty for none; None where it is no name."""
    found = [value for name, value in metadata if name == key]
    if not found:
        return ""
    name = found[-1]
    return (
        name if isinstance(name, str) and len(name) <= MAX_TYPE_NAME and IDENTIFIERS.fullmatch(name) else None
    )
