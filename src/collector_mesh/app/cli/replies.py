"""A reply of the mesh as JSON: what is in its payload, as far as its type is known here."""

import base64
import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from collector_mesh.domain.model.plain import LIST, STRUCT, VALUE
from collector_mesh.domain.model.plain_reading import decoded

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from collector_mesh.domain.model.payload import Payload

_OF_PROTOBUF = "google.protobuf."
_WELL_KNOWN = ("any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers")


def type_name(payload: "Payload") -> str:
    """The full name of the type of a payload."""
    return payload.type_url.rpartition("/")[2]


def plain_of(payload: "Payload") -> Any:
    """Plain data.

    Raises:
        ValueError: it is none.
    """
    name = type_name(payload)
    if name not in {STRUCT, LIST, VALUE}:
        raise ValueError(f"a {name} is no plain data")
    return decoded(name, payload.value)


def as_json(payload: "Payload", response: "type[Message] | None") -> str | None:
    """A result as protobuf's JSON, None if its message class is not at hand.

    At hand are those of `response` with all that it is made of, and those that come with protobuf.
    """
    from google.protobuf import json_format

    name = type_name(payload)
    if name == "google.protobuf.Empty":
        return "{}"
    try:
        if response is None and name in {STRUCT, LIST, VALUE}:
            return json.dumps(plain_of(payload), indent=2)
        # It need not be in the pool of all others.
        if response is None or response.DESCRIPTOR.full_name != name:
            response = _known_class(name)
        return json_format.MessageToJson(response.FromString(payload.value), preserving_proto_field_name=True)
    except Exception:  # noqa: BLE001  # of another process, in a form that this one does not know
        return None


def _known_class(name: str) -> "type[Message]":
    from google.protobuf import descriptor_pool, message_factory

    if name.startswith(_OF_PROTOBUF):
        for module in _WELL_KNOWN:
            import_module(f"google.protobuf.{module}_pb2")
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def raw_of(payload: "Payload") -> dict[str, str]:
    """A payload whose type is not known, as data."""
    return {"type_url": payload.type_url, "base64": base64.b64encode(payload.value).decode()}
