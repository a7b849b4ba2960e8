"""Hooks of a user's that raise: every call has its outcome in time, and nobody else suffers."""

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from tests.limits import LIMIT_SECONDS

from collector_mesh import (
    CallContext,
    Collector,
    LoopbackNetwork,
    MeshClient,
    MeshError,
    NotFoundError,
    Service,
    Settings,
    UnavailableError,
)
from collector_mesh.app.testing.fakes import FakeObserver
from collector_mesh.domain.model.events import BalancerFailed, HookFailed, ValidatorRefused
from collector_mesh.ports import Event

LIMIT = 20.0
"""Seconds within which what is waited for comes, also where the machine has much to do."""

RAISED = [
    KeyError("rules"),
    OSError("no space left on device"),
    MeshError("odd", code=503),
    RecursionError(),
    SystemExit(3),
    GeneratorExit(),
    asyncio.CancelledError(),
    StopIteration(),
    StopAsyncIteration(),
]
WAYS = ["loopback", "grpc"]


class Raising:
    """Any hook: an authorizer, an observer, a balancer, a validator. It raises, whatever it is asked."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.asked = 0

    def _raise(self, *_arguments: object) -> Any:
        self.asked += 1
        raise self.error

    may_use = tell = choose = _raise


class OnlyFor:
    """An authorizer that raises for one namespace."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def may_use(self, identity: object, namespace: str, /) -> bool:
        if namespace == "unknown":
            raise self.error
        return True


class Says:
    """An authorizer that gives the same to everybody."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def may_use(self, identity: object, namespace: str, /) -> Any:
        return self.answer


def service(namespace: str = "n") -> Service:
    made = Service(namespace, "S")

    @made.method("Quick")
    async def quick() -> None:
        return None

    @made.method("Fail")
    async def fail() -> None:
        raise ValueError("no")

    @made.method("Wait", idempotent=False)
    async def wait() -> None:
        await asyncio.sleep(0.3)

    return made


class Mesh:
    """Collectors over loopback or gRPC."""

    def __init__(self, way: str, opened: AsyncExitStack) -> None:
        self._network = LoopbackNetwork(through_codec=True) if way == "loopback" else None
        self._opened = opened

    def collector(self, collector_id: str, **options: Any) -> Collector:
        where = {"listen": "127.0.0.1:0"} if self._network is None else {"transport": self._network}
        return Collector(collector_id, **(where | options))

    async def start(self, collector_id: str, **options: Any) -> Collector:
        return await self._opened.enter_async_context(self.collector(collector_id, **options))

    async def client(self, collector: Collector) -> MeshClient:
        client = MeshClient(collector.address, transport=self._network)
        return await self._opened.enter_async_context(client)


@asynccontextmanager
async def mesh_over(way: str) -> AsyncIterator[Mesh]:
    async with AsyncExitStack() as opened:
        yield Mesh(way, opened)


async def in_time(work: Any) -> Any:
    async with asyncio.timeout(LIMIT):
        return await work


def failures(observer: FakeObserver) -> list[tuple[str, BaseException, int]]:
    return [
        (event.hook, event.error, event.times) for event in observer.events if isinstance(event, HookFailed)
    ]


def is_connected(collector: Collector, peer_id: str) -> bool:
    return any(c.peer_id == peer_id and c.state == "live" for c in collector.snapshot().connections)


async def until_connected(collector: Collector, peer_id: str) -> None:
    async with asyncio.timeout(LIMIT):
        while not is_connected(collector, peer_id):
            await asyncio.sleep(0.01)


# ---- authorizers ---------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_an_authorizer_that_raises_refuses_that_call_and_no_other(
    way: str, error: BaseException
) -> None:
    observer = FakeObserver()
    async with mesh_over(way) as mesh:
        a = await mesh.start(
            "a", services=[service(), service("unknown")], authorizer=OnlyFor(error), observer=observer
        )
        b = await mesh.start("b", namespaces=["n", "unknown"])
        await b.connect(a.address)
        client = await mesh.client(a)
        others = [asyncio.create_task(caller.dispatch("n", "S", "Wait")) for caller in (b, client)]
        await asyncio.sleep(0)

        refused = [await in_time(caller.dispatch("unknown", "S", "Quick")) for caller in (b, client)]

        assert [(await in_time(other)).status.code for other in others] == [200, 200]
        assert a.snapshot().running == 0
        assert not a.snapshot().ended
    assert [(reply.status.code, reply.status.message, reply.executed.value) for reply in refused] == [
        (403, "an unknown caller may not use namespace 'unknown'", "no")
    ] * 2
    assert failures(observer) == [
        ("authorizer.may_use", error, 1),
        ("authorizer.may_use", error, 2),
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [None, 1, "yes", [True], object()])
async def test_an_authorizer_that_says_anything_but_yes_refuses(answer: object) -> None:
    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()], authorizer=Says(answer))
        client = await mesh.client(a)

        assert (await in_time(client.dispatch("n", "S", "Quick"))).status.code == 403


@pytest.mark.asyncio
async def test_an_authorizer_that_gives_something_to_await_refuses_and_leaves_nothing_unawaited() -> None:
    async def later() -> bool:
        return True

    class Lazy:
        def may_use(self, identity: object, namespace: str, /) -> Any:
            return later()

    observer = FakeObserver()
    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()], authorizer=Lazy(), observer=observer)
        client = await mesh.client(a)

        assert (await in_time(client.dispatch("n", "S", "Quick"))).status.code == 403

    ((_, error, _),) = failures(observer)
    assert str(error) == "may_use of an authorizer must give True or False, got coroutine"


@pytest.mark.asyncio
async def test_a_method_that_is_put_in_the_place_of_another_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def tell(self, event: Event) -> None: ...

    authorizer, validator, observer = Says(answer=True), AsyncValidator(None), Silent()
    async with mesh_over("loopback") as mesh:
        a = await mesh.start(
            "a", services=[service()], authorizer=authorizer, validator=validator, observer=observer
        )
        client = await mesh.client(a)
        codes = [(await in_time(client.dispatch("n", "S", "Quick"))).status.code]

        monkeypatch.setattr(validator, "validate_service_method", Raising(LookupError("no")).may_use)
        codes.append((await in_time(client.dispatch("n", "S", "Quick"))).status.code)
        monkeypatch.setattr(authorizer, "may_use", lambda *_: False)
        codes.append((await in_time(client.dispatch("n", "S", "Quick"))).status.code)
        told: list[Event] = []
        monkeypatch.setattr(observer, "tell", told.append)

    assert codes == [200, 404, 403]
    assert told


@pytest.mark.asyncio
async def test_failures_of_a_hook_are_told_more_and_more_seldom() -> None:
    observer = FakeObserver()
    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()], authorizer=Raising(KeyError("n")), observer=observer)
        client = await mesh.client(a)
        for _ in range(100):
            await client.dispatch("n", "S", "Quick")

    assert [times for _, _, times in failures(observer)] == [
        1,
        2,
        4,
        8,
        16,
        32,
        64,
    ]


# ---- observers -----------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_an_observer_that_raises_on_every_event_changes_nothing(
    way: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    observers = [Raising(error), Raising(error)]
    settings = Settings(report_interval=0.1, max_running=1, breaker_quiet=0.0, breaker_failures=2)
    async with mesh_over(way) as mesh:
        a = await mesh.start("a", services=[service()], observer=observers[0], settings=settings)
        b = await mesh.start("b", namespaces=["n"], observer=observers[1], settings=settings)
        await in_time(b.connect(a.address))
        held = asyncio.create_task(b.dispatch("n", "S", "Wait"))
        await asyncio.sleep(0)
        # Each of these makes some part of one of them tell something, also that a breaker has opened.
        replies = [await in_time(b.dispatch("n", "S", "Quick", timeout=0.2)) for _ in range(8)]
        assert (await in_time(held)).status.code in (200, 429)
        failed = [await in_time(b.dispatch("n", "S", "Fail")) for _ in range(2)]

        # On a busy machine their time may be up.
        assert {reply.status.code for reply in replies} <= {200, 429, 503, 504}
        assert {reply.status.code for reply in failed} <= {500, 503}
        assert is_connected(b, "a")
        assert a.snapshot().running == b.snapshot().outgoing == 0
    assert all(observer.asked for observer in observers)
    assert {
        vars(record)["facts"]["hook"]
        for record in caplog.records
        if vars(record).get("event") == "hook_failed"
    } == {"observer"}


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
async def test_a_lost_peer_is_found_again_while_the_observer_raises_on_every_event(way: str) -> None:
    async with mesh_over(way) as mesh:
        b = await mesh.start(
            "b",
            namespaces=["n"],
            observer=Raising(OSError("full")),
            settings=Settings(reconnect_cap=0.1, wait_for_peer=0.0),
        )
        first = mesh.collector("a", services=[service()], observer=Raising(OSError("full")))
        async with first:
            address = first.address
            await in_time(b.connect(address))
            assert (await in_time(b.dispatch("n", "S", "Quick"))).status.code == 200
        assert (await in_time(b.dispatch("n", "S", "Quick"))).status.code in (404, 503)

        async with mesh.collector("a", services=[service()], listen=address):
            await until_connected(b, "a")
            assert (await in_time(b.dispatch("n", "S", "Quick"))).status.code == 200


@pytest.mark.asyncio
async def test_an_observer_that_gives_something_to_await_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def later() -> None:
        return None

    class Lazy:
        def tell(self, event: Event) -> Any:
            return later()

    async with Collector("a", transport=LoopbackNetwork(), observer=Lazy()):
        pass

    assert "hook_failed" in [vars(record).get("event") for record in caplog.records]


@pytest.mark.asyncio
async def test_logging_that_raises_changes_nothing() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no space left on device")

    logger, broken = logging.getLogger("collector_mesh"), Broken(level=logging.DEBUG)
    logger.addHandler(broken)
    try:
        async with mesh_over("loopback") as mesh:
            a = await mesh.start("a", services=[service()])
            b = await mesh.start("b", namespaces=["n"])
            await in_time(b.connect(a.address))
            assert (await in_time(b.dispatch("n", "S", "Fail"))).status.code == 500
            assert (await in_time(b.dispatch("n", "S", "Quick"))).status.code == 200
    finally:
        logger.removeHandler(broken)


@pytest.mark.asyncio
async def test_an_observer_that_is_put_in_by_an_override_is_guarded_too() -> None:
    from dependency_injector import providers

    collector = Collector("a", transport=LoopbackNetwork(), services=[service()])
    observer = Raising(OSError("full"))
    collector.container.observer.override(providers.Object(observer))

    async with collector:
        assert (await in_time(collector.dispatch("n", "S", "Fail"))).status.code == 500

    assert observer.asked


# ---- balancers -----------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_where_a_strategy_raises_another_one_chooses(error: BaseException) -> None:
    observer = FakeObserver()
    async with mesh_over("loopback") as mesh:
        peers = [await mesh.start(f"a-{number}", services=[service()]) for number in range(3)]
        b = await mesh.start(
            "b",
            namespaces=["n"],
            balancers={"mine": Raising(error)},
            settings=Settings(balancing="mine"),
            observer=observer,
        )
        for peer in peers:
            await b.connect(peer.address)

        replies = [await in_time(b.dispatch("n", "S", "Quick")) for _ in range(10)]

    assert {reply.status.code for reply in replies} == {200}
    # The first time, the second, the fourth and the eighth.
    assert len(observer.of(BalancerFailed)) == 4


# ---- validators ----------------------------------------------------------------------------------------


class PlainValidator:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def validate_service_method(self, namespace: str, service_name: str, method_name: str) -> None:
        if self.error is not None:
            raise self.error


class AsyncValidator:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str) -> None:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


class LazyValidator(AsyncValidator):
    def validate_service_method(self, namespace: str, service_name: str, method_name: str) -> Any:
        return super().validate_service_method(namespace, service_name, method_name)


VALIDATORS: list[Any] = [PlainValidator, AsyncValidator, LazyValidator]


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", VALIDATORS)
async def test_a_validator_that_returns_allows(kind: Any) -> None:
    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()], validator=kind(None))

        assert (await in_time(a.dispatch("n", "S", "Quick"))).status.code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", VALIDATORS)
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NotFoundError("not on the list"), "not on the list"),
        (MeshError("too many", code=429), "too many"),
        (MeshError("odd", code=500), "odd"),
        (LookupError("not on the list"), "not on the list"),
        (PermissionError("not for you"), "not for you"),
        (KeyError("rules"), "KeyError: 'rules'"),
        (ValueError(), "ValueError"),
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"),
        (GeneratorExit(), "GeneratorExit"),
    ],
    ids=str,
)
async def test_a_validator_that_raises_refuses_with_its_text_and_its_collector(
    kind: Any, error: BaseException, text: str
) -> None:
    observer = FakeObserver()
    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()], validator=kind(error), observer=observer)
        b = await mesh.start("b", namespaces=["n"])
        await b.connect(a.address)

        reply = await in_time(b.dispatch("n", "S", "Quick"))

        assert a.snapshot().running == 0
    message = f"service not registered in registry: {text} (collector 'a')"
    assert (reply.status.code, reply.status.message, reply.executed.value) == (404, message, "no")
    (event,) = observer.of(ValidatorRefused)
    assert isinstance(event, ValidatorRefused)
    assert (str(event.key), event.reason, event.times) == ("n/S.Quick", message, 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", VALIDATORS)
@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("away"),
        MeshError("away", code=503),
        MeshError("away", code=504),
        TimeoutError("away"),
        OSError("away"),
        ConnectionRefusedError("away"),
        PermissionError(13, "away"),
    ],
    ids=repr,
)
async def test_a_validator_that_cannot_decide_is_no_refusal_and_others_are_asked(
    kind: Any, error: BaseException
) -> None:
    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()], validator=kind(error))
        b = await mesh.start("b", namespaces=["n"])
        await b.connect(a.address)

        alone = await in_time(b.dispatch("n", "S", "Quick"))
        other = await mesh.start("c", services=[service()])
        await b.connect(other.address)
        replies = [await in_time(b.dispatch("n", "S", "Quick")) for _ in range(10)]

    assert (alone.status.code, alone.executed.value) == (503, "no")
    assert alone.status.message.startswith("cannot validate: ")
    assert alone.status.message.endswith("away (collector 'a')")
    assert {(reply.status.code, reply.handled_by) for reply in replies} == {(200, "c")}


@pytest.mark.asyncio
async def test_a_validator_without_an_answer_in_time_cannot_decide() -> None:
    class Slow:
        async def validate_service_method(self, namespace: str, service_name: str, method_name: str) -> None:
            await asyncio.Event().wait()

    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()], validator=Slow())

        reply = await in_time(a.dispatch("n", "S", "Quick", timeout=0.05))

    assert (reply.status.code, reply.executed.value) == (503, "no")
    assert reply.status.message == "cannot validate: it ran out of time (collector 'a')"


@pytest.mark.asyncio
@pytest.mark.parametrize("is_plain", [False, True])
async def test_a_validator_may_see_the_call(is_plain: bool) -> None:  # a parameter
    seen: list[CallContext] = []

    class Plain:
        def validate_service_method(
            self, namespace: str, service_name: str, method_name: str, context: CallContext
        ) -> None:
            seen.append(context)

    class Async:
        async def validate_service_method(
            self, namespace: str, service_name: str, method_name: str, call: CallContext
        ) -> None:
            seen.append(call)

    validator: Any = Plain() if is_plain else Async()
    async with mesh_over("loopback") as mesh:
        a = await mesh.start("a", services=[service()])
        a.set_validator(validator)
        b = await mesh.start("b", namespaces=["n"])
        await b.connect(a.address)

        reply = await in_time(b.dispatch("n", "S", "Quick", metadata={"who": "me"}, timeout=LIMIT))

    assert reply.status.code == 200
    (context,) = seen
    assert (context.method, context.metadata, context.caller) == ("Quick", (("who", "me"),), "b")
    assert 0 < context.deadline < float("inf")


# ---- the user at the terminal --------------------------------------------------------------------------

INTERRUPTED = """
import asyncio, signal
from collector_mesh import Collector, LoopbackNetwork, MeshClient, Service, Settings

def interrupt(*_arguments):
    # As a second Ctrl-C does: the first one is the loop's.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)

async def interrupt_later(namespace, service, method):
    interrupt()

class Hook:
    pass

def hook(name, function):
    made = Hook()
    setattr(made, name, function)
    return made

async def main():
    network = LoopbackNetwork()
    service = Service("n", "S")
    service.add("Quick", lambda: None)
    async with (
        # A call that kept its slot would have the program end after an hour.
        Collector("a", transport=network, services=[service], settings=Settings(drain_timeout=3600), **{OPTIONS}),
        MeshClient("a", transport=network) as client,
    ):
        print((await client.dispatch("n", "S", "Quick")).status)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "options",
    [
        '{"observer": hook("tell", interrupt)}',
        '{"authorizer": hook("may_use", interrupt)}',
        '{"validator": hook("validate_service_method", interrupt_later)}',
    ],
    ids=["observer", "authorizer", "validator"],
)
def test_an_interrupt_of_the_user_ends_the_program_wherever_it_arrives(options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.replace("{OPTIONS}", options)],
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert done.returncode == -signal.SIGINT, done.stderr
    assert "KeyboardInterrupt" in done.stderr
    assert done.stdout == ""
