"""Every server of the benchmarks: `python -m benchmarks.servers [--uvloop] ROLE [ARGUMENT ...]`.

A server says `ready ADDRESS`, or `failed REASON`, and ends when its input does.
"""

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import BytesValue

from benchmarks.conditions import loop_factory
from collector_mesh import Collector, MeshError, Payload, RegistryValidator, Service
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb

DISPATCHER = "collector.CollectiveDispatcher"
TYPED = "bench.Typed"
"""A service whose method Echo takes and gives a message."""
LIMITS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # else equal channels share a connection
]
Told = asyncio.Queue[str]

_THREADS = 16


def echo_service() -> Service:
    """A service with a handler that returns its request."""
    service = Service("bench", "Bench")

    @service.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    @service.method("Plain")
    async def plain(request: dict[str, Any]) -> dict[str, Any]:
        return request

    return service


async def bare(_told: Told) -> None:
    """A server that does with each request what any server has to do, and nothing else."""

    async def serve(request: pb.ServeRequest, _context: object) -> pb.ServeResponse:
        status = pb.Status(code=200, message="OK")
        return pb.ServeResponse(status=status, output=request.input, executor_id="bench")

    async def stream(messages: AsyncIterator[bytes], _context: object) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message

    await _bare_server(
        Serve=grpc.unary_unary_rpc_method_handler(
            serve, pb.ServeRequest.FromString, pb.ServeResponse.SerializeToString
        ),
        Stream=grpc.stream_stream_rpc_method_handler(stream),
    )


async def bare_sync(_told: Told) -> None:
    """The same with grpc's threads in place of a loop."""

    def serve(request: pb.ServeRequest, _context: object) -> pb.ServeResponse:
        status = pb.Status(code=200, message="OK")
        return pb.ServeResponse(status=status, output=request.input, executor_id="bench")

    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.so_reuseport", 0), *LIMITS])
    handler = grpc.unary_unary_rpc_method_handler(
        serve, pb.ServeRequest.FromString, pb.ServeResponse.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(DISPATCHER, {"Serve": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _say(f"ready 127.0.0.1:{port}")
    await asyncio.Event().wait()


async def bare_sync_typed(_told: Told) -> None:
    """A server as stubs of grpc call it, with grpc's threads, whose method gives its request back."""
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.so_reuseport", 0), *LIMITS])
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, _context: request, BytesValue.FromString, BytesValue.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(TYPED, {"Echo": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _say(f"ready 127.0.0.1:{port}")
    await asyncio.Event().wait()


async def typed(_told: Told) -> None:
    """A collector with a handler that takes a message, and gives it back."""
    service = Service("bench", TYPED)

    @service.method("Echo")
    async def echo(request: BytesValue) -> BytesValue:
        return request

    async with Collector("server", listen="127.0.0.1:0", services=[service]) as served:
        _say(f"ready {served.address}")
        await asyncio.Event().wait()


async def bare_forward(_told: Told, address: str) -> None:
    """A server that passes each Dispatch on to a bare server, as a unary call."""
    async with grpc.aio.insecure_channel(address, options=LIMITS) as channel:
        send = channel.unary_unary(
            f"/{DISPATCHER}/Serve", pb.ServeRequest.SerializeToString, pb.ServeResponse.FromString
        )

        async def dispatch(request: pb.DispatchRequest, _context: object) -> pb.DispatchResponse:
            served = await send(
                pb.ServeRequest(
                    namespace=request.namespace,
                    service=request.service,
                    method_name=request.method_name,
                    input=request.input,
                )
            )
            return pb.DispatchResponse(
                status=served.status, output=served.output, handled_by_collector_id=served.executor_id
            )

        await _bare_server(
            Dispatch=grpc.unary_unary_rpc_method_handler(
                dispatch, pb.DispatchRequest.FromString, pb.DispatchResponse.SerializeToString
            )
        )


async def bare_any(_told: Told) -> None:
    """A server of any method, which gives back what it is sent."""

    async def echo(request: bytes, _context: object) -> bytes:
        return request

    await _server_of(_Any(echo))


async def bare_proxy(_told: Told, address: str) -> None:
    """A server that passes each unary call on as it is, over one channel: what anybody writes first."""
    async with grpc.aio.insecure_channel(address, options=LIMITS) as channel:
        send: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/Bench/Echo")

        async def forward(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            call = send(request, timeout=context.time_remaining(), metadata=context.invocation_metadata())
            return await call

        await _server_of(_Any(forward))


class _Any(grpc.GenericRpcHandler):
    """Takes every call, as a unary one."""

    def __init__(self, handle: Any) -> None:
        self._handler: Any = grpc.unary_unary_rpc_method_handler(handle)

    def service(self, _details: grpc.HandlerCallDetails) -> Any:
        return self._handler


async def _bare_server(**methods: Any) -> None:
    await _server_of(grpc.method_handlers_generic_handler(DISPATCHER, methods))


async def _server_of(handler: grpc.GenericRpcHandler) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *LIMITS])
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    _say(f"ready 127.0.0.1:{port}")
    await server.wait_for_termination()


async def contract(_told: Told) -> None:
    """A collector that serves a contract, and the same by messages of protobuf."""
    from benchmarks.contracts import MyShop, by_messages  # no other server needs them

    async with Collector("server", listen="127.0.0.1:0", services=[MyShop]) as served:
        served.add_service(by_messages(served)[0])
        _say(f"ready {served.address}")
        await asyncio.Event().wait()


async def collector(_told: Told) -> None:
    """A collector with one handler."""
    async with Collector("server", listen="127.0.0.1:0", services=[echo_service()]) as served:
        _say(f"ready {served.address}")
        await asyncio.Event().wait()


async def registry(_told: Told, path: str) -> None:
    """A collector with a registry in a file."""
    async with Collector("registry", listen="127.0.0.1:0", registry=path) as serving:
        _say(f"ready {serving.address}")
        await asyncio.Event().wait()


async def validated(told: Told, registry: str) -> None:
    """A collector with one handler, whose validator is on or off as it is told."""
    validator = RegistryValidator(registry)
    async with Collector("server", listen="127.0.0.1:0", services=[echo_service()]) as served:
        _say(f"ready {served.address}")
        while True:
            served.set_validator(validator if await told.get() == "on" else None)
            _say("ready")


async def hop(_told: Told, address: str) -> None:
    """A collector without a handler, connected to one that has it."""
    async with Collector("hop", listen="127.0.0.1:0", namespaces=["bench"]) as between:
        await between.connect(address)
        _say(f"ready {between.address}")
        await asyncio.Event().wait()


async def dialers(told: Told, address: str, count: str) -> None:
    """Many collectors that do not listen; one connects at first, the others when told to."""
    async with AsyncExitStack() as opened:
        peers = [
            await opened.enter_async_context(Collector(f"peer-{index}", namespaces=["bench"]))
            for index in range(int(count) + 1)
        ]
        await peers[0].connect(address)
        _say("ready")
        await told.get()
        for peer in peers[1:]:
            await peer.connect(address)
        _say("ready")
        await asyncio.Event().wait()


async def bare_dialers(told: Told, address: str, count: str) -> None:
    """Many channels with an open stream each; one is opened at first, the others when told to."""
    async with AsyncExitStack() as opened:
        streams: list[object] = []  # an end that nobody holds is canceled
        for index in range(int(count) + 1):
            if index == 1:
                _say("ready")
                await told.get()
            channel = await opened.enter_async_context(grpc.aio.insecure_channel(address, options=LIMITS))
            stream: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(f"/{DISPATCHER}/Stream")()
            await stream.write(b"x")
            await stream.read()
            streams.append(stream)
        _say("ready")
        await asyncio.Event().wait()


ROLES: dict[str, Callable[..., Coroutine[None, None, None]]] = {
    "bare": bare,
    "bare-any": bare_any,
    "bare-dialers": bare_dialers,
    "bare-forward": bare_forward,
    "bare-proxy": bare_proxy,
    "bare-sync": bare_sync,
    "bare-sync-typed": bare_sync_typed,
    "collector": collector,
    "contract": contract,
    "dialers": dialers,
    "hop": hop,
    "registry": registry,
    "typed": typed,
    "validated": validated,
}


def _say(line: str) -> None:
    print(line, flush=True)


async def _run(role: str, arguments: list[str]) -> None:
    told, loop = Told(), asyncio.get_running_loop()

    def listen() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(told.put_nowait, line.strip())
        os._exit(0)  # whoever has started us is gone

    threading.Thread(target=listen, daemon=True).start()
    try:
        await ROLES[role](told, *arguments)
    except MeshError as error:
        _say(f"failed {error}")


def main() -> None:
    """Run one server."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.servers", description="Run one server.")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("role", choices=sorted(ROLES))
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=loop_factory(uvloop=given.uvloop)) as runner:
        runner.run(_run(given.role, given.arguments))


if __name__ == "__main__":
    main()
