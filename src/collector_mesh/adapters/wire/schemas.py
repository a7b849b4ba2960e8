"""Files of descriptors as values of the domain, and back.

What comes from another program is looked at before work is done on it. `read_file` refuses what one file alone can have wrong;
`closure.linked` what only shows beside the files that it imports.
"""

from functools import lru_cache

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from collector_mesh.adapters.wire.described.well_known import is_well_known, own_file
from collector_mesh.adapters.wire.schema_checks import parsed
from collector_mesh.adapters.wire.schema_reading import FileReader
from collector_mesh.adapters.wire.schema_writing import FileWriter
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.registry.schema import File


def read_file(data: bytes) -> File:
    """What a serialized `FileDescriptorProto` says.

    Args:
        data: from anybody; at most `schema_checks.MAX_FILE_BYTES` of it are read.

    Raises:
        InvalidCallError: it is none, it is too large, or no compiler would have let it pass; the text says why.
    """
    return read_parsed(parsed(data))


def read_parsed(proto: FileDescriptorProto) -> File:
    """What a file of descriptors says that `schema_checks.parsed` has given.

    Raises:
        InvalidCallError: no compiler would have let it pass; the text says why.
    """
    try:
        return FileReader(proto).read()
    except UnicodeDecodeError as error:
        # Some runtimes of protobuf read a text only when it is asked for.
        raise InvalidCallError("the file of descriptors has a name that is no text") from error


def file_proto(file: File) -> bytes:
    """A serialized `FileDescriptorProto` that says what a file says; the same one each time.

    Raises:
        InvalidCallError: something in the file is named as if it were of another package.
    """
    data: bytes = FileWriter(file).written().SerializeToString(deterministic=True)
    return data


@lru_cache(maxsize=16)
def well_known(name: str) -> File | None:
    """A file that every compiler brings along, such as `google/protobuf/timestamp.proto`; None if it is none of these."""
    return read_file(own_file(name).SerializeToString()) if is_well_known(name) else None
