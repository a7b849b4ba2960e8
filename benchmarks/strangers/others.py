"""What others get meanwhile: `python -m benchmarks.strangers.others HOST:PORT SECONDS`, the result as JSON."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from benchmarks.strangers.http2 import dispatch
from collector_mesh import MeshClient
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as calls

DEADLINE = 2.0
CALLS_A_SECOND, UNARY_A_SECOND, LINKS_A_SECOND = 25, 5, 1
_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]

Kind = str
Told = dict[Kind, dict[str, Any]]


class Others:
    """Programs that call meanwhile: over a link that is there, by unary calls, and over new links."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._took: dict[Kind, list[float]] = {"link": [], "unary": [], "new link": []}
        self._failed: dict[Kind, dict[str, int]] = {kind: {} for kind in self._took}

    async def run(self, seconds: float) -> Told:
        """Call for so long; a call is answered if it is done within its 2 s."""
        channel = grpc.aio.insecure_channel(self._address, options=_OPTIONS)
        ask: Any = channel.unary_unary("/collector.CollectiveDispatcher/Dispatch")
        request = dispatch("x" * 100)
        running: set[asyncio.Task[None]] = set()
        async with MeshClient(self._address) as client:

            async def over_link(through: MeshClient) -> str:
                reply = await through.dispatch(
                    "texts", "Texts", "Echo", StringValue(value="x" * 100), timeout=DEADLINE
                )
                return str(reply.status.code)

            async def unary() -> str:
                return str(
                    calls.DispatchResponse.FromString(await ask(request, timeout=DEADLINE)).status.code
                )

            async def new_link() -> str:
                async with MeshClient(self._address) as another:
                    return await over_link(another)

            def begin(kind: Kind, work: Awaitable[str]) -> None:
                task = asyncio.create_task(self._one(kind, work))
                running.add(task)
                task.add_done_callback(running.discard)

            began = time.monotonic()
            for number in range(int(seconds * CALLS_A_SECOND)):
                begin("link", over_link(client))
                if number % (CALLS_A_SECOND // UNARY_A_SECOND) == 0:
                    begin("unary", unary())
                if number % (CALLS_A_SECOND // LINKS_A_SECOND) == 0:
                    begin("new link", new_link())
                await asyncio.sleep(max(0.0, began + (number + 1) / CALLS_A_SECOND - time.monotonic()))
            if running:
                await asyncio.wait(running, timeout=2 * DEADLINE)
        await channel.close()
        return self._told()

    async def _one(self, kind: Kind, work: Awaitable[str]) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(DEADLINE + 1.0):
                outcome = await work
        except grpc.aio.AioRpcError as error:
            outcome = error.code().name
        except Exception as error:  # noqa: BLE001  # whatever it is, the call was not answered
            outcome = type(error).__name__
        self._took[kind].append(time.monotonic() - began)
        if outcome != "200":
            self._failed[kind][outcome] = self._failed[kind].get(outcome, 0) + 1

    def _told(self) -> Told:
        return {
            kind: {
                "made": len(took),
                "failed": self._failed[kind],
                "p99": sorted(took)[int(len(took) * 0.99)] if took else 0.0,
            }
            for kind, took in self._took.items()
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(Others(sys.argv[1]).run(float(sys.argv[2])))))
