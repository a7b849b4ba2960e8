"""Port: finds a collector for a call and has it run there."""

from collections.abc import Callable
from typing import Protocol

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import StartedCall


class Dispatching(Protocol):
    """The dispatcher, or what is around it. It raises nothing but what cancels it."""

    @property
    def known_key(self) -> Callable[[tuple[str, str, str]], MethodKey | None]:
        """Gives the key of a method that a peer has, so that it need not be made and checked, else None."""
        ...

    async def dispatch(self, call: Call) -> Reply:
        """Have a call run: on its target, else here, else on a peer that shares the namespace."""
        ...

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall | None:
        """As `dispatch`, but nobody awaits it: `answer` is called with what comes of it, unless it is cancelled.

        Returns:
            The call; None if it was answered at once.
        """
        ...

    def refuse(self, call: Call, error: MeshError) -> Reply:
        """The reply to a call that is refused before it is dispatched."""
        ...
