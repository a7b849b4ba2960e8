"""What a collector serves is registered elsewhere, for as long as it runs, and nothing waits for that."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from collector_mesh.app.testing.fakes import FakeClock, FakeDice, FakeObserver, FakeTasks
from collector_mesh.domain.model.errors import (
    ConflictError,
    DeadlineExceededError,
    MeshError,
    UnavailableError,
)
from collector_mesh.domain.model.events import Registered, RegistrationRefused, RegistryAway, RegistryBack
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.ports.registering import Offer, ServiceName
from collector_mesh.domain.serving.registrar import Registrar

USERS, ORDERS, PLAIN = (ServiceName("shop", name) for name in ("Users", "Orders", "Plain"))


class Offered:
    """What is served: each service with the bytes of its files, None where it has none."""

    def __init__(self) -> None:
        self.changes = 0
        self.files: dict[ServiceName, bytes | None] = {}
        self.watch: Callable[[int], object] = bool
        """Called for each service that is looked at."""

    def serve(self, name: ServiceName, files: bytes | None = b"1") -> None:
        self.files[name] = files
        self.changes += 1

    def services(self) -> Sequence[ServiceName]:
        return sorted(self.files)

    def offer(self, name: ServiceName) -> Offer | None:
        self.watch(1)
        files = self.files[name]
        return None if files is None else Offer(name, "Get", files)


class Place:
    """A registry that keeps what it is given, unless a test has it fail."""

    def __init__(self) -> None:
        self.has_kept: dict[ServiceName, bytes] = {}
        self.requests: list[ServiceName] = []
        self.refuses: dict[ServiceName, MeshError] = {}
        self.away: MeshError | None = None
        self.is_lost = False

    async def register(self, offer: Offer) -> bool:
        self.requests.append(offer.name)
        if self.away is not None:
            raise self.away
        if offer.name in self.refuses:
            raise self.refuses[offer.name]
        before, self.has_kept[offer.name] = self.has_kept.get(offer.name), offer.files
        return before != offer.files

    async def has(self, offer: Offer) -> bool:
        if self.away is not None:
            raise self.away
        return offer.name in self.has_kept

    async def lost(self) -> None:
        while not self.is_lost:
            await _Turn()
        self.is_lost = False


class _Turn(Awaitable[None]):
    def __await__(self) -> Any:
        yield


class World:
    def __init__(self, *names: ServiceName) -> None:
        self.offered, self.place = Offered(), Place()
        self.clock, self.tasks, self.observer = FakeClock(), FakeTasks(), FakeObserver()
        for name in names:
            self.offered.serve(name)
        self.registrar = Registrar(
            "users-1",
            "registry:1",
            self.offered,
            self.place,
            tasks=self.tasks,
            clock=self.clock,
            dice=FakeDice(0.5),
            observer=self.observer,
            backoff=Backoff(),
        )
        self.registrar.start()
        self.later(0.0)

    def later(self, seconds: float) -> None:
        for _ in range(4):
            self.tasks.step()
        self.clock.time += seconds
        for _ in range(4):
            self.tasks.step()

    def change(self, name: ServiceName, files: bytes | None = b"1") -> None:
        self.offered.serve(name, files)
        self.registrar.ring()
        self.later(0.0)


def test_all_that_has_descriptors_is_registered_and_told_once() -> None:
    world = World(USERS, ORDERS)
    world.change(PLAIN, None)
    world.later(100.0)

    assert world.place.requests == [ORDERS, USERS]
    assert world.observer.of(Registered) == [
        Registered("users-1", "registry:1", 2, ("shop/Orders", "shop/Users"))
    ]


def test_others_have_their_turn_while_many_services_are_looked_at() -> None:
    names = [ServiceName("shop", f"S{at:03}") for at in range(200)]
    world = World(*names)
    world.later(0.0)
    world.later(0.0)
    looked_at: list[int] = []
    world.offered.watch = looked_at.append
    world.change(USERS)
    first = len(looked_at)
    world.later(0.0)
    world.later(0.0)

    assert world.place.requests == [*names, USERS]
    assert 0 < first < 150
    assert len(looked_at) == 201


def test_what_changes_is_registered_again_and_nothing_else() -> None:
    world = World(USERS, ORDERS)
    world.change(USERS, b"2")

    assert world.place.requests == [ORDERS, USERS, USERS]
    assert world.place.has_kept[USERS] == b"2"


def test_what_the_registry_has_already_is_not_told() -> None:
    world = World()
    world.place.has_kept[USERS] = b"1"
    world.change(USERS)

    assert world.place.requests == [USERS]
    assert world.observer.of(Registered) == []


def test_a_registry_that_has_lost_everything_gets_it_again() -> None:
    world = World(USERS, ORDERS)
    world.place.has_kept.clear()
    world.place.is_lost = True
    world.later(1.0)

    assert world.place.has_kept.keys() == {USERS, ORDERS}


def test_so_does_one_that_is_replaced_behind_a_connection_that_stays() -> None:
    world = World(USERS)
    world.place.has_kept.clear()
    world.later(21.0)

    assert world.place.has_kept.keys() == {USERS}


def test_while_the_registry_is_away_it_is_asked_again_and_again_and_told_of_once() -> None:
    world = World()
    world.place.away = UnavailableError("nobody answers")
    world.change(USERS)
    for _ in range(10):
        world.later(3.0)
    asked = len(world.place.requests)
    world.place.away = None
    world.later(3.0)

    assert asked >= 8
    assert world.place.has_kept.keys() == {USERS}
    assert [event.reason for event in world.observer.of(RegistryAway)] == ["nobody answers"]  # type: ignore[attr-defined]
    assert len(world.observer.of(RegistryBack)) == 1


def test_what_is_refused_is_told_once_for_each_reason_and_keeps_nothing_else_back() -> None:
    world = World()
    world.place.refuses[ORDERS] = ConflictError("field removed")
    world.change(ORDERS)
    world.change(USERS)
    for _ in range(40):
        world.later(10.0)

    refused = RegistrationRefused("users-1", "registry:1", "shop/Orders", "field removed")
    assert world.observer.of(RegistrationRefused) == [refused]
    assert world.place.has_kept.keys() == {USERS}
    assert 4 <= world.place.requests.count(ORDERS) <= 8

    world.place.refuses.clear()
    world.later(100.0)
    world.later(100.0)

    assert world.place.has_kept.keys() == {USERS, ORDERS}


def test_one_that_is_never_answered_for_keeps_nothing_else_back() -> None:
    world, late = World(), DeadlineExceededError("no answer")
    world.place.refuses = {ORDERS: late, PLAIN: late}
    for name in (USERS, ORDERS, PLAIN):
        world.offered.serve(name)
    world.registrar.ring()
    for _ in range(4):
        world.later(3.0)

    assert list(world.place.has_kept) == [USERS]
    assert world.place.requests[:5] == [ORDERS, PLAIN, USERS, ORDERS, PLAIN]

    world.place.refuses.clear()
    world.later(3.0)

    assert set(world.place.has_kept) == {USERS, ORDERS, PLAIN}


def test_what_is_refused_and_changed_is_tried_at_once() -> None:
    world = World()
    world.place.refuses[USERS] = ConflictError("field removed")
    world.change(USERS)
    world.place.refuses.clear()
    world.change(USERS, b"2")

    assert world.place.has_kept == {USERS: b"2"}


def test_a_registry_that_lets_nobody_in_is_away_and_not_a_refusal_of_each_service() -> None:
    world = World()
    world.place.away = MeshError("show a certificate", code=401)
    world.change(USERS)
    world.change(ORDERS)

    assert world.observer.of(RegistrationRefused) == []
    assert len(world.observer.of(RegistryAway)) == 1


def test_when_it_is_closed_nothing_is_left_running() -> None:
    from collector_mesh.app.testing.fakes import run

    world = World(USERS)
    run(world.registrar.close())

    assert world.tasks.background == []
