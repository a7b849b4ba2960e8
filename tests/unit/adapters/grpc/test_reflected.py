"""What others tell of their services is asked once, and kept for as long as it may be true."""

import asyncio
from collections import Counter
from typing import Any

import attrs
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from collector_mesh.adapters.grpc.reflected import Reflected, Seen
from collector_mesh.domain.model.errors import NotFoundError, UnavailableError
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.ports.reflecting import Holder

SERVICES = tuple(f"s.S{number:03}" for number in range(300))


def files_of(service: str) -> bytes:
    file = FileDescriptorProto(name=f"{service}.proto", package="s")
    file.message_type.add(name=f"M{service[3:]}")
    file.service.add(name=service[2:])
    data: bytes = FileDescriptorSet(file=[file]).SerializeToString()
    return data


@attrs.define
class Telling:
    """A collector with many services, each at two others."""

    version: object = "1"
    fails: frozenset[str] = frozenset()
    asked: Counter[tuple[str, str]] = attrs.field(factory=Counter)

    @property
    def reflecting(self) -> "Telling":
        return self

    def namespaces(self, _identity: Identity | None, _named: str) -> tuple[str, ...]:
        return ("n",)

    def services(self, namespace: str, _identity: object = None) -> tuple[str, ...]:
        return SERVICES if namespace == "n" else ()

    def holders(self, _namespace: str, _service: str) -> tuple[Holder, ...]:
        return Holder("one", self.version), Holder("two", self.version)

    async def describe(self, _namespace: str, service: str, collector_id: str, *, timeout: float) -> bytes:
        self.asked[service, collector_id] += 1
        if collector_id in self.fails:
            raise UnavailableError("it is away")
        return files_of(service)


def reflected(telling: Telling) -> Reflected:
    gateway: Any = telling
    return Reflected(gateway)


async def test_a_service_is_asked_for_once_until_its_collector_has_changed() -> None:
    telling = Telling()
    found = reflected(telling)

    for _ in range(5):
        await found.files_of(Seen(("n",)), "s.S001")
    before = telling.asked.copy()
    telling.version = "2"
    await found.files_of(Seen(("n",)), "s.S001")

    assert before == {("s.S001", "one"): 1}
    assert telling.asked == {("s.S001", "one"): 2}


async def test_where_one_tells_nothing_another_is_asked_and_the_first_not_again_at_once() -> None:
    telling = Telling(fails=frozenset({"one"}))
    found = reflected(telling)

    files = [await found.files_of(Seen(("n",)), "s.S001") for _ in range(3)]

    assert all(files)
    assert telling.asked == {("s.S001", "one"): 1, ("s.S001", "two"): 1}


async def test_where_nobody_tells_anything_the_reason_is_told() -> None:
    found = reflected(Telling(fails=frozenset({"one", "two"})))

    with pytest.raises(NotFoundError, match=r"'n': collector 'one': it is away; collector 'two': it is away"):
        await found.files_of(Seen(("n",)), "s.S001")


async def test_a_service_that_is_not_there_is_none_of_ours() -> None:
    assert await reflected(Telling()).files_of(Seen(("n",)), "s.Other") is None


async def test_one_question_looks_through_some_services_and_not_through_all() -> None:
    telling = Telling()

    with pytest.raises(NotFoundError, match="it is not known"):
        await reflected(telling).found(Seen(("n",)), "it", lambda _files: "")

    assert len(telling.asked) == 64


async def test_of_very_many_services_the_latest_are_kept() -> None:
    telling = Telling()
    found = reflected(telling)
    for service in SERVICES:
        await found.files_of(Seen(("n",)), service)
    await found.files_of(Seen(("n",)), SERVICES[-1])
    await found.files_of(Seen(("n",)), SERVICES[0])

    assert telling.asked[SERVICES[-1], "one"] == 1
    assert telling.asked[SERVICES[0], "one"] == 2


async def test_questions_at_the_same_time_do_not_disturb_each_other() -> None:
    found = reflected(Telling())

    files = await asyncio.gather(*(found.files_of(Seen(("n",)), service) for service in SERVICES[:50]))

    assert [one.service_file for one in files if one is not None] == [
        f"{name}.proto" for name in SERVICES[:50]
    ]


pytestmark = pytest.mark.asyncio
