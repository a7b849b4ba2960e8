"""A handler that holds up its whole process; with this folder as the current one it is `blocking:blocking`."""

import time

from google.protobuf.wrappers_pb2 import DoubleValue

from collector_mesh import Service

blocking = Service("blocking", "Blocking")


@blocking.method("Block")
async def block(request: DoubleValue) -> None:
    """Give nobody else a turn for so many seconds, as a handler should not."""
    time.sleep(request.value)  # noqa: ASYNC251  # that is what it is for
