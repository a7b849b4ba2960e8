"""The descriptor pool of our generated code.

The default pool refuses two files with the same names, and a user may have generated the same messages.
The messages of `google.protobuf` that are in it are other classes than those of protobuf's own modules.
"""

from types import ModuleType
from typing import Any

from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.reflection import GeneratedProtocolMessageType

POOL = DescriptorPool()


def take(module: ModuleType) -> None:
    """Have a file of protobuf's own in the pool too; once more has no effect."""
    POOL.AddSerializedFile(module.DESCRIPTOR.serialized_pb)


def build(file: FileDescriptor, module: str, namespace: dict[str, Any]) -> None:
    """Put the services and message classes of a file into the namespace of its generated module.

    In place of protobuf's own builder, which also tells the default symbol database of every class: under
    protobuf's pure-Python implementation that would put our messages into the default pool after all.
    """
    for name, service in file.services_by_name.items():
        namespace["_" + name.upper()] = service
    for name, message in file.message_types_by_name.items():
        namespace[name] = _class_of(message, module, "")


def _class_of(message: Descriptor, module: str, prefix: str) -> GeneratedProtocolMessageType:
    inner = f"{prefix}{message.name}."
    attributes: dict[str, Any] = {
        name: _class_of(nested, module, inner) for name, nested in message.nested_types_by_name.items()
    }
    attributes |= {"DESCRIPTOR": message, "__module__": module, "__qualname__": prefix + message.name}
    return GeneratedProtocolMessageType(message.name, (Message,), attributes)
