"""The descriptor pool of our generated code.

The default pool refuses two files with the same names, and a user may have generated the same messages.
"""

from typing import Any

from google.protobuf import any_pb2
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.reflection import GeneratedProtocolMessageType

POOL = DescriptorPool()
POOL.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)


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
