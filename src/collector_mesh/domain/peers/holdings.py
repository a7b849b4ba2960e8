"""How many bytes are held for others, and who has to go when that is too much."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.model.frames import Role
from collector_mesh.domain.policies.callers import CALLER_SHARE
from collector_mesh.domain.policies.concurrency import RETRY_AFTER
from collector_mesh.domain.ports.tasks import Tasks


class Holdings:
    """What links, requests without a link, and handlers that nobody waits for hold, within one budget.

    Each link tells when that may have changed by much, so that nobody has to look. Over the budget the links that
    hold most end. A request without a link, which cannot be ended, is refused before its handler is started; so that those
    end no links, they count for these as half of the budget at most.

    Args:
        budget: bytes of all of them together.
        tasks: looks after them when the links are whole.
        of_tables: what is kept of what a link has told, and was told, of others.
    """

    def __init__(self, budget: int, tasks: Tasks, of_tables: Callable[[LinkEngine], int]) -> None:
        self.budget = budget
        self.of_handlers: Callable[[], int] = int
        """What handlers hold whose callers have gone."""
        self.of_lost: Callable[[], int] = int
        """What is kept for links that were lost."""
        self._tasks = tasks
        self._of_tables = of_tables
        self._told: dict[LinkEngine, int] = {}
        self._sum = 0
        """Of what links have told; that they hold less by now is seen when that matters."""
        self._is_counted = False
        """Whether they were counted anew since the last of them has told."""
        self._requests: Counter[str] = Counter()
        self._of_requests = 0
        self._is_due = False

    @property
    def held_bytes(self) -> int:
        """What is held now."""
        return sum(map(self.of, self._told)) + self._beside_links()

    def of(self, engine: LinkEngine) -> int:
        """What is held for one link now."""
        return engine.held_bytes + self._of_tables(engine)

    def by_peer(self) -> Mapping[str, int]:
        """What is held for each collector that has links, now."""
        held: Counter[str] = Counter()
        for engine in self._told:
            if engine.peer_role == Role.COLLECTOR and engine.peer_id:
                held[engine.peer_id] += self.of(engine)
        return held

    def add(self, engine: LinkEngine) -> None:
        """Look after another link."""
        self._told[engine] = 0
        engine.on_held = lambda: self._may_have_changed(engine)

    def remove(self, engine: LinkEngine) -> None:
        """A link has ended, and holds nothing anymore."""
        self._sum -= self._told.pop(engine, 0)

    def lend(self, caller: str, size: int) -> None:
        """A request without a link has come, and is held until it is given back.

        Args:
            caller: who has sent it.
            size: what it holds, in bytes.

        Raises:
            OverloadedError: there is no room, or this caller has three quarters of all there is.
        """
        beside = self._beside_links() + size
        if self._sum + beside > self.budget and not self._is_counted:
            self._count_anew()
        if self._sum + beside > self.budget or self._requests[caller] + size > CALLER_SHARE * self.budget:
            raise OverloadedError.after(RETRY_AFTER)
        self._requests[caller] += size
        self._of_requests += size

    def give_back(self, caller: str, size: int) -> None:
        """A request was answered."""
        self._of_requests -= size
        self._requests[caller] -= size
        if not self._requests[caller]:
            del self._requests[caller]

    def _beside_links(self) -> int:
        return self._of_requests + self.of_handlers() + self.of_lost()

    def _most_of_links(self) -> int:
        return self.budget - min(self._beside_links(), self.budget // 2)

    def _may_have_changed(self, engine: LinkEngine) -> None:
        if engine not in self._told or engine.has_failed:
            return
        held = self.of(engine)
        self._is_counted = False
        self._sum += held - self._told[engine]
        self._told[engine] = held
        if self._sum > self._most_of_links() and not self._is_due:
            self._is_due = True
            self._tasks.when_idle(self._relieve)

    def _count_anew(self) -> None:
        self._told = {engine: 0 if engine.has_failed else self.of(engine) for engine in self._told}
        self._sum = sum(self._told.values())
        self._is_counted = True

    def _relieve(self) -> None:
        """End the links that hold most, one by one, until the others have room."""
        self._is_due = False
        self._count_anew()
        most = self._most_of_links()
        for engine in over_budget(self._told, most):
            held = self._told[engine]
            engine.fail(
                f"{held} bytes are held for it, the most of all links, which may have {most} together",
                code=429,
            )
            self._sum -= held
            self._told[engine] = 0


def over_budget(held: Mapping[LinkEngine, int], budget: int) -> Iterable[LinkEngine]:
    """The links that have to end, the largest first."""
    left = sum(held.values())
    ending = []
    for engine in sorted(held, key=held.__getitem__, reverse=True):
        if left <= budget:
            break
        ending.append(engine)
        left -= held[engine]
    return ending
