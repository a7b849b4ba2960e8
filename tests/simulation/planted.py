"""Bugs planted one at a time, to see that the simulation finds them; `python -m tests.simulation.planted` prints the table."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import attrs
import pytest

from collector_mesh.app.lifetime import Lifetime
from collector_mesh.domain.adoption import Adoption
from collector_mesh.domain.executor import Executor
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.link.pairs import Pairs
from collector_mesh.domain.links import Links
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.peering import Peering
from collector_mesh.domain.policies.admission import Share
from collector_mesh.domain.policies.breaker import Breaker
from collector_mesh.domain.policies.retry import Retry
from collector_mesh.domain.policies.standing import Standing
from collector_mesh.domain.router import Router
from collector_mesh.simulation import Simulation, SimulationError

Plant = Callable[[pytest.MonkeyPatch], None]
MOST_SEEDS = 2000


def retry_after_sending(patch: pytest.MonkeyPatch) -> None:
    def allows(_self: Retry, reply: Any, *, attempts: int, idempotent: bool) -> bool:
        return attempts < 5 and reply.executed is not Executed.YES

    patch.setattr(Retry, "allows", allows)
    from collector_mesh.domain.course import Course

    patch.setattr(Course, "is_idempotent", lambda _course, _candidate: True)


def no_retry_budget(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Standing, "budget_left", lambda _standing, _now: 1e9)


def breaker_ejects_everybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Router, "ignores_breakers", lambda _router, _pool: False)
    patch.setattr(Breaker, "lets", lambda _breaker, _now: False)


def earliest_incarnation_wins(patch: pytest.MonkeyPatch) -> None:
    first: dict[tuple[int, str], str] = {}

    def is_superseded(pairs: Pairs, peer_id: str, incarnation: str) -> bool:
        return first.setdefault((id(pairs), peer_id), incarnation) != incarnation

    patch.setattr(Pairs, "is_superseded", is_superseded)


def drain_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    async def drain(_lifetime: Lifetime) -> None:
        return

    patch.setattr(Lifetime, "_drain", drain)


def reply_to_another_call(patch: pytest.MonkeyPatch) -> None:
    original, kept = Executor._succeeded, dict[int, Payload]()

    def succeeded(executor: Executor, key: Any, result: Any) -> Any:
        reply = original(executor, key, result)
        earlier = kept.get(id(executor))
        kept[id(executor)] = reply.payload
        return attrs.evolve(reply, payload=earlier) if earlier is not None else reply

    patch.setattr(Executor, "_succeeded", succeeded)


def namespace_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Executor, "check_shared", lambda _executor, _call: None)
    patch.setattr(
        Adoption,
        "shared",
        lambda _adoption, engine: engine.peer.catalog.namespaces if engine.peer is not None else (),
    )


def lost_advertisement(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LinkEngine, "tell_catalog", lambda _engine: None)


def reconnect_given_up(patch: pytest.MonkeyPatch) -> None:
    original = Peering._keep_up

    async def keep_up(peering: Peering, keeper: Any) -> None:
        dial = peering._dial
        failed: list[str] = []

        async def once(address: str, *, timeout: float) -> Any:
            if failed:
                await peering._clock.alarm().wait(1e6)
            try:
                return await dial(address, timeout=timeout)
            except Exception:
                failed.append(address)
                raise

        peering.__dict__.setdefault("_dial", once)
        await original(peering, keeper)

    patch.setattr(Peering, "_keep_up", keep_up)


def runs_twice(patch: pytest.MonkeyPatch) -> None:
    original = Executor.begin

    def begin(executor: Executor, call: Any, answer: Any) -> Any:
        if call.payload.value.endswith(b"7"):
            original(executor, call, lambda _reply: None)
        return original(executor, call, answer)

    patch.setattr(Executor, "begin", begin)


def wrong_executor_named(patch: pytest.MonkeyPatch) -> None:
    original = Executor._succeeded

    def succeeded(executor: Executor, key: Any, result: Any) -> Any:
        return attrs.evolve(original(executor, key, result), handled_by="somebody")

    patch.setattr(Executor, "_succeeded", succeeded)


def slots_never_given_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Share, "release", lambda _share: None)


def deadlines_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LinkEngine, "_look_at_deadlines", lambda _engine, _now: None)


def end_of_a_link_not_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Links, "ended", lambda _links, _engine: None)


def reply_lost(patch: pytest.MonkeyPatch) -> None:
    original, count = LinkEngine.answer, [0]

    def answer(engine: LinkEngine, taken: Any, reply: Any) -> None:
        count[0] += 1
        if count[0] % 10:
            original(engine, taken, reply)

    patch.setattr(LinkEngine, "answer", answer)


BUGS: dict[str, tuple[Plant, str]] = {
    plant.__name__: (plant, scenario)
    for plant, scenario in (
        (retry_after_sending, "flapping_replica"),
        (no_retry_budget, "overload"),
        (breaker_ejects_everybody, "brownout"),
        (earliest_incarnation_wins, "rolling_restart"),
        (drain_does_not_wait, "rolling_restart"),
        (reply_to_another_call, "halves"),
        (reply_lost, "rolling_restart"),
        (namespace_not_checked, "migration"),
        (lost_advertisement, "migration"),
        (reconnect_given_up, "rolling_restart"),
        (runs_twice, "halves"),
        (wrong_executor_named, "halves"),
        (slots_never_given_back, "overload"),
        (deadlines_not_looked_at, "hub_partition"),
        (end_of_a_link_not_told, "rolling_restart"),
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
            except (AssertionError, SimulationError) as error:
                return seed, str(error)
    return None


if __name__ == "__main__":
    arguments = sys.argv[1:]
    for bug in arguments[1:] or BUGS:
        found = search(bug, int(arguments[0]) if arguments else MOST_SEEDS)
        said = "not found" if found is None else f"{found[0] + 1} | {' '.join(found[1].split())[:160]}"
        sys.stdout.write(f"| {bug.replace('_', ' ')} | {BUGS[bug][1]} | {said} |\n")
        sys.stdout.flush()
