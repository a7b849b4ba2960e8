"""Names that are wanted: whoever they lead to is kept connected."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from tests.unit.domain.world import World

from collector_mesh.app.testing.fakes import FakeNames, run
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, UnavailableError
from collector_mesh.domain.model.events import DialFailed
from collector_mesh.domain.model.introduction import Welcome
from collector_mesh.domain.model.status import OK, Status
from collector_mesh.domain.peers.following import LOOK_SECONDS
from collector_mesh.domain.peers.keeping import Keeping
from collector_mesh.domain.peers.times import KeepingTimes
from collector_mesh.domain.policies.backoff import Backoff

NAME = "dns:orders:1"


@attrs.define
class Asked:
    """A connect, and what it has come to."""

    peer_id: str = ""
    error: MeshError | None = None


class Named:
    """A collector that follows names, of peers without links."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = FakeNames()
        self.keeping = Keeping(
            "self",
            world.topology,
            world.roster,
            world.admission,
            world.streams,
            world.introducer,
            transport=world.transport,
            tasks=world.tasks,
            clock=world.clock,
            dice=world.dice,
            backoff=Backoff(),
            times=KeepingTimes(),
            names=self.names,
        )

    def answer(self, **peers: str) -> None:
        """Have somebody be at an address from now on: `a="a:1"`."""
        for peer_id, address in peers.items():
            welcome = Welcome(OK, f"c-{peer_id}", ("orders", "users"), peer_id)
            self.world.transport.welcomes[address] = welcome
            for link in self.world.transport.links:
                if link.address == address:
                    link.welcome = welcome

    def say(self, *addresses: str, name: str = NAME) -> None:
        """Have a name lead somewhere."""
        self.names.found[name] = addresses

    def wait(self, seconds: float = LOOK_SECONDS) -> None:
        """Let time pass."""
        until = self.world.clock.time + seconds
        while self.world.clock.time < until:
            self.world.clock.time = min(until, self.world.clock.time + 0.5)
            for _ in range(3):
                self.world.tasks.step()

    def connect(
        self, address: str = NAME, *, seconds: float = 2.0, timeout: float = 5.0, **options: Any
    ) -> Asked:
        """Connect, and let that take its time."""
        asked = Asked()

        async def work() -> None:
            try:
                connection = await self.keeping.connect(address, timeout=timeout, **options)
            except MeshError as error:
                asked.error = error
            else:
                asked.peer_id = connection.peer_id

        self.world.tasks.start(work(), "connect")
        self.wait(seconds)
        return asked

    @property
    def peers(self) -> list[str]:
        return sorted(connection.peer_id for connection in self.world.topology if connection.is_up)

    @property
    def offers(self) -> dict[str, tuple[str, ...]]:
        """What was offered last at each address."""
        return {
            link.address: link.offers[-1].namespaces for link in self.world.transport.links if link.offers
        }


@pytest.fixture
def named(world: World) -> Iterator[Named]:
    named = Named(world)
    yield named
    run(named.keeping.close())
    for _ in range(3):
        world.tasks.step()
    assert world.tasks.background == []


def test_all_to_whom_a_wanted_name_leads_are_connected_and_who_is_new_as_well(named: Named) -> None:
    named.answer(a="a:1", b="b:1", c="c:1")
    named.say("a:1", "b:1")

    named.keeping.want(NAME)
    named.wait()
    before = named.peers
    named.say("a:1", "b:1", "c:1")
    named.wait()

    assert (before, named.peers) == (["a", "b"], ["a", "b", "c"])


def test_until_a_name_leads_somewhere_it_is_one_that_is_dialed_and_absent(named: Named) -> None:
    named.keeping.want(NAME)
    named.wait(1.0)
    before = named.keeping.dialing, named.keeping.absent

    named.answer(a="a:1")
    named.say("a:1")
    named.wait()

    assert before == ((NAME,), (NAME,))
    assert (named.keeping.dialing, named.keeping.absent) == ((), ())


def test_a_name_that_is_malformed_is_refused_and_not_followed(
    monkeypatch: pytest.MonkeyPatch, named: Named
) -> None:
    def check(_names: FakeNames, address: str) -> None:
        raise InvalidCallError(f"{address} has no port")

    monkeypatch.setattr(FakeNames, "check", check)

    with pytest.raises(InvalidCallError, match="dns:orders has no port"):
        named.keeping.want("dns:orders")

    named.wait()
    assert named.names.asked == []


def test_connecting_to_a_name_gives_the_first_that_answers_and_keeps_all(named: Named) -> None:
    named.answer(a="a:1", b="b:1")
    named.say("nobody:1", "b:1")

    asked = named.connect()
    named.say("a:1", "b:1")
    named.wait()

    assert asked.peer_id == "b"
    assert named.peers == ["a", "b"]


def test_connecting_to_a_name_whose_peer_is_there_already_gives_that_one(named: Named) -> None:
    named.answer(a="a:1")
    named.say("a:1")
    named.connect("a:1")

    assert named.connect().peer_id == "a"


def test_connecting_to_a_name_that_leads_to_another_address_of_a_peer_gives_that_peer(named: Named) -> None:
    for address in ("a:1", "a:2"):
        named.answer(a=address)
    named.say("a:1", "a:2")
    named.connect()
    named.wait()
    (kept,) = {connection.address for connection in named.world.topology}
    (other,) = {"a:1", "a:2"} - {kept}
    named.say(other, name="dns:shop:1")

    assert named.connect("dns:shop:1").peer_id == "a"


def test_a_name_that_is_disconnected_while_a_connect_waits_for_it_is_one_where_nobody_has_answered(
    named: Named,
) -> None:
    asked = named.connect(seconds=2.0)

    run(named.keeping.disconnect(NAME))
    named.wait(5.0)

    assert isinstance(asked.error, UnavailableError)
    assert str(asked.error) == f"nobody has answered at {NAME} within 5 s"


def test_a_name_that_leads_nowhere_fails_with_the_reason_and_is_followed_no_longer(named: Named) -> None:
    asked = named.connect(seconds=7.0)

    assert isinstance(asked.error, UnavailableError)
    assert str(asked.error) == f"nobody has answered at {NAME} within 5 s: {NAME} leads nowhere"
    asked_for = len(named.names.asked)
    named.wait()
    assert len(named.names.asked) == asked_for
    assert (named.keeping.dialing, named.world.tasks.background) == ((), [])


def test_where_nobody_answers_at_any_address_of_a_name_they_are_named_with_why(named: Named) -> None:
    named.say("a:1", "b:1")

    asked = named.connect(seconds=7.0)

    assert isinstance(asked.error, UnavailableError)
    assert f"nobody has answered at {NAME} within 5 s: 'a:1' (nobody has answered at a:1" in str(asked.error)
    assert "'b:1' (" in str(asked.error)
    assert named.keeping.dialing == ()


def test_a_connect_in_vain_lets_nobody_go_who_was_wanted_before(named: Named) -> None:
    named.keeping.want(NAME)
    named.wait(1.0)

    asked = named.connect(seconds=7.0)
    named.answer(a="a:1")
    named.say("a:1")
    named.wait()

    assert asked.error is not None
    assert named.peers == ["a"]


def test_a_connect_in_vain_leaves_a_name_to_another_one_that_still_waits(named: Named) -> None:
    impatient, patient = named.connect(seconds=0.0, timeout=1.0), named.connect(seconds=2.0, timeout=8.0)
    assert impatient.error is not None

    named.answer(a="a:1")
    named.say("a:1")
    named.wait(4.0)

    assert (patient.error, patient.peer_id) == (None, "a")


def test_a_connect_in_vain_leaves_a_name_that_has_come_to_be_wanted_meanwhile(named: Named) -> None:
    asked = named.connect(seconds=1.0)
    named.keeping.want(NAME)
    named.wait(6.0)

    named.answer(a="a:1")
    named.say("a:1")
    named.wait()

    assert asked.error is not None
    assert named.peers == ["a"]


def test_those_of_a_name_are_offered_what_was_named_and_no_more(named: Named) -> None:
    named.answer(a="a:1", b="b:1", c="c:1")
    named.say("a:1")
    named.connect(offered=frozenset({"orders"}))
    named.say("a:1", "b:1")
    named.wait()
    named.connect("c:1")

    assert named.offers == {"a:1": ("orders",), "b:1": ("orders",), "c:1": ("users", "orders")}


def test_who_is_wanted_by_its_address_as_well_is_offered_what_it_was(named: Named) -> None:
    named.answer(a="a:1")
    named.say("a:1")
    named.connect("a:1", offered=frozenset({"users"}))

    named.connect(offered=frozenset({"orders"}))

    assert named.offers == {"a:1": ("users",)}


def test_a_disconnected_name_is_followed_no_longer_and_its_peers_are_let_go(named: Named) -> None:
    named.answer(a="a:1", b="b:1")
    named.say("a:1", "b:1")
    named.connect("a:1")
    named.connect()
    named.wait()
    assert named.peers == ["a", "b"]

    run(named.keeping.disconnect(NAME))
    named.wait()

    # The other one was wanted by its address too.
    assert named.peers == ["a"]
    asked_for = len(named.names.asked)
    named.wait()
    assert len(named.names.asked) == asked_for


def test_an_address_of_two_names_stays_until_both_are_disconnected(named: Named) -> None:
    named.answer(a="a:1")
    for name in (NAME, "dns:shop:1"):
        named.say("a:1", name=name)
        named.connect(name)

    run(named.keeping.disconnect(NAME))
    after_one = named.peers
    run(named.keeping.disconnect("dns:shop:1"))

    assert (after_one, named.peers) == (["a"], [])


def test_a_disconnected_peer_of_a_name_is_not_dialed_again_while_it_belongs_to_it(named: Named) -> None:
    named.answer(a="a:1", b="b:1")
    named.say("a:1", "b:1")
    named.connect()
    named.wait()

    run(named.keeping.disconnect("a"))
    named.wait()

    assert named.peers == ["b"]


def test_who_has_left_its_name_stays_while_it_is_there_and_is_let_go_with_its_end(named: Named) -> None:
    named.answer(a="a:1", b="b:1")
    named.say("a:1", "b:1")
    named.connect()
    named.wait()

    named.say("b:1")
    named.wait()
    assert named.peers == ["a", "b"]
    connection = named.world.topology.get("a")
    assert connection is not None
    named.world.roster.lose(connection, "gone")
    named.wait()

    assert named.peers == ["b"]
    assert named.world.topology.get("a") is None
    assert named.keeping.absent == ()


def test_an_address_where_nobody_was_is_dialed_no_longer_once_its_name_has_left_it(named: Named) -> None:
    named.say("a:1", "b:1")
    named.keeping.want(NAME)
    named.wait()
    before = named.keeping.dialing

    named.say("b:1")
    named.wait()

    assert (before, named.keeping.dialing) == (("a:1", "b:1"), ("b:1",))


def test_two_addresses_of_one_peer_are_one_peer_and_the_other_is_dialed_when_it_has_gone(
    named: Named,
) -> None:
    named.answer(a="a:1")
    named.answer(a="a:2")
    named.say("a:1", "a:2")

    asked = named.connect()
    named.wait()

    assert (asked.peer_id, named.peers) == ("a", ["a"])
    assert named.keeping.dialing == ()


def test_this_collector_among_those_of_a_name_is_left_alone_and_no_failure(named: Named) -> None:
    named.answer(b="b:1")
    named.world.transport.welcomes["me:1"] = Welcome(
        Status(400, "cannot connect to itself"), collector_id="self"
    )
    named.say("me:1", "b:1")

    named.keeping.want(NAME)
    named.wait(1.0)
    dials = len(named.world.transport.links)
    named.wait(30.0)

    assert named.peers == ["b"]
    assert named.keeping.dialing == ()
    assert len(named.world.transport.links) == dials
    assert named.world.observer.of(DialFailed) == []


def test_a_call_that_waits_for_a_name_has_it_looked_up_at_once(named: Named) -> None:
    named.keeping.want(NAME)
    named.wait(20.0)
    named.answer(a="a:1")
    named.say("a:1")
    before = len(named.names.asked)

    named.keeping.dial_absent(list(named.keeping.unknown))
    for _ in range(5):
        named.world.tasks.step()
    named.wait(0.5)

    assert len(named.names.asked) > before
