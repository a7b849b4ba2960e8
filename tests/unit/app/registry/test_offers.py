"""What a collector serves, as it is registered elsewhere."""

from collections.abc import Callable

from google.protobuf.wrappers_pb2 import Int64Value, StringValue
from grpc_health.v1 import health_pb2

from collector_mesh import Service
from collector_mesh.adapters.wire.descriptors import Descriptors
from collector_mesh.app.registry.offers import ServedOffers
from collector_mesh.domain.ports.registering import ServiceName
from collector_mesh.domain.serving.handlers import HandlerRegistry, Method


class Counted(HandlerRegistry):
    """Counts how often somebody goes through all methods."""

    looks = 0

    @property
    def methods(self) -> tuple[Method, ...]:
        self.looks += 1
        return super().methods


def echo(request: StringValue) -> StringValue:
    return request


def count(request: StringValue) -> Int64Value:
    return Int64Value(value=len(request.value))


def service(name: str, *functions: Callable[..., object]) -> Service:
    made = Service("shop", name)
    for function in functions:
        made.add(function.__name__, function)
    return made


def test_all_methods_are_gone_through_once_however_many_services_there_are() -> None:
    handlers = Counted(["shop"])
    for at in range(20):
        handlers.add(service(f"acme.S{at}", echo).methods)
    offers = ServedOffers(handlers, Descriptors(handlers))

    made = [offers.offer(name) for name in offers.services()]

    assert len(made) == 20
    assert handlers.looks == 1


def test_a_change_is_seen() -> None:
    handlers = HandlerRegistry(["shop"])
    handlers.add(service("acme.Shop", echo).methods)
    offers = ServedOffers(handlers, Descriptors(handlers))
    name = ServiceName("shop", "acme.Shop")
    before = offers.offer(name)

    handlers.add(service("acme.Shop", count).methods)

    assert offers.offer(name) != before
    assert offers.offer(ServiceName("shop", "acme.Other")) is None


def test_after_a_change_only_what_has_changed_is_described_again() -> None:
    handlers = HandlerRegistry(["shop"])
    for name in "ABC":
        handlers.add(service(name, echo).methods)
    offers = ServedOffers(handlers, Descriptors(handlers))
    before = {name: offers.offer(name) for name in offers.services()}

    handlers.add(service("B", count).methods)
    handlers.unregister(*(method.key for method in handlers.methods if method.key.service == "C"))
    after = {name: offers.offer(name) for name in offers.services()}

    a, b, _ = before
    assert list(after) == [a, b]
    assert after[a] is before[a]
    assert after[b] != before[b]


def test_a_service_that_is_mounted_anew_with_other_files_is_described_again() -> None:
    handlers = HandlerRegistry(["grpc"])
    descriptors = Descriptors(handlers)
    descriptor = health_pb2.DESCRIPTOR.services_by_name["Health"]
    health = Service("grpc", descriptor.full_name)
    health.add("Check", echo)
    handlers.add(health.methods)
    offers, name = ServedOffers(handlers, descriptors), ServiceName("grpc", descriptor.full_name)
    before = offers.offer(name)

    descriptors.add("grpc", {name.service: descriptor}, of=[name.service])

    assert offers.offer(name) != before
    handlers.unregister(*(method.key for method in health.methods))
    assert descriptors.find(*name) is None
