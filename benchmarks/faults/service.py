"""What the replicas serve: `collector-mesh serve --service benchmarks.faults.service:work`.

What they are like is said by the environment: FAULTS_SECONDS is what a call takes, FAULTS_LOG the file that
each run is written to before it begins, by the number of its call.
"""

import asyncio
import os

from collector_mesh import Payload, Service

NAMESPACE, OTHER, SERVICE = "work", "other", "Worker"
IDEMPOTENT, ONCE = "Idempotent", "Once"

_SECONDS = float(os.environ.get("FAULTS_SECONDS", "0.01"))
_LOG = os.environ.get("FAULTS_LOG", "")


def _service(namespace: str) -> Service:
    service = Service(namespace, SERVICE)
    # Appended by the kernel as a whole, so that nothing is lost when the process is killed.
    log = os.open(_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if _LOG else None

    async def run(request: Payload) -> Payload:
        if log is not None:
            os.write(log, request.value + b"\n")
        await asyncio.sleep(_SECONDS)
        return request

    service.method(IDEMPOTENT, idempotent=True)(run)
    service.method(ONCE)(run)
    return service


work = _service(NAMESPACE)
other = _service(OTHER)
