"""Calls with an idempotency key of a client: one that may have run is repeated where it may have, and nowhere else."""

from collections.abc import Coroutine
from typing import Any

import attrs
import pytest
from tests.unit.domain.link.plain_host import Host, introduction

from collector_mesh.app.testing.fake_links import FakeLink
from collector_mesh.app.testing.fakes import FakeClock, FakePromise, run
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.peer_link import PeerLink
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    OutcomeUnknownError,
    UnavailableError,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.peers.client_way import ClientWay
from collector_mesh.domain.peers.keyed_client import KeyedClientCalls
from collector_mesh.domain.policies.key_places import KeyPlaces
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.ports.key_store import KeysFullError
from collector_mesh.domain.ports.link import Link

PAY = MethodKey("payments", "PaymentService", "Pay")
DONE = Reply(OK, handled_by="a", executed=Executed.YES)
LEAVING = Reply(Status(503, "collector 'a' is leaving"))
UNKNOWN = Reply(Status(502, "outcome unknown: its handler was ended"), executed=Executed.MAYBE)
TAKEN = Reply(Status(409, "the idempotency key has come with another request before"))
NOBODY = UnavailableError("nobody answers")


def lost() -> Reply:
    return Reply.refused(OutcomeUnknownError("outcome unknown: the link was lost"))


class HandWay(ClientWay):
    """A way to a collector with a store, or without links where it has none."""

    def __init__(self, address: str, store: str) -> None:
        self.address = address
        self.unary_dropped = 0
        self.link: Link | None = FakeLink(address)
        if store:
            engine = LinkEngine(introduction("client"), Host(), now=0.0, dial=1)
            engine.peer = attrs.evolve(introduction(address), key_store=store)
            self.link = PeerLink(engine, address, FakePromise)

    @property
    def usable(self) -> Link | None:
        return self.link

    def drop_unary(self) -> None:
        self.unary_dropped += 1


class Client:
    """A client whose ways are found one after the other; each answer says whether the link is lost with it."""

    def __init__(self, *stores: str) -> None:
        self.clock = FakeClock()
        self.places = KeyPlaces(60.0, 2)
        self.policies = Policies()
        self.keyed = KeyedClientCalls(self._ready, self.places, self.policies, self.clock)
        self.ways = [HandWay(f"{number}:{store}", store) for number, store in enumerate(stores)]
        self.answers: list[Reply | BaseException] = []
        self.sent: list[str] = []
        self.keeps_link = False

    async def _ready(self, _call: Call) -> tuple[ClientWay, Link]:
        while self.ways and self.ways[0].link is None:
            del self.ways[0]
        if not self.ways:
            raise NOBODY
        way = self.ways[0]
        assert way.link is not None
        return way, way.link

    async def _send(self, link: Link, _call: Call) -> Reply:
        way = self.ways[0]
        assert way.link is link
        self.sent.append(way.address)
        answer = self.answers.pop(0) if self.answers else attrs.evolve(DONE)
        if answer is not DONE and not self.keeps_link:
            way.link = None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def begin(self, key: str = "k") -> Coroutine[Any, Any, Reply]:
        return self.keyed.run(Call(PAY, deadline=1010.0, idempotency_key=key), self._send)

    def ask(self, *answers: Reply | BaseException, key: str = "k") -> Reply:
        """Have a call with a key made, to which collectors answer in this order; after that, that they have run it."""
        self.answers = list(answers)
        return run(self.begin(key))


def test_what_was_lost_with_its_link_is_asked_for_over_the_next_one_to_the_same_store() -> None:
    client = Client("s", "s")

    assert client.ask(lost()) == DONE
    assert client.sent == ["0:s", "1:s"]


def test_what_was_lost_is_not_sent_to_another_store_and_stays_unknown() -> None:
    client = Client("s", "other")

    first, repeat = client.ask(lost()), client.ask()

    assert (first.status.code, first.executed) == (502, Executed.MAYBE)
    assert (repeat.status.code, repeat.executed) == (502, Executed.MAYBE)
    assert "by way of a collector that cannot be asked" in repeat.status.message
    assert client.sent == ["0:s"]


def test_where_nobody_can_be_called_after_that_it_is_unknown_and_not_merely_unavailable() -> None:
    client = Client("s")

    first, repeat = client.ask(lost()), client.ask()

    assert [first.status.code, repeat.status.code] == [502, 502]
    assert repeat.executed is Executed.MAYBE


def test_where_nobody_could_be_called_at_all_it_has_not_been_sent() -> None:
    with pytest.raises(UnavailableError, match="nobody answers"):
        Client().ask()


def test_after_its_time_a_key_may_go_to_any_store() -> None:
    client = Client("s", "other")
    client.ask(lost())

    client.clock.time += 60.0

    assert client.ask() == DONE
    assert client.sent == ["0:s", "1:other"]


def test_what_did_not_run_goes_on_at_any_collector() -> None:
    client = Client("s", "other")

    assert client.ask(LEAVING) == DONE
    assert client.sent == ["0:s", "1:other"]


def test_it_is_tried_no_more_often_than_other_calls() -> None:
    client = Client(*["s"] * 9)

    assert client.ask(*(lost() for _ in range(9))).status.code == 502
    assert len(client.sent) == client.policies.default.retry.max_attempts


def test_what_a_collector_itself_does_not_know_is_not_asked_for_again() -> None:
    client = Client("s", "s")

    assert client.ask(UNKNOWN).status.code == 502
    assert client.sent == ["0:s"]


@pytest.mark.parametrize("reply", [lost(), LEAVING])
def test_while_its_link_is_there_the_answer_stands(reply: Reply) -> None:
    client = Client("s", "s")
    client.keeps_link = True

    assert client.ask(reply) == reply
    assert client.sent == ["0:s"]


def test_a_key_that_is_another_requests_is_told_whatever_was_lost_before() -> None:
    reply = Client("s", "s").ask(lost(), TAKEN)

    assert (reply.status.code, reply.executed) == (409, Executed.NO)


def test_a_refusal_after_what_was_lost_does_not_hide_that_it_may_have_run() -> None:
    reply = Client("s", "s").ask(lost(), LEAVING)

    assert (reply.status.code, reply.executed) == (502, Executed.MAYBE)


def test_a_call_that_was_cancelled_on_its_way_is_repeated_in_the_same_store_alone() -> None:
    client = Client("s", "other")

    with pytest.raises(KeyboardInterrupt):
        client.ask(KeyboardInterrupt())

    assert client.ask().status.code == 502
    assert client.sent == ["0:s"]


@pytest.mark.parametrize(
    ("error", "code", "sent", "dropped"),
    [
        (UnavailableError("connection refused"), 200, 2, 1),
        (OutcomeUnknownError("outcome unknown: it was sent"), 502, 1, 1),
        (DeadlineExceededError("deadline exceeded", executed=Executed.MAYBE), 504, 1, 0),
    ],
)
def test_without_links_nothing_is_known_of_stores_and_only_what_was_not_sent_goes_on(
    error: MeshError, code: int, sent: int, dropped: int
) -> None:
    client = Client("", "")
    first = client.ways[0]

    assert client.ask(error).status.code == code
    assert (len(client.sent), first.unary_dropped) == (sent, dropped)
    assert len(client.places) == 0


def test_where_too_many_keys_are_remembered_a_further_one_is_not_sent() -> None:
    client = Client("s")
    client.keeps_link = True
    client.ask(key="one")
    client.ask(key="two")

    with pytest.raises(KeysFullError, match="at most 2 may be"):
        client.ask(key="three")

    assert len(client.sent) == 2
