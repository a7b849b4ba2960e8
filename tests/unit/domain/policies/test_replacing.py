"""Rules that are replaced while calls run: for everybody at once, and with all that is known."""

from collector_mesh.app.testing.fakes import FakeClock
from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.breaker import BreakerRules
from collector_mesh.domain.policies.concurrency import ConcurrencyLimit
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.policies.standing import Standing, StandingRules


def no_limits(_namespace: str) -> int | None:
    """No namespace has a limit of its own."""
    return None


KEY = MethodKey("orders", "Orders", "Create")


def test_whoever_has_asked_before_is_given_the_new_policy_and_followers_hear_of_it() -> None:
    policies, told = Policies(Policy(timeout=1.0), {"orders": Policy(timeout=2.0)}), list[float]()
    policies.follow(told.append)
    before = policies.of(KEY).timeout

    policies.replace(Policies(Policy(timeout=3.0), {"orders/Orders": Policy(timeout=4.0)}), 7.0)

    assert (before, policies.of(KEY).timeout, policies.of_namespace("orders").timeout) == (2.0, 4.0, 3.0)
    assert told == [7.0]


def test_a_breaker_that_is_switched_off_shuts_and_what_is_known_stays() -> None:
    turns: list[bool] = []
    standing = Standing(
        "peer",
        "orders",
        StandingRules(),
        now=0.0,
        latency=0.5,
        on_turn=lambda _, is_open: turns.append(is_open),
    )
    standing.flapped(1.0)
    assert standing.breaker.is_open

    standing.follow(StandingRules(breaker=BreakerRules(is_on=False)), 2.0)

    assert (standing.breaker.is_open, turns) == (False, [True, False])
    assert standing.load.latency == 0.5


def test_fewer_slots_are_reached_as_calls_end_and_more_are_there_at_once() -> None:
    limit = ConcurrencyLimit(
        3, no_limits, now=FakeClock().now, is_known=lambda _: True, on_shed=lambda _: None
    )
    slots = [limit.take("orders") for _ in range(3)]

    def admitted() -> bool:
        try:
            limit.take("orders").release()
        except OverloadedError:
            return False
        return True

    seen = []
    limit.resize(2, no_limits)
    slots.pop().release()
    seen.append(admitted())
    slots.pop().release()
    seen.append(admitted())
    limit.resize(8, {"orders": 1}.get)
    seen.append(admitted())
    limit.resize(8, no_limits)
    seen.append(admitted())

    assert seen == [False, True, False, True]
