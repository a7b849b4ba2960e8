"""One link, seen from both of its ends: how they greet."""

import pytest
from tests.unit.domain.link.wires import PROVED, Wire, answer, opened

from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.model.call import Origin
from collector_mesh.domain.model.errors import Executed, InvalidCallError
from collector_mesh.domain.model.frames import (
    Catalog,
    Control,
    Frame,
    Greeting,
    Hello,
    Introduction,
    Role,
)
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.status import Status


def test_both_ends_learn_who_is_there() -> None:
    wire = opened(identity=PROVED)

    assert (wire.left.engine.peer_id, wire.right.engine.peer_id) == ("right", "left")
    assert wire.left.engine.phase is wire.right.engine.phase is Phase.OPEN
    assert wire.left.engine.connection_id == wire.right.engine.connection_id == "connection-1"
    assert wire.right.engine.identity == PROVED


def test_a_link_is_confirmed_once_the_welcome_has_come() -> None:
    wire = Wire()
    wire.left.write()
    wire.right.read()
    before = wire.right.engine.is_confirmed

    wire.settle()

    assert (before, wire.right.engine.is_confirmed, wire.left.engine.is_confirmed) == (False, True, True)
    assert wire.right.told.count("confirmed") == 1


def test_who_is_refused_hears_why() -> None:
    wire = Wire()
    wire.right.on_hello = lambda engine, _hello: engine.refuse(Status(409, "the id is held"))

    wire.settle()

    assert wire.left.engine.refusal == Status(409, "the id is held")
    assert (wire.left.engine.reason, wire.left.engine.phase) == ("the id is held", Phase.ENDED)
    assert wire.right.engine.phase is Phase.ENDED


def test_a_welcome_may_come_later() -> None:
    wire = Wire()
    wire.right.on_hello = lambda _engine, _hello: None
    wire.settle()
    before = wire.left.engine.phase

    wire.right.engine.welcome("connection-2", ())
    wire.settle()

    assert (before, wire.left.engine.phase) == (Phase.GREETING, Phase.OPEN)


def test_what_is_written_with_the_welcome_is_not_lost() -> None:
    wire = Wire()
    wire.left.write()
    wire.right.read()
    outcome = wire.right.send()
    wire.right.engine.tell_draining()
    wire.left.handler = answer

    wire.settle()

    assert outcome.code == 200
    assert wire.left.engine.peer_is_draining
    assert wire.left.engine.phase is wire.right.engine.phase is Phase.OPEN


def test_nothing_after_a_welcome_is_read_if_the_host_does_not_want_the_link() -> None:
    wire = Wire()
    wire.left.on_opened = lambda engine: engine.fail("not you", 409)
    wire.left.write()
    wire.right.read()
    outcome = wire.right.send()

    wire.settle()

    assert wire.left.taken == []
    assert (outcome.code, outcome.reply.executed) == (503, Executed.NO)


def test_a_change_of_the_catalog_during_the_greeting_is_told_after_it() -> None:
    wire = Wire()
    wire.left.write()
    wire.left.names = Catalog(("users", "orders"))
    wire.left.engine.tell_catalog()

    wire.settle()

    peer = wire.right.engine.peer
    assert peer is not None
    assert peer.catalog.namespaces == ("users", "orders")


def test_the_end_that_was_dialed_gives_up_after_five_seconds_without_a_hello() -> None:
    wire = Wire()
    wire.wait(4.9, moves=False)
    one = wire.right
    before = one.engine.phase

    wire.wait(0.2, moves=False)
    one.write()

    assert (before, one.engine.phase) == (Phase.GREETING, Phase.ENDED)
    assert one.engine.reason == "nothing was said for 5 s"


def test_the_end_that_has_dialed_waits_for_as_long_as_its_host_wants() -> None:
    wire = Wire()

    wire.wait(60.0, moves=False)

    assert wire.left.engine.phase is Phase.GREETING


def test_one_that_gives_up_while_it_is_considered_is_no_offender() -> None:
    wire = Wire()
    wire.right.on_hello = lambda _engine, _hello: None
    wire.settle()

    wire.left.engine.fail("nothing was said for 5 s", 504)
    wire.settle()

    assert wire.right.engine.reason == "nothing was said for 5 s"
    assert not wire.right.engine.has_failed


def test_a_later_version_is_welcome() -> None:
    wire = Wire()
    hello = Hello(Introduction(collector_id="left"), dial=1, version=7)

    wire.right.receive(Frame(control=Control(hello=hello)))

    assert wire.right.engine.phase is Phase.OPEN


@pytest.mark.parametrize("end", ["left", "right"])
def test_of_what_somebody_says_of_itself_no_more_is_kept_than_may_be(end: str) -> None:
    wire = Wire()
    wire.right.on_hello = lambda _engine, _hello: None
    who = Introduction(
        collector_id="x\x1b[31m" * 500_000,
        address="x" * 5_000,
        incarnation="x" * 5_000,
        labels={"k": "x" * 20_000},
    )
    control = (
        Control(hello=Hello(who, dial=1))
        if end == "right"
        else Control(greeting=Greeting(Status(200, "OK"), who))
    )

    getattr(wire, end).receive(Frame(control=control))

    peer = getattr(wire, end).engine.peer
    assert [len(text) for text in (peer.collector_id, peer.address, peer.incarnation)] == [129, 513, 129]
    assert not peer.labels
    with pytest.raises(InvalidCallError, match="collector_id must match"):
        check_name("collector_id", peer.collector_id)


def test_of_the_id_of_a_connection_no_more_is_kept_than_may_be() -> None:
    wire = Wire()
    greeting = Greeting(Status(200, "OK"), Introduction(collector_id="right"), "x" * 300_000)

    wire.left.receive(Frame(control=Control(greeting=greeting)))

    assert wire.left.engine.connection_id == "x" * 128


def test_what_is_as_long_as_it_may_be_is_kept_as_it_is() -> None:
    wire = Wire()
    who = Introduction(
        collector_id="x" * 128, address="x" * 512, incarnation="x" * 128, labels={"k": "x" * 16_383}
    )

    wire.right.receive(Frame(control=Control(hello=Hello(who, dial=1))))

    assert wire.right.engine.peer == who


def test_a_role_that_is_not_known_is_for_the_host_to_judge() -> None:
    wire = Wire()
    heard: list[int] = []
    wire.right.on_hello = lambda engine, hello: heard.append(hello.role)

    wire.right.receive(Frame(control=Control(hello=Hello(Introduction(collector_id="left"), 7, 1))))

    assert heard == [7]


def test_a_client_is_no_peer() -> None:
    wire = opened(role=Role.CLIENT)

    wire.left.send()
    wire.settle()

    assert (wire.right.last.call.origin, wire.right.last.call.caller) == (Origin.CLIENT, "")
