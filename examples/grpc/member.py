"""Calls by the same stubs as a member of the mesh. Usage: `python member.py ADDRESS ...`."""

import asyncio
import sys

from helloworld_pb2 import HelloRequest
from helloworld_pb2_grpc import GreeterStub

from collector_mesh import Collector


async def main(*peers: str) -> None:
    """Greet through whichever replica is there."""
    async with Collector("member", namespaces=["greetings"], peers=peers) as collector:
        stub = GreeterStub(
            collector.channel("greetings")
        )  # was: grpc.aio.insecure_channel("127.0.0.1:50050")
        reply = await stub.SayHello(HelloRequest(name="member"))
        print(reply.message)


asyncio.run(main(*sys.argv[1:]))
