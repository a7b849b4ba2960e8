"""What the services of others look like: how often they are asked."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from collector_mesh.adapters.grpc.reflected import Reflected, Seen
from collector_mesh.domain.model.errors import NotFoundError, UnavailableError
from collector_mesh.domain.ports.reflecting import Holder

SHOP = "shop.v1.Shop"


class Slow:
    """A mesh in which one collector has a service, and tells of it when it is let."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()
        self._fails = fails
        self._holder = Holder("shop-1", object())

    def services(self, _namespace: str, _identity: object = None) -> tuple[str, ...]:
        return (SHOP,)

    def holders(self, _namespace: str, _service: str) -> tuple[Holder, ...]:
        return (self._holder,)

    async def describe(self, *_: str, timeout: float) -> bytes:
        self.asked += 1
        await self.may_answer.wait()
        if self._fails:
            raise UnavailableError(f"not in {timeout} s")
        file = FileDescriptorProto(name="shop.proto", package="shop.v1", syntax="proto3")
        file.service.add(name="Shop")
        data: bytes = FileDescriptorSet(file=[file]).SerializeToString()
        return data


def asking(mesh: Slow, number: int) -> list[asyncio.Task[Any]]:
    gateway: Any = SimpleNamespace(reflecting=mesh)
    reflected = Reflected(gateway)
    return [asyncio.create_task(reflected.files_of(Seen(("shop",)), SHOP)) for _ in range(number)]


@pytest.mark.asyncio
async def test_of_many_who_want_to_know_of_a_service_at_once_one_asks() -> None:
    mesh = Slow()
    tasks = asking(mesh, 50)
    await asyncio.sleep(0)
    mesh.may_answer.set()

    found = await asyncio.gather(*tasks)

    assert mesh.asked == 1
    assert all(files is found[0] for files in found)


@pytest.mark.asyncio
async def test_where_nobody_tells_one_asks_for_all_too() -> None:
    mesh = Slow(fails=True)
    tasks = asking(mesh, 50)
    await asyncio.sleep(0)
    mesh.may_answer.set()

    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert mesh.asked == 1
    assert all(isinstance(error, NotFoundError) for error in found)


@pytest.mark.asyncio
async def test_when_who_asks_is_cancelled_another_one_asks() -> None:
    mesh = Slow()
    first, *others = asking(mesh, 3)
    await asyncio.sleep(0)
    first.cancel()
    mesh.may_answer.set()

    found = await asyncio.gather(*others)

    assert mesh.asked == 2
    assert found[0] is found[1]
