"""Defects inside of a link: it ends with news and comes back; who waits is answered, and nobody else suffers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.limits import until

from collector_mesh import Collector, LoopbackNetwork, Payload, Service, Settings
from collector_mesh.adapters.wire import link_codec
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.link.inbox import Inbox
from collector_mesh.domain.link.outbox import Outbox
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.events import Defect

pytestmark = pytest.mark.asyncio

ONCE = Settings(max_attempts=1)


class OddError(Exception):
    """What nobody has thought of."""


def echo(namespace: str) -> Service:
    service = Service(namespace, "Texts")

    @service.method("Echo")
    async def say(request: Payload) -> Payload:
        return request

    return service


def fail_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: Callable[..., bool]) -> list[str]:
    """Have something raise the first time that it is called so; gives where that was."""
    real, failed = getattr(owner, name), list[str]()

    def fails(*arguments: Any, **options: Any) -> Any:
        if not failed and when(*arguments):
            failed.append(name)
            raise OddError(name)
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, fails)
    return failed


@pytest.mark.parametrize(
    ("owner", "name", "is_certain"),
    [(link_codec, "_encoded", True), (Outbox, "write", False), (Inbox, "read", False)],
)
async def test_a_defect_ends_one_link_with_news_and_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, is_certain: bool
) -> None:
    network, observer = LoopbackNetwork(through_codec=True), FakeObserver()
    async with (
        Collector("one", transport=network, services=[echo("a")]) as one,
        Collector("two", transport=network, services=[echo("b")]) as two,
        Collector(
            "caller", transport=network, namespaces=["a", "b"], settings=ONCE, observer=observer
        ) as caller,
    ):
        await caller.connect(one.address)
        await caller.connect(two.address)

        def has_calls_of_one(*arguments: Any) -> bool:
            frame = next((each for each in arguments if hasattr(each, "calls")), None)
            if frame is None:
                return any(b"one" in entry.call.payload.value for entry in arguments[0]._small)
            return frame.calls is not None and any(b"one" in value for value in frame.calls.values)

        failed = fail_once(monkeypatch, owner, name, has_calls_of_one)
        ones = [
            caller.dispatch("a", "Texts", "Echo", Payload("text", b"one"), timeout=15.0) for _ in range(3)
        ]
        twos = [
            caller.dispatch("b", "Texts", "Echo", Payload("text", b"two"), timeout=15.0) for _ in range(3)
        ]
        replies = await asyncio.wait_for(asyncio.gather(*ones, *twos), 10.0)
        await until(lambda: {peer.state for peer in caller.snapshot().connections} == {"live"})
        again = await caller.dispatch("a", "Texts", "Echo", Payload("text", b"again"))

    assert failed == [name]
    assert [reply.status.code for reply in replies[3:]] == [200] * 3
    codes = {reply.status.code for reply in replies[:3]}
    # What has not run waits until the link is back.
    assert codes <= {200, 502, 503}
    if is_certain:
        assert {reply.executed for reply in replies[:3]} == {Executed.NO}
    assert again.status.code == 200
    where = [event for event in observer.events if isinstance(event, Defect)]
    assert len(where) <= 1
    if name != "read":  # that one was at the other end
        assert len(where) == 1
