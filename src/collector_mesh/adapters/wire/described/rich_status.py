"""The rich details of a status, `google.rpc.Status`, which no library of ours has."""

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.described.files import Files
from collector_mesh.adapters.wire.described.messages import new_message

MAX_DETAILS = 100
"""That are looked at."""


def details_of(data: bytes) -> list[bytes]:
    """The details in a serialized `google.rpc.Status`, each a serialized `Any`; none if it cannot be read."""
    files = Files()
    files.add(_file().SerializeToString(), "google.rpc")
    kind = files.message("google.rpc.Status")
    assert kind is not None  # just added
    status = new_message(kind)
    try:
        status.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError):
        return []
    return [detail.SerializeToString() for detail in status.details[:MAX_DETAILS]]  # type: ignore[attr-defined]


def _file() -> FileDescriptorProto:
    kind = FieldDescriptorProto
    repeated = kind.LABEL_REPEATED
    fields = [
        kind(name="code", number=1, type=kind.TYPE_INT32, label=kind.LABEL_OPTIONAL),
        kind(name="message", number=2, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL),
        kind(
            name="details", number=3, type=kind.TYPE_MESSAGE, label=repeated, type_name=".google.protobuf.Any"
        ),
    ]
    return FileDescriptorProto(
        name="google/rpc/status.proto",
        package="google.rpc",
        syntax="proto3",
        dependency=["google/protobuf/any.proto"],
        message_type=[DescriptorProto(name="Status", field=fields)],
    )
