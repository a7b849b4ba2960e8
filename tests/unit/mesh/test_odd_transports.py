"""A transport of a user's that raises what its port does not allow: an outcome, or a log line, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from collector_mesh import (
    Collector,
    InvalidCallError,
    LoopbackNetwork,
    MeshClient,
    Payload,
    Service,
    Settings,
    UnavailableError,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import HookFailed
from collector_mesh.domain.model.introduction import Welcome
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.ports import Call, Frame, FrameStream, Gateway, Identity, Listener, NoLinkError, Offer

T = TypeVar("T")

LIMIT = 20.0
"""Seconds within which what is waited for comes, also where the machine has much to do."""

RAISED = [
    ValueError("odd"),
    OSError("no space left on device"),
    SystemExit(3),
    GeneratorExit(),
    asyncio.CancelledError(),
    StopAsyncIteration(),
    KeyError("x"),
]
EXIT_POINTS = ["leave listen", "leave open", "drain", "aclose"]


class Faults:
    """What is raised where, for as long as it is set."""

    def __init__(self) -> None:
        self.raised: dict[str, BaseException] = {}
        self.given: dict[str, Any] = {}

        self.hangs = False

    def at(self, point: str) -> None:
        if point in self.raised:
            raise self.raised[point]

    async def around(self, point: str, work: Callable[[], Awaitable[T]]) -> T:
        self.at(point)
        if point in self.given:
            found: T = self.given[point]
            return found
        if self.hangs:
            await asyncio.Event().wait()
        return await work()


class OddStream:
    def __init__(self, stream: FrameStream, faults: Faults) -> None:
        self.address = stream.address
        self.identity = stream.identity
        self._stream = stream
        self._faults = faults

    async def read(self) -> Frame | None:
        return await self._faults.around("read", self._stream.read)

    async def write(self, frame: Frame) -> None:
        await self._faults.around("write", lambda: self._stream.write(frame))

    async def aclose(self) -> None:
        await self._stream.aclose()
        self._faults.at("aclose")


class Linkless:
    """A stream to somebody who has no links."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.identity: Identity | None = None

    async def read(self) -> Frame | None:
        raise NoLinkError(f"{self.address} has no links")

    async def write(self, frame: Frame) -> None:
        raise NoLinkError(f"{self.address} has no links")

    async def aclose(self) -> None: ...


class OddLink:
    """A unary link to somebody who runs everything."""

    def __init__(self, address: str, faults: Faults) -> None:
        self.address = address
        self._faults = faults

    async def connect(self, offer: Offer, *, timeout: float) -> Welcome:
        async def welcome() -> Welcome:
            return Welcome(Status(200, "OK"), "1", offer.namespaces, "elsewhere")

        return await self._faults.around("connect", welcome)

    async def serve(self, call: Call) -> Reply:
        async def run() -> Reply:
            return Reply(OK, Payload("x", b"y"), "elsewhere")

        return await self._faults.around("serve", run)

    async def dispatch(self, call: Call) -> Reply:
        return await self.serve(call)

    async def aclose(self, *, grace: float = 0.0) -> None:
        self._faults.at("aclose")


class OddListener:
    def __init__(self, listener: Listener, faults: Faults) -> None:
        self.address = listener.address
        self.bound = listener.bound
        self._listener = listener
        self._faults = faults

    async def drain(self) -> None:
        self._faults.at("drain")
        await self._listener.drain()


class OddGateway:
    """Hands in odd streams."""

    def __init__(self, gateway: Gateway, faults: Faults) -> None:
        self._gateway = gateway
        self._faults = faults

    def accept(self, stream: FrameStream) -> None:
        self._gateway.accept(OddStream(stream, self._faults))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)


class OddNetwork:
    """A loopback network that raises where it is told to, for one collector."""

    def __init__(self, network: LoopbackNetwork, faults: Faults, *, has_links: bool = True) -> None:
        self._network = network
        self._faults = faults
        self._has_links = has_links

    @asynccontextmanager
    async def open(self) -> AsyncIterator[object]:
        yield None
        self._faults.at("leave open")

    def is_local(self, address: str) -> bool:
        self._faults.at("is_local")
        return self._network.is_local(address)

    def check_address(self, address: str) -> None:
        self._faults.at("check_address")
        self._network.check_address(address)

    @asynccontextmanager
    async def listen(self, address: str, gateway: Gateway) -> AsyncIterator[Listener]:
        async with self._network.listen(address, OddGateway(gateway, self._faults)) as listener:
            yield OddListener(listener, self._faults)
        self._faults.at("leave listen")

    def dial(self, address: str, *, is_patient: bool) -> FrameStream:
        self._faults.at("dial")
        if not self._has_links:
            return Linkless(address)
        return OddStream(self._network.dial(address, is_patient=is_patient), self._faults)

    def unary(self, address: str) -> OddLink:
        self._faults.at("unary")
        return OddLink(address, self._faults)


def service() -> Service:
    made = Service("n", "S")

    @made.method("Quick")
    async def quick() -> None:
        return None

    return made


async def in_time(work: Awaitable[T]) -> T:
    async with asyncio.timeout(LIMIT):
        return await work


async def until_answered(collector: Collector) -> None:
    async with asyncio.timeout(LIMIT):
        while (await collector.dispatch("n", "S", "Quick")).status.code != 200:
            await asyncio.sleep(0.01)


class Pair:
    """A collector whose transport is odd, and another one."""

    def __init__(self, *, has_links: bool = True) -> None:
        network = LoopbackNetwork()
        self.faults = Faults()
        self.observer = FakeObserver()
        self.plain = Collector("plain", transport=network, services=[service()])
        self.odd = Collector(
            "odd",
            transport=OddNetwork(network, self.faults, has_links=has_links),
            namespaces=["n"],
            services=[],
            observer=self.observer,
            settings=Settings(reconnect_cap=0.05, refresh_interval=0.05, wait_for_peer=0),
        )

    @property
    def failures(self) -> list[str]:
        return [event.hook for event in self.observer.events if isinstance(event, HookFailed)]


@asynccontextmanager
async def pair(*, has_links: bool = True) -> AsyncIterator[Pair]:
    made = Pair(has_links=has_links)
    async with made.plain, made.odd:
        yield made


@pytest.mark.asyncio
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_an_address_that_cannot_be_checked_is_none(error: BaseException) -> None:
    async with pair() as made:
        made.faults.raised["check_address"] = error

        with pytest.raises(InvalidCallError, match="address 'plain' cannot be used: "):
            await in_time(made.odd.connect("plain"))

    assert made.failures == ["transport"]


@pytest.mark.asyncio
@pytest.mark.parametrize("point", ["dial", "read", "write"])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_a_stream_that_raises_is_broken_and_is_opened_again(point: str, error: BaseException) -> None:
    async with pair() as made:
        made.faults.raised[point] = error
        with pytest.raises(UnavailableError):
            await in_time(made.odd.connect("plain", timeout=1.0))
        made.faults.raised.clear()
        await in_time(made.odd.connect("plain"))
        assert (await in_time(made.odd.dispatch("n", "S", "Quick"))).status.code == 200

        # Once it is up: whatever is sent, or comes, breaks it.
        made.faults.raised[point] = error
        made.faults.raised["read"] = error
        calls = [made.odd.dispatch("n", "S", "Quick", timeout=LIMIT) for _ in range(3)]
        replies = [await in_time(call) for call in calls]
        assert {reply.status.code for reply in replies} <= {200, 502, 503}

        made.faults.raised.clear()
        await until_answered(made.odd)
        assert (made.odd.snapshot().running, made.odd.snapshot().outgoing) == (0, 0)

    assert set(made.failures) == {"transport"}


@pytest.mark.asyncio
@pytest.mark.parametrize("frame", ["text", 7, b"bytes", object()], ids=lambda frame: type(frame).__name__)
async def test_what_is_no_frame_breaks_the_stream_alone(frame: object) -> None:
    async with pair() as made:
        made.faults.given["read"] = frame
        with pytest.raises(UnavailableError):
            await in_time(made.odd.connect("plain", timeout=1.0))

        made.faults.given.clear()
        await in_time(made.odd.connect("plain"))
        assert (await in_time(made.odd.dispatch("n", "S", "Quick"))).status.code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_a_stream_that_was_accepted_and_raises_is_broken(error: BaseException) -> None:
    async with pair() as made:
        await in_time(made.plain.connect("odd"))
        made.faults.raised["read"] = made.faults.raised["write"] = error
        # A goodbye that cannot be read is one that was not said.
        await in_time(made.plain.disconnect("odd"))
        made.faults.raised.clear()

        await in_time(made.plain.connect("odd"))
        await until_answered(made.odd)


@pytest.mark.asyncio
@pytest.mark.parametrize("point", EXIT_POINTS)
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_what_is_raised_at_the_end_is_logged_and_the_end_goes_on(
    point: str, error: BaseException
) -> None:
    async with pair() as made:
        await in_time(made.odd.connect("plain"))
        made.faults.raised[point] = error

    assert made.odd.snapshot().state == made.plain.snapshot().state == "closed"
    assert "transport" in made.failures


@pytest.mark.asyncio
@pytest.mark.parametrize("point", ["connect", "unary"])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_a_unary_link_that_cannot_be_made_is_a_dial_that_has_failed(
    point: str, error: BaseException
) -> None:
    async with pair(has_links=False) as made:
        made.faults.raised[point] = error
        with pytest.raises(UnavailableError, match="plain cannot be dialed: "):
            await in_time(made.odd.connect("plain", timeout=1.0))

        made.faults.raised.clear()
        await in_time(made.odd.connect("plain"))
        await until_answered(made.odd)


@pytest.mark.asyncio
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_a_unary_link_that_raises_is_the_outcome_of_a_call(error: BaseException) -> None:
    async with pair(has_links=False) as made:
        await in_time(made.odd.connect("plain"))
        made.faults.raised["serve"] = error
        failed = await in_time(made.odd.dispatch("n", "S", "Quick"))
        assert (failed.status.code, failed.executed.value) == (502, "maybe")
        assert failed.status.message.startswith("outcome unknown: ")

        made.faults.raised.clear()
        await until_answered(made.odd)


ODD: Any = None
ODD_STATUSES: list[Any] = [
    ODD,
    Status(7),
    Status(200_000),
    Status("404"),  # type: ignore[arg-type]  # as are those below
    Status(404, ODD),
    Status(404, "\ud800"),
    Status(404, "gone", ODD),
    Status(429, "overloaded", {"retry_after_ms": 5}),  # type: ignore[dict-item]
]
ODD_REPLIES: list[Any] = [
    None,
    "text",
    *map(Reply, ODD_STATUSES),
    Reply(OK, ODD),
    Reply(OK, Payload("", ODD)),
    Reply(OK, handled_by=ODD),
    Reply(OK, handled_by=200 * "a"),
    Reply(OK, executed=ODD),
    Reply(OK, metadata=ODD),
    Reply(OK, metadata=(("n", ODD),)),
    Reply(OK, tried=ODD),
    Reply(OK, tried=(ODD,)),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("reply", ODD_REPLIES, ids=range(len(ODD_REPLIES)))
async def test_what_is_no_sound_reply_is_an_unknown_outcome_and_takes_no_room(reply: object) -> None:
    async with pair(has_links=False) as made:
        await in_time(made.odd.connect("plain"))
        made.faults.given["serve"] = reply

        found = await in_time(made.odd.dispatch("n", "S", "Quick"))
        taken = made.odd.snapshot().outgoing

    assert (found.status.code, found.executed.value, taken) == (502, "maybe", 0)


ODD_WELCOMES: list[Any] = [
    "text",
    Welcome(ODD, "1", ("n",), "plain"),
    Welcome(Status(200, ODD), "1", ("n",), "plain"),
    Welcome(OK, ODD, ("n",), "plain"),
    Welcome(OK, "1", ODD, "plain"),
    Welcome(OK, "1", (ODD,), "plain"),
    Welcome(OK, "1", ("n",), ODD),
]


@pytest.mark.asyncio
@pytest.mark.parametrize("welcome", ODD_WELCOMES, ids=range(len(ODD_WELCOMES)))
async def test_what_is_no_sound_answer_is_a_dial_that_has_failed(welcome: object) -> None:
    async with pair(has_links=False) as made:
        made.faults.given["connect"] = welcome

        with pytest.raises(UnavailableError, match="plain cannot be dialed: the transport gives "):
            await in_time(made.odd.connect("plain", timeout=1.0))


@pytest.mark.asyncio
async def test_a_unary_link_that_never_answers_ends_with_the_time_of_the_call() -> None:
    async with pair(has_links=False) as made:
        await in_time(made.odd.connect("plain"))
        made.faults.hangs = True

        found = await in_time(made.odd.dispatch("n", "S", "Quick", timeout=0.05))

    assert found.status.code == 504


@pytest.mark.asyncio
async def test_a_connect_over_a_unary_link_that_never_answers_ends_with_its_time() -> None:
    async with pair(has_links=False) as made:
        made.faults.hangs = True

        with pytest.raises(UnavailableError, match="nobody has answered"):
            await in_time(made.odd.connect("plain", timeout=0.05))


@pytest.mark.asyncio
@pytest.mark.parametrize("point", ["dial", "read", "write"])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_a_client_hears_503_where_its_transport_raises_and_then_gets_through(
    point: str, error: BaseException
) -> None:
    network, faults = LoopbackNetwork(), Faults()
    transport = OddNetwork(network, faults)
    async with (
        Collector("plain", transport=network, services=[service()]),
        MeshClient("plain", transport=transport) as client,
    ):
        faults.raised[point] = error
        refused = await in_time(client.dispatch("n", "S", "Quick", timeout=LIMIT))
        faults.raised.clear()
        answered = await in_time(client.dispatch("n", "S", "Quick", timeout=LIMIT))

    assert (refused.status.code, answered.status.code) == (503, 200)
