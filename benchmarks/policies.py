"""What the policies cost: the link benchmark with all of them, beside a dispatcher that has none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dependency_injector import providers

from benchmarks.conditions import Conditions
from benchmarks.measure import PAYLOAD, ROUNDS, Figure, at_least, calls_per_second, compare
from benchmarks.processes import running
from benchmarks.sides import Calls, dispatching
from collector_mesh import Collector, Reply
from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.ports.tasks import Promise

NAMES = ("with all policies", "with none")
MANY, MOST = 64, 256


class BareDispatcher(Dispatcher):
    """Sends a call to any peer that has the method: no limits, scores, breakers, budgets, retries, or counts."""

    async def dispatch(self, call: Call) -> Reply:
        """Send it, and give what comes of it."""
        pool = next(self._router.pools(call.key), None)
        assert pool is not None  # for the type checker: there is a peer
        way = pool.members[self._dice.below(len(pool.members))].connection.way
        promise: Promise[Reply] = self._promise()

        def settle(reply: Reply) -> None:
            if not promise.done():
                promise.set_result(reply)

        sent = SentCall(call, Mode.SERVE, settle)
        way.send(sent)
        try:
            return await promise
        except BaseException:
            way.cancel(sent)
            raise


@asynccontextmanager
async def _calling(address: str, *, bare: bool) -> AsyncIterator[Calls]:
    caller = Collector("bare" if bare else "caller", listen="127.0.0.1:0", namespaces=["bench"])
    if bare:
        whole = caller.container.dispatcher
        whole.override(providers.Singleton(BareDispatcher, *whole.args, **whole.kwargs))
    async with caller:
        await caller.connect(address)
        yield dispatching(caller)


async def main(conditions: Conditions) -> None:
    """Measure and print."""
    conditions.announce(
        "Policies: dispatch over a link with all of them, and with none",
        in_flight=f"{MANY} and {MOST}",
        size=len(PAYLOAD),
    )
    async with (
        running(conditions, "collector") as address,
        _calling(address, bare=False) as ours,
        _calling(address, bare=True) as theirs,
    ):
        calls = (ours(PAYLOAD), theirs(PAYLOAD))
        for in_flight in (MANY, MOST):
            for call in calls:
                await calls_per_second(call, conditions.seconds / 4, in_flight)
            # Many short rounds in turns: a difference of some percent is less than the machine's moods.
            rounds = [
                [await calls_per_second(call, conditions.seconds / 4, in_flight) for call in calls]
                for _ in range(4 * ROUNDS)
            ]
            whole, bare = (Figure(tuple(rates)) for rates in zip(*rounds, strict=True))
            compare(f"calls, {in_flight} in flight", NAMES, whole, bare, at_least(0.85))
