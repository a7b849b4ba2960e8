"""How many bytes links hold for their other sides, and which link has to end when that is too much."""

from collections.abc import Callable, Iterable, Mapping

from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.ports.tasks import Tasks


class Holdings:
    """What queues, parts of payloads and tables of all links hold, within one budget.

    Each link tells when that has changed by much, so that nobody has to look.

    Args:
        budget: bytes of all of them together.
        tasks: looks after them when the links are whole.
    """

    def __init__(self, budget: int, tasks: Tasks) -> None:
        self.budget = budget
        self._tasks = tasks
        self._told: dict[LinkEngine, int] = {}
        self._sum = 0
        self._is_due = False

    @property
    def held_bytes(self) -> int:
        """What is held now."""
        return sum(engine.held_bytes for engine in self._told)

    def add(self, engine: LinkEngine) -> None:
        """Look after another link."""
        self._told[engine] = 0
        engine.on_held = self._teller(engine)

    def remove(self, engine: LinkEngine) -> None:
        """A link has ended, and holds nothing anymore."""
        self._sum -= self._told.pop(engine, 0)

    def _teller(self, engine: LinkEngine) -> Callable[[int], None]:
        return lambda held: self._has_changed(engine, held)

    def _has_changed(self, engine: LinkEngine, held: int) -> None:
        if engine not in self._told or engine.has_failed:
            return
        self._sum += held - self._told[engine]
        self._told[engine] = held
        if self._sum > self.budget and not self._is_due:
            self._is_due = True
            self._tasks.when_idle(self._relieve)

    def _relieve(self) -> None:
        """End the links that hold most, one by one, until the others have room."""
        self._is_due = False
        held = {engine: 0 if engine.has_failed else engine.held_bytes for engine in self._told}
        for engine in over_budget(held, self.budget):
            text = f"{held[engine]} bytes are held for it, the most of all links, which may have {self.budget} together"
            engine.fail(text, code=429)
            held[engine] = 0
        self._told = held
        self._sum = sum(held.values())


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
