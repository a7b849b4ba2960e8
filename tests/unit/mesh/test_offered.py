"""What a peer is offered: all namespaces, some of them, or none that it is in."""

import asyncio
from typing import Any

import pytest
from tests.limits import LIMIT_SECONDS, until

from collector_mesh import Collector, LoopbackNetwork, Payload, Service
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, NotFoundError, UnavailableError
from collector_mesh.domain.model.events import NothingShared

pytestmark = pytest.mark.asyncio


def service(namespace: str) -> Service:
    made = Service(namespace, "Texts")

    @made.method("Echo")
    async def echo(request: Payload) -> Payload:
        return request

    return made


async def codes(collector: Collector, *namespaces: str) -> list[int]:
    return [(await collector.dispatch(name, "Texts", "Echo")).status.code for name in namespaces]


def pair(network: LoopbackNetwork, *names: str) -> list[Collector]:
    """The first has methods in x and y, the other in z, and both are in all three."""
    own = [[service("x"), service("y")], [service("z")]]
    return [
        Collector(name, transport=network, namespaces=["x", "y", "z"], services=services)
        for name, services in zip(names, own, strict=True)
    ]


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
async def test_a_peer_hears_of_what_it_is_offered_and_calls_nothing_else(names: tuple[str, str]) -> None:
    network = LoopbackNetwork(through_codec=True)
    one, other = pair(network, *names)
    async with one, other:
        info = await one.connect(other.address, namespaces=["x"])
        before = await codes(other, "x", "y"), await codes(one, "z")
        seen = other.snapshot().connections[0]
        target = await other.dispatch("y", "Texts", "Echo", target=one.collector_id)
        # Whichever of two links stays.
        await other.connect(one.address)
        await until(lambda: one.snapshot().connections[0].state == "live")
        dialed = await codes(other, "x", "y"), await codes(one, "z")
        await one.connect(other.address)
        await until(lambda: "y" in other.snapshot().connections[0].shared_namespaces)
        widened = await codes(other, "x", "y"), await codes(one, "z")
        offered = one.snapshot().connections[0].offered

    assert (info.offered, info.shared_namespaces) == (("x",), ("x",))
    assert (seen.shared_namespaces, seen.methods) == (("x",), 1)
    assert before == dialed == ([200, 404], [404])
    assert target.status.code == 404
    assert widened == ([200, 200], [200])
    assert offered == ()


async def test_a_reconnect_offers_the_same() -> None:
    network = LoopbackNetwork()
    one, other = pair(network, "one", "other")
    async with one:
        async with other:
            await one.connect(other.address, namespaces=["y"])
        _, again = pair(network, "nobody", "other")
        async with again:
            await one.wait_for(peers=["other"], timeout=LIMIT_SECONDS)
            told = await codes(again, "x", "y")

    assert told == [404, 200]


@pytest.mark.parametrize(
    ("namespaces", "error", "text"),
    [
        (["nope"], NotFoundError, "namespace 'nope' is not one of this collector: it has x, y, z"),
        ([], InvalidCallError, "namespaces must have at least one"),
        ("x", TypeError, "namespaces must be several, as in a list, got one: 'x'"),
        (7, TypeError, "namespaces must be several, as in a list, got int"),
        ([b"x"], TypeError, "each of namespaces must be a str, got bytes"),
    ],
)
async def test_what_cannot_be_offered_is_refused(namespaces: Any, error: type[Exception], text: str) -> None:
    network = LoopbackNetwork()
    one, other = pair(network, "one", "other")
    async with one, other:
        with pytest.raises(error, match=text):
            await one.connect(other.address, namespaces=namespaces)

        assert one.snapshot().connections == ()


async def test_a_peer_with_which_nothing_is_shared_is_told_once_a_connection() -> None:
    network, observer = LoopbackNetwork(), FakeObserver()
    many = [f"n{number}" for number in range(50)]
    async with (
        Collector("one", transport=network, namespaces=["a"], observer=observer) as one,
        Collector("two", transport=network, namespaces=many) as two,
        Collector("three", transport=network, namespaces=["a"]) as three,
    ):
        await two.connect(one.address)
        await three.connect(one.address)
        await until(lambda: bool(observer.of(NothingShared)))
        two.add_namespace("another")
        await two.disconnect("one")
        await two.connect(one.address)
        await until(lambda: len(observer.of(NothingShared)) > 1)

    assert [
        (event.peer, event.own, event.theirs) for event in observer.events if isinstance(event, NothingShared)
    ] == [
        ("two", ("a",), tuple(many[:8])),
        ("two", ("a",), tuple(many[:8])),
    ]


async def test_the_members_of_each_namespace_are_in_the_snapshot() -> None:
    network = LoopbackNetwork()
    one, other = pair(network, "one", "other")
    async with one, other, Collector("third", transport=network, namespaces=["z", "more"]) as third:
        await one.connect(other.address)
        await third.connect(one.address)
        members = one.snapshot().members

    assert members == {"x": ("one", "other"), "y": ("one", "other"), "z": ("one", "other", "third")}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"peers": 2, "timeout": 0.01},
            UnavailableError,
            "not ready within 0.01 s: 0 of 2 peers are connected",
        ),
        ({"peers": True}, TypeError, "peers must be a number, several ids, or 'all', got bool"),
        ({"peers": 1.5}, TypeError, "peers must be a number, several ids, or 'all', got float"),
        ({"peers": "one"}, TypeError, "got str"),
        ({"peers": -1}, InvalidCallError, "peers must be at least 0, got -1"),
        ({"peers": ["a b"]}, InvalidCallError, "peer must match"),
        ({"methods": "x/Texts/Echo"}, TypeError, "methods must be several"),
        ({"methods": ["x"]}, InvalidCallError, "methods must be NAMESPACE/SERVICE/METHOD, got 'x'"),
        (
            {"methods": ["x/Texts"]},
            InvalidCallError,
            "methods must be NAMESPACE/SERVICE/METHOD, got 'x/Texts'",
        ),
        ({"methods": [7]}, TypeError, "methods must be texts or tuples, got int"),
        ({"timeout": "1"}, TypeError, "timeout must be a number of seconds"),
    ],
)
async def test_what_cannot_be_waited_for_is_said(options: Any, error: type[Exception], text: str) -> None:
    async with Collector("one", transport=LoopbackNetwork(), namespaces=["x"]) as one:
        with pytest.raises(error, match=text):
            await one.wait_for(**options)


async def test_all_who_wait_hear_that_the_collector_ends_and_nobody_waits_at_one_that_is_closed() -> None:
    one = Collector("one", transport=LoopbackNetwork(), namespaces=["x"])
    with pytest.raises(RuntimeError, match="is new"):
        await one.wait_for(peers=1)
    async with one:
        waiting = [asyncio.ensure_future(one.wait_for(peers=1)) for _ in range(3)]
        waiting[0].cancel()
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, RuntimeError, RuntimeError]


async def test_several_ways_to_name_a_method_are_the_same() -> None:
    network = LoopbackNetwork()
    one, other = pair(network, "one", "other")
    async with one, other:
        await one.connect(other.address)
        await one.wait_for(
            peers=["other"],
            methods=["z/Texts/Echo", "z/Texts.Echo", ("x", "Texts", "Echo")],
            timeout=LIMIT_SECONDS,
        )
        with pytest.raises(MeshError, match=r"nobody is known to have 'z/Texts\.Nope'"):
            await one.wait_for(methods=["z/Texts/Nope"], timeout=0.01)


async def test_a_method_that_is_registered_here_ends_the_wait_for_it() -> None:
    async with Collector("one", transport=LoopbackNetwork(), namespaces=["x"]) as one:
        waiting = asyncio.ensure_future(one.wait_for(methods=["x/Texts/Echo"], timeout=LIMIT_SECONDS))
        await asyncio.sleep(0)
        one.add_service(service("x"))
        await asyncio.wait_for(waiting, LIMIT_SECONDS / 2)
