"""Whom a link tells of what happens on it."""

from typing import TYPE_CHECKING, Protocol

from collector_mesh.domain.model.frames import Catalog, Hello
from collector_mesh.domain.model.reach import Reach

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine
    from collector_mesh.domain.link.entries import TakenCall


class LinkHost(Protocol):
    """Whom an engine tells, when its own state is whole; all of it must be quick.

    None of it should raise. What is raised ends the link, or the call that was told of; nothing else suffers.
    """

    def catalog(self) -> Catalog:
        """What this side is a member of and serves, now."""
        ...

    def is_dialing(self, dial: int) -> bool:
        """Whether this side has opened the link that counts as that number, and waits for the answer to its hello."""
        ...

    def greeted(self, engine: "LinkEngine", hello: Hello) -> None:
        """Somebody has said hello: `welcome` it or `refuse` it, now or later."""
        ...

    def opened(self, engine: "LinkEngine") -> None:
        """The other side has welcomed this one, which may not want it: it is told by `fail`."""
        ...

    def confirmed(self, engine: "LinkEngine") -> None:
        """The other side has taken the welcome: the link is established at both ends."""
        ...

    def take(self, taken: "TakenCall", /) -> None:
        """A call has come: answer it, now or later."""
        ...

    def changed(self, engine: "LinkEngine") -> None:
        """The other side has other methods or namespaces, is draining, suspect, or well again."""
        ...

    def reached(self, engine: "LinkEngine", news: tuple[Reach, ...]) -> None:
        """The other side tells who can be reached through it.

        Raises:
            ProtocolError: it makes no sense.
        """
        ...

    def ended(self, engine: "LinkEngine") -> None:
        """It is over; `reason` says why."""
        ...

    def failed(self, engine: "LinkEngine", error: Exception) -> None:
        """This host, or whoever waits for a call, has raised when it was told something."""
        ...
