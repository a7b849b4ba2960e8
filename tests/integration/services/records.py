"""A service whose processes all write down what they run into one file; with this folder as the current one."""

import os
from collections import Counter
from pathlib import Path

from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh import Payload, Service

VARIABLE = "RECORDS_FILE"


def records_service(path: str) -> Service:
    """A service that writes down the text of each call, once for each run."""
    service = Service("records", "Records")
    # Written at once: whatever a process has written stays, however it ends.
    file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    @service.method("Once")
    async def once(request: StringValue) -> StringValue:
        os.write(file, f"{request.value}\n".encode())
        return request

    @service.method("Again", idempotent=True)
    async def again(request: StringValue) -> StringValue:
        os.write(file, f"{request.value}\n".encode())
        return request

    @service.method("Pid")
    async def pid(_request: Payload) -> StringValue:
        return StringValue(value=str(os.getpid()))

    return service


def runs(path: Path) -> Counter[str]:
    """How often each call has run."""
    return Counter(path.read_text().split())


records = records_service(os.environ.get(VARIABLE, os.devnull))
