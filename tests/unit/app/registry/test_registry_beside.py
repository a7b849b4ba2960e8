"""Large files are read and compared beside the event loop, which goes on meanwhile."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from collector_mesh import Registry
from collector_mesh.adapters.wire import given_files, schemas
from collector_mesh.domain.registry import sight


def large() -> FileDescriptorProto:
    """A file with a service, in which types are not named in full."""
    file = FileDescriptorProto(name="acme/shop.proto", package="acme", syntax="proto3")
    file.message_type.add(name="Order").field.add(name="item", number=1, label=1, type=9)
    file.service.add(name="Shop").method.add(name="Buy", input_type="Order", output_type="Order")
    file.options.java_package = "x" * 100_000
    return file


@pytest.fixture
def in_the_loop(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What of the work on files is done in the event loop."""
    found: list[str] = []
    loop = threading.get_ident()

    def watch(module: object, name: str) -> None:
        work: Callable[..., object] = getattr(module, name)

        def watched(*arguments: object, **options: object) -> object:
            if threading.get_ident() == loop:
                found.append(name)
            return work(*arguments, **options)

        monkeypatch.setattr(module, name, watched)

    watch(given_files, "parsed")
    watch(given_files, "read_file")
    watch(schemas, "parsed")
    watch(sight, "linked")
    return found


def test_a_large_file_is_never_read_in_the_event_loop(in_the_loop: list[str]) -> None:
    async def use() -> None:
        file = large()
        async with Registry() as registry:
            await registry.register("shop", file)
            file.message_type[0].field.add(name="count", number=2, label=1, type=5)
            await registry.register("shop", file, dry_run=True)
            await registry.register("shop", file)
            # From here on the file is a registered one.
            await registry.core.register_service("shop", "Shop", None)
            assert (await registry.lookup("shop", "Shop")).file == "acme/shop.proto"
            assert len(await registry.files("shop", "Shop")) == 1
            validity = await registry.validate("shop", "Shop", "Buy")
            assert (validity.takes, validity.gives) == ("acme.Order", "acme.Order")

    asyncio.run(use())
    assert in_the_loop == []


def test_a_large_file_that_imports_a_changed_small_one_is_compared_beside_the_event_loop(
    in_the_loop: list[str],
) -> None:
    async def use() -> None:
        small = FileDescriptorProto(name="acme/item.proto", package="acme", syntax="proto3")
        small.message_type.add(name="Item")
        file = large()
        file.dependency.append(small.name)
        async with Registry() as registry:
            await registry.register("shop", small)
            await registry.register("shop", file)
            in_the_loop.clear()
            small.message_type.add(name="Other")
            await registry.register("shop", small)

    asyncio.run(use())
    assert "linked" not in in_the_loop
