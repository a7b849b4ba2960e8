"""Bugs planted one at a time, to see that the simulation finds them; `python -m tests.simulation.planted` prints the table."""

import sys
from collections.abc import Callable
from importlib import import_module

import pytest
from tests.simulation import planted_calls as calls
from tests.simulation import planted_links as links

from collector_mesh.simulation import Simulation

Plant = Callable[[pytest.MonkeyPatch], None]
MOST_SEEDS = 2000

BUGS: dict[str, tuple[Plant, str]] = {
    plant.__name__: (plant, scenario)
    for plant, scenario in (
        (calls.retry_after_sending, "wary_customers"),
        (calls.no_retry_budget, "overload"),
        (calls.breaker_ejects_everybody, "brownout"),
        (links.earliest_incarnation_wins, "rolling_restart"),
        (links.drain_does_not_wait, "draining"),
        (calls.reply_to_another_call, "halves"),
        (links.reply_lost, "rolling_restart"),
        (links.namespace_not_checked, "migration"),
        (links.lost_advertisement, "migration"),
        (links.reconnect_given_up, "rolling_restart"),
        (calls.runs_twice, "halves"),
        (calls.wrong_executor_named, "halves"),
        (calls.slots_never_given_back, "overload"),
        (links.deadlines_not_looked_at, "hub_partition"),
        (links.end_of_a_link_not_told, "rolling_restart"),
        (calls.visited_list_ignored, "relay_ring"),
        (links.nobody_is_called_dead, "silent_peer"),
        (links.nobody_is_suspected, "silent_peer"),
        (links.drain_not_announced, "draining"),
        (links.stale_incarnation_wins, "late_hello"),
        (links.chunks_mixed_up, "large_orders"),
        (links.chunks_earn_no_credit, "large_orders"),
        (calls.deadline_begins_anew, "giving_up"),
        (calls.cancel_not_passed_on, "giving_up"),
        (calls.peer_knows_better_than_caller, "wary_customers"),
        (calls.breaker_never_half_opens, "comeback"),
        (calls.failures_stay_in_flight, "comeback"),
        (calls.only_the_first_is_asked, "wary_customers"),
        (calls.only_the_last_try_counts, "what_ran"),
        (calls.cut_handlers_have_not_run, "what_ran"),
        (calls.refusals_of_handlers_have_not_run, "what_ran"),
        (calls.answered_without_running, "halves"),
        (links.dials_that_raise_end_the_keeping, "failing_dials"),
        (links.dials_have_a_second, "slow_wire"),
        (links.observers_are_not_guarded, "raising_hooks"),
        (links.nobody_asks_who_holds_an_id, "impostor"),
        (links.hubs_are_not_dialed_again, "hub_restarts"),
        (links.goodbyes_are_at_the_expense_of_calls, "draining_far"),
        (links.nobody_is_dialed_again, "dying_links"),
        (calls.impatience_is_not_counted, "hung_replica"),
        (links.room_is_never_given_back, "impatient_large"),
        (links.long_names_are_cut, "many_names"),
        (calls.attempts_have_a_tenth_of_a_second, "slow_report"),
    )
}


def search(name: str, most: int = MOST_SEEDS) -> tuple[int, str] | None:
    """The first seed that finds a bug, and what it says; None if none does."""
    plant, scenario = BUGS[name]
    run = import_module(f"examples.scenarios.{scenario}").scenario
    for seed in range(most):
        with pytest.MonkeyPatch.context() as patch:
            plant(patch)
            try:
                Simulation(seed).run(run, until=600.0)
            except Exception as error:  # noqa: BLE001  # what is not guarded anymore may raise anything
                return seed, str(error)
    return None


if __name__ == "__main__":
    arguments = sys.argv[1:]
    for bug in arguments[1:] or BUGS:
        found = search(bug, int(arguments[0]) if arguments else MOST_SEEDS)
        said = "not found" if found is None else f"{found[0] + 1} | {' '.join(found[1].split())[:160]}"
        sys.stdout.write(f"| {bug.replace('_', ' ')} | {BUGS[bug][1]} | {said} |\n")
        sys.stdout.flush()
