"""Validators that ask a registry, in virtual time."""

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from tests.simulation.shop import METHOD, orders

from collector_mesh import LocalRegistryValidator, Registry
from collector_mesh.simulation import Sim, Simulation

FILE = FileDescriptorProto(name="orders.proto", syntax="proto3", dependency=["google/protobuf/empty.proto"])
FILE.service.add(name="OrderService").method.add(
    name="CreateOrder", input_type=".google.protobuf.Empty", output_type=".google.protobuf.Empty"
)


async def codes(sim: Sim) -> list[int]:
    """What a call is answered with before its method is registered, after that, and when it is removed."""
    async with Registry() as registry:
        sim.collector("shop", services=[orders()], validator=LocalRegistryValidator(registry))
        front = sim.collector("front", namespaces=["orders"], peers=["shop"])
        await sim.settled()
        found = []
        for change in (
            None,
            registry.register("orders", FILE),
            registry.deregister("orders", "OrderService"),
        ):
            if change is not None:
                await change
            await sim.sleep(1.0)
            found.append((await front.dispatch(*METHOD, timeout=2.0)).status.code)
        return found


def test_a_registry_is_believed_for_virtual_seconds() -> None:
    assert Simulation(seed=7).run(codes).value == [404, 200, 404]


def test_a_run_with_a_validator_can_be_replayed() -> None:
    first, second = (Simulation(seed=11).run(codes) for _ in range(2))

    assert first.digest == second.digest
