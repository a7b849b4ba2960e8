"""Tracers of collectors and clients: ours, and those of a user that raise."""

import asyncio
from typing import Any

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import CallContext, Collector, LoopbackNetwork, MeshClient, Payload, Service, Settings
from collector_mesh.app.hooks.tracer import GuardedTracer
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import HookFailed
from collector_mesh.domain.model.trace_context import NO_TRACE
from collector_mesh.testing import Spans

pytestmark = pytest.mark.asyncio

ALL = Settings(trace_sample=1.0)
METHOD = ("work", "Worker", "Do")


def worker(parents: list[str]) -> Service:
    service = Service("work", "Worker")

    @service.method("Do")
    async def do(_request: Payload, context: CallContext) -> None:
        parents.append(context.traceparent)

    return service


class Odd:
    """A tracer that raises, or gives what nobody has asked for."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def _do(self, *_arguments: object) -> Any:
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found() if callable(self.found) else self.found

    ended = current = enter = _do

    async def flush(self, timeout: float) -> None:
        if isinstance(self.found, BaseException):
            raise self.found
        await asyncio.Event().wait()


async def nothing() -> None:
    """What nobody awaits."""


@pytest.mark.parametrize(
    "found",
    [ValueError("no"), SystemExit(3), b"not ids", 7, nothing],
    ids=["raises", "exits", "no-ids", "number", "awaitable"],
)
async def test_whatever_a_tracer_of_a_user_does_calls_go_on_and_the_end_comes_in_time(
    found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collector_mesh.app.tracing import making

    monkeypatch.setattr(making, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(making, "_LATE_SECONDS", 0.01)
    network, told, parents = LoopbackNetwork(through_codec=True), FakeObserver(), list[str]()
    options: Any = {"transport": network, "settings": ALL, "observer": told, "tracer": Odd(found)}
    async with (
        asyncio.timeout(LIMIT_SECONDS),
        Collector("a", services=[worker(parents)], **options) as served,
        Collector("b", namespaces=["work"], **options) as calling,
    ):
        await calling.connect(served.address)
        codes = [(await calling.dispatch(*METHOD)).status.code for _ in range(3)]

    assert codes == [200, 200, 200]
    assert len(set(parents)) == 3
    hooks = {event.hook for event in told.of(HookFailed) if isinstance(event, HookFailed)}
    assert hooks <= {"tracer.ended", "tracer.current", "tracer.enter", "tracer.flush"}
    assert hooks or found == b"not ids"


async def test_what_is_no_tracer_is_refused_where_it_is_given() -> None:
    with pytest.raises(TypeError, match="tracer must be an object with a method ended"):
        Collector("a", tracer=object())  # type: ignore[arg-type]  # that is what is tried
    with pytest.raises(TypeError, match="tracer must be an object with a method ended"):
        MeshClient("127.0.0.1:1", tracer=Spans)  # type: ignore[arg-type]  # the same


async def test_the_share_that_is_recorded_changes_with_a_reload_and_a_decision_that_comes_along_stays() -> (
    None
):
    spans, parents = Spans(), list[str]()
    never = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}
    async with Collector(
        "a", services=[worker(parents)], settings=Settings(trace_sample=0.0), tracer=spans
    ) as one:
        await one.call(*METHOD)
        before = len(spans)
        await one.reload(settings=ALL)
        await one.call(*METHOD)
        recorded = len(spans)
        await one.call(*METHOD, metadata=never)

    assert (before, recorded, len(spans)) == (0, 2, 2)
    assert parents[0].endswith("-00")
    assert parents[1].endswith("-01")
    assert parents[2] == never["traceparent"]


IDS = b"\x01" * 24


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (b"", NO_TRACE),
        (IDS + b"\x01", IDS + b"\x01"),
        (IDS + b"\x01a=1", IDS + b"\x01a=1"),
        (IDS + b"\xff", IDS + b"\x03"),
        (IDS + b"\x01\xff\n", IDS + b"\x01"),
        (IDS + b"\x01" + b"a=1," * 100_000, IDS + b"\x01"),
        (bytes(25), NO_TRACE),
        (b"short", NO_TRACE),
    ],
)  # fmt: skip
async def test_a_call_carries_no_more_of_what_a_tracer_gives_than_links_take(
    given: bytes, taken: bytes
) -> None:
    class Given(Spans):
        def current(self) -> bytes:
            return given

    guarded = GuardedTracer(Given(), "a", FakeObserver())

    assert guarded.current() == taken
