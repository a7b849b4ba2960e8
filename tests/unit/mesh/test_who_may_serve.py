"""Who is sent calls: whoever says so of itself, where the authorizer lets it; what is told to whom."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import Collector, ForbiddenError, LoopbackNetwork, Payload, Service, Settings
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import Event, NewsLeftOut, PeerRefused
from collector_mesh.domain.model.frames import (
    Catalog,
    Control,
    Frame,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Role,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import ConnectionInfo, MethodInfo

pytestmark = pytest.mark.asyncio

CHARGE = ("payments", "Payments", "Charge")


class Asked:
    """An authorizer that lets some collectors serve, and remembers whom it was asked about."""

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed
        self.about: list[tuple[str, str]] = []

    def may_use(self, _identity: object, _namespace: str, /) -> bool:
        return True

    def may_serve(self, _identity: object, collector_id: str, namespace: str, /) -> bool:
        self.about.append((collector_id, namespace))
        return collector_id in self.allowed


class OnlyCallers:
    """An authorizer from before anybody was asked who may serve: nobody is let in."""

    def may_use(self, _identity: object, _namespace: str, /) -> bool:
        return False


class ByHand:
    """A peer whose frames a test writes."""

    def __init__(self, network: LoopbackNetwork, address: str = "front") -> None:
        self.stream = network.dial(address, is_patient=False)
        self.heard: list[Frame] = []

    async def say(self, **control: Any) -> None:
        await self.stream.write(Frame(0, Control(**control)))

    async def hear(self, wanted: Callable[[Control], object]) -> Control:
        """Read until something is said."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while (frame := await self.stream.read()) is not None:
                self.heard.append(frame)
                if frame.control is not None and wanted(frame.control):
                    return frame.control
        raise AssertionError(f"the stream has ended after {self.heard}")

    async def hello(
        self, peer_id: str, catalog: Catalog, *, role: Role = Role.COLLECTOR, **more: Any
    ) -> Greeting:
        me = Introduction(collector_id=peer_id, incarnation=peer_id, catalog=catalog, **more)
        await self.say(hello=Hello(me, role, 1))
        greeting = (await self.hear(lambda control: control.greeting)).greeting
        assert greeting is not None
        return greeting

    async def settled(self) -> None:
        """All that was said so far has been taken in."""
        await self.say(ping=Heartbeat(7))
        await self.hear(lambda control: control.pong)


def info(namespace: str = "payments", method: str = "Charge", kind: str = "unary") -> MethodInfo:
    return MethodInfo(MethodKey(namespace, "Payments", method), kind, idempotent=False)


def payments(namespace: str = "payments") -> Service:
    service = Service(namespace, "Payments")

    @service.method("Charge")
    async def charge(request: Payload) -> Payload:
        return request

    return service


def front(network: LoopbackNetwork, authorizer: Any = None, **options: Any) -> Collector:
    given = {"namespaces": ["payments", "orders"], "settings": Settings(drain_timeout=0.0), **options}
    return Collector("front", transport=network, authorizer=authorizer, **given)


def told(observer: FakeObserver, kind: type[Event], *facts: str) -> list[tuple[Any, ...]]:
    """Some facts of each event of a kind."""
    return [tuple(getattr(event, fact) for fact in facts) for event in observer.of(kind)]


def known(collector: Collector) -> Mapping[str, ConnectionInfo]:
    return {peer.peer_id: peer for peer in collector.snapshot().connections}


class Failing(OnlyCallers):
    """An authorizer that does not know of everybody."""

    def may_serve(self, _identity: object, collector_id: str, _namespace: str, /) -> bool:
        return {"payments-1": True}[collector_id]


@pytest.mark.parametrize("authorizer", [Asked("payments-1"), OnlyCallers(), Failing()])
async def test_whoever_offers_methods_that_it_may_not_serve_is_refused_and_sent_nothing(
    authorizer: Any,
) -> None:
    network, observer = LoopbackNetwork(), FakeObserver()
    async with front(network, authorizer, observer=observer) as collector:
        evil = ByHand(network)
        greeting = await evil.hello("evil", Catalog(("payments",), (info(),)))
        reply = await collector.dispatch(*CHARGE, timeout=LIMIT_SECONDS)

    assert greeting.status.code == 403
    assert greeting.status.message == "collector 'evil' may not serve the namespace 'payments'"
    assert greeting.introduction == Introduction(collector_id="front", limits=greeting.introduction.limits)
    assert reply.status.code == 404
    assert told(observer, PeerRefused, "reason") == [(greeting.status.message,)]


async def test_each_namespace_with_methods_is_asked_about_and_membership_alone_is_not() -> None:
    network, authorizer = LoopbackNetwork(), Asked("honest")
    async with front(network, authorizer) as collector:
        greeting = await ByHand(network).hello(
            "honest", Catalog(("payments", "orders", "other"), (info(), info(method="Refund"), info("other")))
        )
        caller = await ByHand(network).hello("caller", Catalog(("payments", "orders")))
        shared = known(collector)["caller"].shared_namespaces

    assert (greeting.status.code, caller.status.code) == (200, 200)
    assert authorizer.about == [("honest", "payments"), ("honest", "other")]
    assert shared == ("payments", "orders")


async def test_methods_that_are_told_later_and_may_not_be_served_are_left_out_and_told_once() -> None:
    network, observer = LoopbackNetwork(), FakeObserver()
    async with front(network, Asked("payments-1"), observer=observer) as collector:
        evil = ByHand(network)
        await evil.hello("evil", Catalog(("payments",)))
        for methods in ((info(), info(method="Refund")), (info(),), (info(),)):
            await evil.say(catalog=Catalog(("payments",), methods))
            await evil.settled()
        await evil.say(reach=(Reach("behind", ("evil",), (info(),)),))
        await evil.settled()
        reply = await collector.dispatch(*CHARGE, timeout=LIMIT_SECONDS)
        targeted = await collector.dispatch(*CHARGE, target="evil", timeout=LIMIT_SECONDS)
        peer = known(collector)["evil"]

    assert (reply.status.code, targeted.status.code) == (404, 404)
    assert (peer.state, peer.methods) == ("live", 0)
    assert told(observer, NewsLeftOut, "number", "times") == [(2, 1), (1, 2), (1, 4)]
    assert set(told(observer, NewsLeftOut, "reason")) == {("it may not serve the namespace 'payments'",)}


async def test_whom_this_side_has_dialed_is_asked_about_where_the_user_says_who_may_serve() -> None:
    network = LoopbackNetwork()
    async with (
        Collector("payments-1", transport=network, services=[payments()]),
        front(network, Asked()) as strict,
        Collector("old", transport=network, namespaces=["payments"], authorizer=OnlyCallers()) as old,
    ):
        with pytest.raises(ForbiddenError, match="'payments-1' may not serve the namespace 'payments'"):
            await strict.connect("payments-1")
        # `may_use` is about callers, and this one was chosen.
        await old.connect("payments-1")
        reply = await old.dispatch(*CHARGE, timeout=LIMIT_SECONDS)

    assert (reply.status.code, reply.handled_by) == (200, "payments-1")


async def test_a_welcome_tells_a_peer_what_it_shares_and_a_client_nothing() -> None:
    network = LoopbackNetwork()
    services = [payments(), payments("secret")]
    async with Collector("front", transport=network, services=services):
        peer = await ByHand(network).hello("peer", Catalog(("payments", "orders")))
        client = await ByHand(network).hello("client", Catalog(("payments", "secret")), role=Role.CLIENT)

    assert peer.introduction.catalog == Catalog(("payments",), (info(),))
    assert peer.shared_namespaces == ("payments",)
    assert client.introduction.catalog == Catalog()


@pytest.mark.parametrize("joins", ["front", "caller"])
async def test_namespaces_that_come_to_be_shared_later_are_told_with_their_methods(joins: str) -> None:
    network = LoopbackNetwork()
    async with (
        front(network, services=[payments("late")] if joins == "caller" else []) as collector,
        Collector(
            "caller", transport=network, namespaces=["payments", *(["late"] if joins == "front" else [])]
        ) as caller,
    ):
        await caller.connect("front")
        if joins == "front":
            collector.add_service(payments("late"))
        else:
            caller.add_namespace("late")
        async with asyncio.timeout(LIMIT_SECONDS):
            while (reply := await caller.dispatch("late", "Payments", "Charge")).status.code != 200:
                await asyncio.sleep(0.005)

    assert reply.handled_by == "front"


async def test_a_hub_passes_on_nothing_malformed_and_no_link_ends() -> None:
    network, observer = LoopbackNetwork(), FakeObserver()
    relaying = Settings(relay=True, drain_timeout=0.0)
    async with (
        front(network, settings=relaying, observer=observer) as hub,
        Collector("caller", transport=network, namespaces=["payments"]) as caller,
    ):
        await caller.connect("front")
        poison = ByHand(network)
        await poison.hello("poison", Catalog(("payments",)))
        bad, stream = info(method="not a name"), info(method="Watch", kind="stream")
        await poison.say(
            catalog=Catalog(("payments", "not a name", "payments"), (bad, info(), info(), stream))
        )
        await poison.say(
            reach=(
                Reach("not a name", ("poison",)),
                Reach("far", ("other",)),
                Reach("near", ("poison",), (bad,)),
            )
        )
        await poison.settled()
        watched = await hub.dispatch("payments", "Payments", "Watch", timeout=LIMIT_SECONDS)
        methods = known(hub)["poison"].methods
        states = {peer.state for peer in (*known(hub).values(), *known(caller).values())}
        ended = (*hub.snapshot().ended, *caller.snapshot().ended)

    assert (methods, watched.status.code, states, ended) == (2, 501, {"live"}, ())
    assert (
        watched.status.message == "method 'Payments.Watch' is of the kind 'stream', and is called as 'unary'"
    )
    assert told(observer, NewsLeftOut, "peer", "times") == [("poison", 1), ("poison", 2)]


async def test_a_weight_over_the_limit_is_refused_and_labels_are_those_that_one_may_give_oneself() -> None:
    network = LoopbackNetwork()
    labels = {
        "zone": "east",
        "not a name": "x",
        "long": "x" * 257,
        "odd": "a\nb",
        **{f"n{n}": "x" for n in range(40)},
    }
    async with front(network) as collector:
        greedy = await ByHand(network).hello("greedy", Catalog(("payments",), (info(),)), weight=10_001)
        await ByHand(network).hello("modest", Catalog(("payments",)), weight=10_000, labels=labels)
        peers = known(collector)

    assert (greedy.status.code, greedy.status.message) == (400, "weight must be at most 10000, got 10001")
    assert list(peers) == ["modest"]
    assert peers["modest"].weight == 10_000
    assert dict(peers["modest"].labels) == {"zone": "east", **{f"n{n}": "x" for n in range(31)}}
