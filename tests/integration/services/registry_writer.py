"""For each line of its input, a process that registers one thing after the other and tells of each, until it is killed."""

import asyncio
import importlib
import os
import sys

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from collector_mesh import Registry

NAMES = 5


def tell(what: str, number: int) -> None:
    """Write a line, at once."""
    sys.stdout.write(f"{what} {number}\n")
    sys.stdout.flush()


def shop(name: str, fields: int) -> FileDescriptorProto:
    """A file with a service, and a message of this number of fields."""
    file = FileDescriptorProto(name=f"{name}.proto", package=name, syntax="proto3")
    message = file.message_type.add(name="Thing")
    for number in range(1, fields + 1):
        message.field.add(name=f"f{number}", number=number, label=1, type=FieldDescriptorProto.TYPE_STRING)
    file.service.add(name="Shop").method.add(
        name="Order", input_type=f".{name}.Thing", output_type=f".{name}.Thing"
    )
    return file


async def fields_of(registry: Registry, name: str) -> int:
    """How many fields the message of a registered service has; 0 where there is no such service."""
    if not (await registry.validate("shop", f"{name}.Shop", "Order")).is_valid:
        return 0
    (data,) = await registry.files("shop", f"{name}.Shop")
    return len(FileDescriptorProto.FromString(data).message_type[0].field)


async def write(path: str) -> None:
    async with Registry(path) as registry:
        fields = {name: await fields_of(registry, name) for name in (f"n{one}" for one in range(NAMES))}
        while True:
            for name, had in list(fields.items()):
                await registry.register("shop", shop(name, had + 1))
                fields[name] = had + 1
                tell(name, had + 1)


async def load() -> None:
    """Load all that a registry needs, which takes longer than a process here lives."""
    async with Registry() as registry:
        await registry.register("shop", shop("n0", 1))
    importlib.import_module("collector_mesh.adapters.sqlite.registry_store")


def main() -> None:
    asyncio.run(load())
    for _ in sys.stdin:
        if not (child := os.fork()):
            asyncio.run(write(sys.argv[1]))
            os._exit(1)
        tell("writes", child)
        os.waitpid(child, 0)
        tell("killed", child)


if __name__ == "__main__":
    main()
