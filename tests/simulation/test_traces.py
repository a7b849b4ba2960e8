"""Spans in a simulation: in virtual time, and the same for the same seed."""

import asyncio
from typing import Any

from collector_mesh import CallContext, Payload, Service, Settings
from collector_mesh.ports import Span, SpanKind
from collector_mesh.simulation import Sim, Simulation, Spans

ALL = Settings(trace_sample=1.0)
PLACE = ("shop", "shop.v1.Orders", "Place")


def orders(hung: list[str]) -> Service:
    service = Service("shop", "shop.v1.Orders")

    @service.method("Place", idempotent=True)
    async def place(_request: Payload, context: CallContext) -> None:
        if not hung:
            hung.append(context.collector_id)
            await asyncio.sleep(3600)
        await asyncio.sleep(0.25)
        await context.call("stock", "stock.v1.Stock", "Take")

    return service


def stock() -> Service:
    service = Service("stock", "stock.v1.Stock")

    @service.method("Take")
    def take(_request: Payload) -> None:
        """Take what was ordered, in a thread."""

    return service


def traced(seed: int) -> Any:
    """A call of a client over a hub to a replica that crashes, and to one that runs it and calls on."""

    async def scenario(sim: Sim) -> tuple[str, list[Span], str]:
        spans, hung = Spans(), list[str]()
        sim.collector("hub", namespaces=["shop"], settings=ALL, tracer=spans)
        sim.collector("stock-1", services=[stock()], settings=ALL, tracer=spans)
        for name in ("shop-1", "shop-2"):
            sim.collector(
                name, services=lambda: [orders(hung)], namespaces=["stock"], peers=["hub", "stock-1"],
                settings=ALL, tracer=spans,
            )  # fmt: skip
        await sim.settled()
        async with sim.client("buyer", "hub", settings=ALL, tracer=spans) as client:
            placing = asyncio.ensure_future(client.call(*PLACE))
            while not hung:
                await sim.sleep(0.01)
            await sim.sleep(0.5)
            await sim.crash(hung[0])
            await placing
        (trace_id,) = {span.trace_id for span in spans}
        return spans.tree(trace_id), list(spans.of(trace_id)), hung[0]

    run = Simulation(seed=seed).run(scenario, until=120.0)
    return run.value


def test_one_trace_has_the_client_the_hub_the_replica_that_failed_the_one_that_ran_and_the_nested_call() -> (
    None
):
    tree, spans, failed = traced(3)

    ran = {"shop-1": "shop-2", "shop-2": "shop-1"}[failed]
    assert (
        tree
        == f"""\
shop.v1.Orders/Place at client: 200
  shop.v1.Orders/Place at hub: 200
    attempt shop.v1.Orders/Place at hub -> {failed}: 502
    attempt shop.v1.Orders/Place at hub -> {ran}: 200
      shop.v1.Orders/Place at {ran}: 200
        stock.v1.Stock/Take at {ran}: 200
          attempt stock.v1.Stock/Take at {ran} -> stock-1: 200
            stock.v1.Stock/Take at stock-1: 200"""
    )
    lost, won = spans[2:4]
    assert (lost.is_error, won.is_error) == (True, False)
    assert (lost.attributes["collector_mesh.verdict"], won.attributes["collector_mesh.verdict"]) == (
        "may have run it",
        "answered",
    )
    assert lost.attributes["collector_mesh.executed"] == "maybe"
    assert [span.kind for span in spans[4:]] == [
        SpanKind.SERVER, SpanKind.CLIENT, SpanKind.CLIENT, SpanKind.SERVER,
    ]  # fmt: skip


def test_spans_have_virtual_time_and_are_the_same_for_the_same_seed() -> None:
    (_, spans, _), (_, again, _) = traced(3), traced(3)

    assert spans == again
    assert spans[0].ended - spans[0].began > 0.75
    assert spans[4].ended - spans[4].began > 0.25
    assert {span.trace_id for span in traced(4)[1]} != {spans[0].trace_id}
