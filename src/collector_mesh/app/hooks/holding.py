"""The validator that a running collector uses, and that has a connection open for it."""

from typing import TYPE_CHECKING

from collector_mesh.app.hooks.validation import AnyValidator
from collector_mesh.domain.ports.validator import Lent

if TYPE_CHECKING:
    from collector_mesh.app.container import CollectorContainer


class Holding:
    """Tells the validator of a collector that it is used, and the one before it that it is not.

    Args:
        parts: of the collector.
    """

    def __init__(self, parts: "CollectorContainer") -> None:
        self._parts = parts
        self._held: AnyValidator | None = None
        self._is_open = False

    def open(self) -> None:
        """The collector runs."""
        self._is_open = True
        self.look()

    def look(self) -> None:
        """See whether it has another validator; in the loop of the collector."""
        validator = self._parts.executor().validator
        if not self._is_open or validator is self._held:
            return
        before, self._held = self._held, validator if isinstance(validator, AnyValidator) else None
        collector_id = self._parts.options().collector_id
        if self._held is not None:
            parts = self._parts
            lent = Lent(parts.guarded_observer(), parts.tasks(), parts.clock(), parts.dice())
            self._held.begin_use(collector_id, lent)
        if before is not None and (self._held is None or self._held.validator is not before.validator):
            self._parts.tasks().start(before.end_use(collector_id), "release a validator")

    async def close(self) -> None:
        """The collector runs no more calls."""
        self._is_open = False
        held, self._held = self._held, None
        if held is not None:
            await held.end_use(self._parts.options().collector_id)
