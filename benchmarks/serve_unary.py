"""Serve on a collector beside a bare grpc.aio server with the same messages; server processes of their own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from benchmarks.measure import IN_FLIGHT, PAYLOAD, ROUNDS, Rate, calls_per_second, ratio
from collector_mesh import Collector, Payload, Service
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb

SERVE = "/collector.CollectiveDispatcher/Serve"


async def bare_server() -> None:
    """A server that does with each request what any server has to do, and nothing else."""

    async def serve(request: pb.ServeRequest, _context: object) -> pb.ServeResponse:
        status = pb.Status(code=200, message="OK")
        return pb.ServeResponse(status=status, output=request.input, executor_id="bench")

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(
        serve, pb.ServeRequest.FromString, pb.ServeResponse.SerializeToString
    )
    handlers = grpc.method_handlers_generic_handler("collector.CollectiveDispatcher", {"Serve": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


async def collector_server() -> None:
    """A collector with one handler."""
    service = Service("bench", "Bench")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    async with Collector("bench", listen="127.0.0.1:0", services=[service]) as collector:
        print(collector.address.rpartition(":")[2], flush=True)
        await asyncio.Event().wait()


@asynccontextmanager
async def running(which: str) -> AsyncIterator[str]:
    """One of the servers in a process of its own; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.serve_unary", which, stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        yield f"127.0.0.1:{int(line)}"
    finally:
        process.kill()
        await process.wait()


async def measured(which: str, seconds: float) -> float:
    """Calls per second of one of the servers, alone on the machine but for its client."""
    request = pb.ServeRequest(
        namespace="bench",
        service=pb.ServiceTypeRef(service_name="Bench"),
        method_name="Echo",
        input={"type_url": "bytes", "value": PAYLOAD},
    )
    async with running(which) as address, grpc.aio.insecure_channel(address) as channel:
        send = channel.unary_unary(SERVE, pb.ServeRequest.SerializeToString, pb.ServeResponse.FromString)

        async def call() -> None:
            reply = await send(request)
            if reply.status.code != 200:
                raise SystemExit(f"unexpected reply: {reply}")

        await calls_per_second(call, seconds / 4)
        return await calls_per_second(call, seconds)


async def main(seconds: float) -> None:
    """Measure and print."""
    rounds = [[await measured(which, seconds) for which in ("collector", "bare")] for _ in range(ROUNDS)]
    ours, bare = (Rate(tuple(rates)) for rates in zip(*rounds, strict=True))
    print(f"\nServe over gRPC, {IN_FLIGHT} in flight, {len(PAYLOAD)} B (target: 0.85 of a bare server)")
    print(f"  collector                    {ours}")
    print(f"  bare grpc.aio server         {bare}")
    print(f"  ratio                        {ratio(ours, bare):.2f}")


if __name__ == "__main__":
    asyncio.run({"bare": bare_server, "collector": collector_server}[sys.argv[1]]())
