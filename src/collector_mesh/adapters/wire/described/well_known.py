"""What comes with protobuf: its files are always those of this process, and some of its messages have a form of their own in JSON."""

from collections.abc import Mapping
from functools import cached_property
from importlib import import_module

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto

_MODULES = (
    "any",
    "api",
    "descriptor",
    "duration",
    "empty",
    "field_mask",
    "source_context",
    "struct",
    "timestamp",
    "type",
    "wrappers",
)
_WELL_KNOWN_FOLDER = "google/protobuf/"

OWN_PACKAGE = "google.protobuf."
"""What full names of protobuf's own begin with."""

WELL_KNOWN = tuple(f"{_WELL_KNOWN_FOLDER}{module}.proto" for module in _MODULES)
"""Names of the files."""

_SPECIAL = ("any", "duration", "field_mask", "struct", "timestamp", "wrappers")


def is_well_known(name: str) -> bool:
    """Whether a file comes with protobuf, so that nobody has to be asked for it."""
    return name in WELL_KNOWN


def _module_of(name: str) -> str:
    return name.removeprefix(_WELL_KNOWN_FOLDER).removesuffix(".proto")


def own_file(name: str) -> FileDescriptorProto:
    """A file that comes with protobuf."""
    module = import_module(f"google.protobuf.{_module_of(name)}_pb2")
    return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


class WellKnown:
    """The messages of one pool that have a form of their own in JSON."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    @cached_property
    def _shapes(self) -> Mapping[str, list[tuple[object, ...]]]:
        """The fields of the messages that have a form of their own in JSON, as they come with protobuf."""
        return {
            message.full_name: _fields(message)
            for name in _SPECIAL
            for message in import_module(
                f"google.protobuf.{name}_pb2"
            ).DESCRIPTOR.message_types_by_name.values()
        }

    def special(self, message: Descriptor) -> str:
        """The name of a message that has a form of its own in JSON; empty if it has none.

        A message of that name with other fields is a message as any other.
        """
        name = message.full_name
        found = self._known.get(name)
        if found is None:
            shape = self._shapes.get(name)
            found = self._known[name] = name if shape is not None and shape == _fields(message) else ""
        return found


def _fields(message: Descriptor) -> list[tuple[object, ...]]:
    return [(field.number, field.name, field.type, field.is_repeated) for field in message.fields]
