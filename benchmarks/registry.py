"""What a registry takes: new services over gRPC, each with a file, on disk before the answer; and questions about methods."""

import itertools
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from benchmarks import registry_store
from benchmarks.conditions import Conditions
from benchmarks.measure import ROUNDS, Figure, Target, calls_per_second
from benchmarks.processes import running
from collector_mesh.adapters.wire.generated import registry_pb2 as pb

MESSAGES, FIELDS = 10, 8
"""Of a file."""

SERVICES = 100
"""Of a namespace; the next ones are in another."""

IN_FLIGHT = (1, 16)
REGISTERING = Target(100, "/s", at_least=True)


def service_file(number: int) -> FileDescriptorProto:
    """A file with a service that nobody has registered yet."""
    package = f"bench.p{number}"
    file = FileDescriptorProto(name=f"bench/p{number}.proto", package=package, syntax="proto3")
    for message in range(MESSAGES):
        made = file.message_type.add(name=f"Message{message}")
        for field in range(1, FIELDS + 1):
            made.field.add(
                name=f"field_{field}",
                number=field,
                type=FieldDescriptorProto.TYPE_STRING,
                label=FieldDescriptorProto.LABEL_OPTIONAL,
            )
    service = file.service.add(name=f"Service{number}")
    for method in range(MESSAGES):
        name = f".{package}.Message{method}"
        service.method.add(name=f"Method{method}", input_type=name, output_type=name)
    return file


def registering(channel: grpc.aio.Channel) -> Callable[[], Awaitable[object]]:
    """What registers another service each time."""
    call: Any = channel.unary_unary("/collector.CollectorRegistry/RegisterService")
    numbers = itertools.count()

    async def register() -> None:
        number = next(numbers)
        file = service_file(number)
        request = pb.RegisterServiceRequest(namespace=f"bench-{number // SERVICES}")
        request.service_descriptor.ParseFromString(file.service[0].SerializeToString())
        request.file_descriptor.ParseFromString(file.SerializeToString())
        await call(request.SerializeToString())

    return register


def validating(channel: grpc.aio.Channel) -> Callable[[], Awaitable[object]]:
    """What asks about a method that is there."""
    call: Any = channel.unary_unary("/collector.CollectorRegistry/ValidateMethod")
    request = pb.ValidateMethodRequest(
        namespace="bench-0", service_name="bench.p0.Service0", method_name="Method3"
    ).SerializeToString()

    async def validate() -> None:
        answer = pb.ValidateMethodResponse.FromString(await call(request))
        assert answer.is_valid

    return validate


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    await registry_store.main(conditions, service_file)
    size = service_file(0).ByteSize()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running(conditions, "registry", str(Path(folder) / "registry.db")) as address,
            grpc.aio.insecure_channel(address) as channel,
        ):
            register, validate = registering(channel), validating(channel)
            for in_flight in IN_FLIGHT:
                conditions.announce(
                    f"Registry: services of {MESSAGES} methods and messages", in_flight=in_flight, size=size
                )
                for name, call, target in (
                    ("RegisterService", register, REGISTERING),
                    ("ValidateMethod", validate, None),
                ):
                    figure = Figure(
                        tuple(
                            [
                                await calls_per_second(call, conditions.seconds, in_flight)
                                for _ in range(ROUNDS)
                            ]
                        )
                    )
                    print(f"    {name:34s} {figure}")
                    if target is not None:
                        print(f"    {'':34s} {target.judge(figure.median)}")
