"""The codes of gRPC as grpc wants them, by their numbers."""

from collections.abc import Mapping
from types import MappingProxyType

import grpc

STATUS_CODES: Mapping[int, grpc.StatusCode] = MappingProxyType(
    {code.value[0]: code for code in grpc.StatusCode}
)
