import pytest

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, OutcomeUnknownError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply, Status
from collector_mesh.domain.policies.key_places import KeyPlaces
from collector_mesh.domain.ports.key_store import KeysFullError

KEY = MethodKey("payments", "PaymentService", "Pay")
DONE = Reply(OK, handled_by="a", executed=Executed.YES)
LOST = Reply.refused(OutcomeUnknownError("outcome unknown: the link was lost"))
SHED = Reply(Status(429, "overloaded"))


def call_of(key: str = "k") -> Call:
    return Call(KEY, idempotency_key=key)


@pytest.mark.parametrize("reply", [DONE, LOST, None])
def test_a_call_that_may_have_run_stays_where_it_went_for_its_time(reply: Reply | None) -> None:
    places = KeyPlaces(60.0, 10)
    place = places.leaves(call_of(), "store-a", "a", 0.0)
    places.back(call_of(), place, reply, 5.0)

    known = places.of(call_of(), 64.9)

    assert known is not None
    assert (known.store, known.peer_id, known.sticks) == ("store-a", "a", True)
    assert places.of(call_of(), 65.0) is None


def test_a_call_that_did_not_run_may_go_anywhere() -> None:
    places = KeyPlaces(60.0, 10)
    places.back(call_of(), places.leaves(call_of(), "store-a", "a", 0.0), SHED, 1.0)

    assert places.of(call_of(), 1.0) is None
    assert len(places) == 0


def test_a_call_that_is_under_way_stays_however_long_that_takes_and_whatever_another_has_come_to() -> None:
    places = KeyPlaces(60.0, 10)
    first = places.leaves(call_of(), "store-a", "a", 0.0)
    places.back(call_of(), places.leaves(call_of(), "store-a", "a", 0.0), SHED, 1.0)

    assert places.of(call_of(), 1e6) is first


def test_too_many_are_refused_until_the_time_of_some_is_up() -> None:
    places = KeyPlaces(60.0, 2)
    for key in ("a", "b"):
        places.back(call_of(key), places.leaves(call_of(key), "s", "p", 0.0), DONE, 0.0)

    with pytest.raises(KeysFullError, match="2 idempotency keys are remembered, at most 2"):
        places.leaves(call_of("c"), "s", "p", 59.0)

    places.leaves(call_of("a"), "s", "p", 59.0)
    places.leaves(call_of("c"), "s", "p", 60.5)
