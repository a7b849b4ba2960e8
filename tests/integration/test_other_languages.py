"""Programs of other languages in the docs call a collector, where their runtime is at hand."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.integration.services.processes import serving
from tests.limits import LIMIT_SECONDS

from collector_mesh import CallContext, Collector, Service

EXAMPLES = Path(__file__).parents[2] / "examples" / "other_languages"
NODE = shutil.which("node")
greetings = Service("greetings", "GreetingService")


@greetings.method("Greet", idempotent=True)
async def greet(name: str, context: CallContext) -> str:
    trace = dict(context.metadata)["trace-id"]
    return f"Hello, {name}! {trace!r}, {context.time_remaining() < 6}"


def node_has_grpc() -> bool:
    """Whether Node finds its gRPC, by NODE_PATH or beside the example."""
    if NODE is None:
        return False
    script = "require.resolve('@grpc/grpc-js'); require.resolve('@grpc/proto-loader')"
    return not subprocess.run([NODE, "-e", script], cwd=EXAMPLES, capture_output=True, check=False).returncode


@pytest.mark.skipif(not node_has_grpc(), reason="needs node, @grpc/grpc-js and @grpc/proto-loader")
@pytest.mark.asyncio
async def test_the_program_for_node_calls_a_collector() -> None:
    async with Collector("greeter", listen="127.0.0.1:0", services=[greetings]) as collector:
        process = await asyncio.create_subprocess_exec(
            str(NODE), str(EXAMPLES / "client.js"), collector.address, stdout=subprocess.PIPE
        )
        async with asyncio.timeout(LIMIT_SECONDS):
            output, _ = await process.communicate()

    assert output.decode().splitlines() == [
        "Hello, Node! '7', True said greeter",
        "404 no collector found for namespace 'greetings': nobody there has 'GreetingService.Nothing'",
    ]


@pytest.mark.skipif(not node_has_grpc(), reason="needs node, @grpc/grpc-js and @grpc/proto-loader")
@pytest.mark.asyncio
async def test_the_program_for_node_that_knows_of_no_mesh_calls_the_greeter_of_grpc() -> None:
    mount = "greetings=helloworld_pb2_grpc:add_GreeterServicer_to_server=greeter_server:Greeter"
    of_grpc = os.pathsep.join([str(EXAMPLES.parent / "grpc"), os.environ.get("PYTHONPATH", "")])
    async with serving("greeter", "--mount", mount, environment={"PYTHONPATH": of_grpc}) as collector:
        process = await asyncio.create_subprocess_exec(
            str(NODE), str(EXAMPLES / "greeter.js"), collector.address, stdout=subprocess.PIPE
        )
        async with asyncio.timeout(LIMIT_SECONDS):
            output, _ = await process.communicate()

    assert output.decode() == "Hello, Node!\n"
