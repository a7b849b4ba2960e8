"""The store of idempotency keys that lives in memory."""

import pytest

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.ports.key_store import BEGUN, LOST, RUNNING, TAKEN, Claim, KeyRules, KeysFullError
from collector_mesh.domain.serving.memory_keys import MemoryKeyStore

PAY = MethodKey("payments", "PaymentService", "Pay")
REFUND = MethodKey("payments", "PaymentService", "Refund")
RULES = KeyRules(seconds=60.0)


def claim_of(
    key: str, *, method: MethodKey = PAY, claimant: str = "one", request: bytes = b"request"
) -> Claim:
    return Claim(method, key, request, claimant)


def paid(text: bytes = b"paid") -> Reply:
    return Reply(OK, Payload(value=text))


def begin(store: MemoryKeyStore, claim: Claim, rules: KeyRules = RULES, now: float = 0.0) -> None:
    assert run(store.reserve(claim, rules, now)) == BEGUN


def end(store: MemoryKeyStore, claim: Claim, now: float, reply: Reply | None = None) -> None:
    run(store.finish(claim, reply or paid(), RULES, now))


def test_a_reply_is_kept_from_the_end_of_the_call_for_its_time_and_no_longer() -> None:
    store = MemoryKeyStore()
    begin(store, claim_of("a"))
    end(store, claim_of("a"), now=100.0)

    kept = run(store.reserve(claim_of("a", claimant="two"), RULES, 159.9))
    anew = run(store.reserve(claim_of("a", claimant="two"), RULES, 160.0))

    assert kept.reply == paid()
    assert anew == BEGUN


def test_whoever_changes_a_reply_on_its_way_changes_no_later_one() -> None:
    store = MemoryKeyStore()
    begin(store, claim_of("a"))
    end(store, claim_of("a"), now=0.0)

    first = run(store.reserve(claim_of("a"), RULES, 1.0)).reply
    assert first is not None
    first.handled_by = "somebody"
    second = run(store.reserve(claim_of("a"), RULES, 1.0)).reply

    assert second is not None
    assert second.handled_by == ""


def test_a_key_stands_for_one_request_of_one_method_while_it_runs_and_after() -> None:
    store = MemoryKeyStore()
    begin(store, claim_of("a"))
    other = claim_of("a", request=b"another request")

    while_it_runs = run(store.reserve(other, RULES, 1.0))
    end(store, claim_of("a"), now=2.0)
    after = run(store.reserve(other, RULES, 3.0))
    of_another_method = run(store.reserve(claim_of("a", method=REFUND), RULES, 3.0))

    assert (while_it_runs, after) == (TAKEN, TAKEN)
    assert of_another_method == BEGUN


def test_who_has_begun_may_begin_anew_and_others_hear_that_it_runs() -> None:
    store = MemoryKeyStore()
    begin(store, claim_of("a"))

    begin(store, claim_of("a"), now=1e6)

    assert run(store.reserve(claim_of("a", claimant="two"), RULES, 1e6)) == RUNNING
    assert len(store) == 1


def test_what_a_claimant_had_begun_that_is_gone_is_lost_for_the_time_of_a_reply() -> None:
    store = MemoryKeyStore()
    begin(store, claim_of("a"))
    store.lose("one")

    found = [
        run(store.reserve(claim_of("a", claimant="two"), RULES, now)) for now in (10.0, 11.0, 69.9, 70.0)
    ]

    assert found == [LOST, LOST, LOST, BEGUN]


def test_a_key_that_is_given_back_is_free_and_takes_no_room() -> None:
    store = MemoryKeyStore()
    begin(store, claim_of("a"))

    run(store.release(claim_of("a")))

    assert (len(store), store.held_bytes) == (0, 0)
    begin(store, claim_of("a", claimant="two", request=b"another request"))


def test_only_who_has_begun_ends_a_call_or_gives_its_key_back() -> None:
    store = MemoryKeyStore()
    begin(store, claim_of("a"))

    end(store, claim_of("a", claimant="two"), now=1.0)
    run(store.release(claim_of("a", claimant="two")))
    end(store, claim_of("never begun"), now=1.0)
    run(store.release(claim_of("never begun")))

    assert run(store.reserve(claim_of("a", claimant="two"), RULES, 2.0)) == RUNNING
    assert len(store) == 1


def test_a_further_key_is_refused_where_there_are_as_many_as_may_be_and_those_there_go_on() -> None:
    store, rules = MemoryKeyStore(), KeyRules(seconds=60.0, max_keys=2)
    begin(store, claim_of("a"), rules)
    begin(store, claim_of("b"), rules)
    end(store, claim_of("b"), now=0.0)

    with pytest.raises(KeysFullError, match="2 idempotency keys are kept, at most 2 may be") as caught:
        run(store.reserve(claim_of("c"), rules, 59.0))

    assert caught.value.details == {"retry_after_ms": "1000"}
    assert run(store.reserve(claim_of("b"), rules, 59.0)).reply == paid()
    assert run(store.reserve(claim_of("c"), rules, 60.0)) == BEGUN


def test_replies_count_against_the_bytes_that_may_be_kept_until_they_are_forgotten() -> None:
    store, rules = MemoryKeyStore(), KeyRules(seconds=60.0, max_bytes=10_000)
    begin(store, claim_of("a"), rules)
    alone = store.held_bytes
    end(store, claim_of("a"), now=0.0, reply=paid(bytes(20_000)))

    assert store.held_bytes >= alone + 20_000
    with pytest.raises(KeysFullError, match="at most 10000 are allowed"):
        run(store.reserve(claim_of("b"), rules, 59.0))
    assert run(store.reserve(claim_of("b"), rules, 60.0)) == BEGUN
    assert store.held_bytes == alone


def test_keys_of_which_the_time_is_up_are_forgotten_as_others_come() -> None:
    store = MemoryKeyStore()
    for number in range(20):
        begin(store, claim_of(f"old {number}"))
        end(store, claim_of(f"old {number}"), now=0.0)

    for number in range(3):
        begin(store, claim_of(f"new {number}"), now=60.0)

    assert len(store) == 3


def test_a_key_of_which_the_time_is_up_is_begun_anew_even_where_it_is_not_forgotten_yet() -> None:
    store = MemoryKeyStore()
    for number in range(20):
        begin(store, claim_of(f"old {number}"))
        end(store, claim_of(f"old {number}"), now=0.0)

    begin(store, claim_of("old 19", claimant="two", request=b"another request"), now=60.0)

    assert len(store) == 12
    assert run(store.reserve(claim_of("old 19"), RULES, 60.0)) == TAKEN
