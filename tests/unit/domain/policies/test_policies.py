import pytest

from collector_mesh.app.testing.fakes import FakeDice
from collector_mesh.domain.model.errors import Executed, ForbiddenError
from collector_mesh.domain.model.status import Reply, Status
from collector_mesh.domain.policies.backoff import Backoff
from collector_mesh.domain.policies.retry import Retry, is_discovery
from collector_mesh.domain.policies.strangers import EVERYBODY, StrangerRule


@pytest.mark.parametrize(
    ("code", "executed", "idempotent", "allowed"),
    [
        (503, Executed.NO, False, True),
        (429, Executed.NO, False, True),
        (503, Executed.YES, True, False),
        (429, Executed.YES, False, False),
        (404, Executed.NO, True, False),
        (403, Executed.NO, True, False),
        (413, Executed.NO, True, False),
        (500, Executed.YES, True, False),
        (502, Executed.MAYBE, False, False),
        (502, Executed.MAYBE, True, True),
        (504, Executed.MAYBE, True, True),
        (508, Executed.NO, True, False),
    ],
)
def test_only_what_did_not_run_or_may_run_twice_goes_on(
    code: int, executed: Executed, idempotent: bool, allowed: bool
) -> None:
    reply = Reply(Status(code), executed=executed)

    assert Retry().allows(reply, attempts=1, idempotent=idempotent) is allowed
    assert not Retry(max_attempts=1).allows(reply, attempts=1, idempotent=idempotent)


def test_only_the_meshs_own_word_that_a_method_is_lacking_is_discovery() -> None:
    assert is_discovery(Reply(Status(404, "method 'a.b' not found in namespace 'c'")))
    assert is_discovery(Reply(Status(404, "namespace 'c' not found")))
    assert not is_discovery(Reply(Status(404, "method 'a.b' not found"), executed=Executed.YES))
    assert not is_discovery(Reply(Status(404, "service not registered in registry: x")))
    assert not is_discovery(Reply(Status(503, "namespace 'c' not found")))


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.1), (2, 0.2), (3, 0.4), (6, 2.0), (100_000, 2.0)])
def test_pauses_grow_up_to_the_cap(attempt: int, longest: float) -> None:
    backoff = Backoff(first=0.1, factor=2.0, cap=2.0)

    assert backoff.pause(attempt, dice=FakeDice(share=1.0)) == pytest.approx(longest)
    assert backoff.pause(attempt, dice=FakeDice(share=0.0)) == 0.0


def test_pauses_are_short_while_nobody_listens() -> None:
    backoff = Backoff(first=0.1, factor=2.0, cap=2.0)
    short = Backoff(first=0.1, factor=2.0, cap=0.2)
    longest = FakeDice(share=1.0)

    assert backoff.pause(100, dice=longest, is_refused=True) == pytest.approx(0.4)
    assert short.pause(100, dice=longest, is_refused=True) == pytest.approx(0.2)


def is_here(address: str) -> bool:
    return address.startswith("here:")


def test_strangers_on_this_machine_are_taken_by_a_collector_that_only_this_machine_reaches() -> None:
    rule = StrangerRule(only_local=True, allowed=False, is_local=is_here)

    rule.check()
    rule.check_address("here:1")
    with pytest.raises(ForbiddenError, match=r"'10\.0\.0\.1:1' is not on this machine"):
        rule.check_address("10.0.0.1:1")


def test_strangers_are_refused_elsewhere_unless_they_are_allowed() -> None:
    rule = StrangerRule(only_local=False, allowed=False, is_local=is_here)

    with pytest.raises(ForbiddenError, match="use mutual TLS, or start the collector with --accept-peers"):
        rule.check()
    with pytest.raises(ForbiddenError, match="--accept-peers"):
        rule.check_address("here:1")
    EVERYBODY.check_address("10.0.0.1:1")
