"""The descriptor pool of our generated code.

The default pool refuses two files with the same names, and a user may have generated the same messages.
"""

from google.protobuf import any_pb2
from google.protobuf.descriptor_pool import DescriptorPool

POOL = DescriptorPool()
POOL.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
