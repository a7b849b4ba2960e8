"""Codes of gRPC and metadata of handlers in a simulation: over a relay, from a client, and after a restart."""

from typing import Any

from collector_mesh import CallContext, Payload, Reply, Service, Settings
from collector_mesh.adapters.wire.grpc_codes import Code, chosen_error, grpc_status_of
from collector_mesh.simulation import Sim, Simulation

INITIAL = (("first", "1"),)
TRAILING = (("last", "1"), ("grpc-status-details-bin", b"\x08\xff"))


def stock() -> Service:
    service = Service("stock", "Stock")

    def plain(request: Payload, context: CallContext) -> Payload:
        context.send_initial_metadata(INITIAL)
        context.set_trailing_metadata(TRAILING)
        if request.value:
            raise chosen_error(Code.ALREADY_EXISTS, "é" * 2000)
        return request

    @service.method("Async")
    async def not_plain(request: Payload, context: CallContext) -> Payload:
        return plain(request, context)

    service.add("Plain", plain)
    return service


async def scenario(sim: Sim) -> list[Reply]:
    sim.collector("stock", services=lambda: [stock()])
    sim.collector("hub", namespaces=["stock"], peers=["stock"], settings=Settings(relay=True))
    sim.collector("front", namespaces=["stock"], peers=["hub"])
    replies: list[Reply] = []
    for turn in range(2):
        await sim.settled()
        async with sim.client(f"outside-{turn}", "front") as client:
            for caller in (client, sim._fleet.find("front"), sim._fleet.find("stock")):
                replies += [
                    await caller.dispatch("stock", "Stock", method, Payload("x", value), timeout=5.0)
                    for method in ("Async", "Plain")
                    for value in (b"", b"fail")
                ]
        await sim.crash("stock")
        await sim.restart("stock", fresh=True)
    return replies


def test_what_a_handler_sends_arrives_on_every_way_and_after_a_restart_too() -> None:
    replies: Any = Simulation(seed=4).run(scenario, until=120.0).value

    assert len(replies) == 24
    assert {reply.initial_metadata for reply in replies} == {INITIAL}
    assert {grpc_status_of(reply) for reply in replies[::2]} == {(Code.OK, "", TRAILING)}
    assert {grpc_status_of(reply) for reply in replies[1::2]} == {(Code.ALREADY_EXISTS, "é" * 2000, TRAILING)}


def test_the_same_seed_gives_the_same_run() -> None:
    first, again = (Simulation(seed=9).run(scenario, until=120.0) for _ in range(2))

    assert first.digest == again.digest
