"""Calls all the time by plain grpcio, and counts what fails. Usage: `python visitors.py ADDRESS`."""

import asyncio
import signal
import sys

import grpc
from helloworld_pb2 import HelloRequest
from helloworld_pb2_grpc import GreeterStub
from route_guide_pb2 import Point
from route_guide_pb2_grpc import RouteGuideStub


async def main(address: str) -> None:
    """Call until SIGTERM comes."""
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    answers, failures = 0, []
    async with grpc.aio.insecure_channel(address) as channel:
        greeter, guide = GreeterStub(channel), RouteGuideStub(channel)

        async def call_on() -> None:
            nonlocal answers
            while not done.is_set() or answers < 100:
                try:
                    await greeter.SayHello(HelloRequest(name="you"), timeout=30)
                    await guide.GetFeature(Point(latitude=1), timeout=30)
                    answers += 2
                except grpc.aio.AioRpcError as error:
                    failures.append(error.code().name)
                await asyncio.sleep(0.005)

        async with asyncio.TaskGroup() as group:
            print("visitors ready on", address, flush=True)
            for _ in range(8):
                group.create_task(call_on())
    print("at least 100 answers,", len(failures), "failed", *sorted(set(failures)))


asyncio.run(main(sys.argv[1]))
