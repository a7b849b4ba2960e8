"""The link of a client of whose calls some are recorded."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.sampled import SampledDispatcher
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.ports.call_starter import Contact, StartedCall
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.dispatching import Dispatching


class WatchedClientLink:
    """Tells a watch of each call of a client that is recorded; a collector makes of it what it likes.

    Args:
        link: has calls run.
        watch: is told.
        clock: the time.
    """

    def __init__(self, link: ClientLink, watch: CallWatch, clock: Clock) -> None:
        self.address = link.address
        self._link = link
        self.dispatch = SampledDispatcher(_Dispatching(link, link.dispatch), watch, clock).dispatch
        self.serve = SampledDispatcher(_Dispatching(link, link.serve), watch, clock).dispatch
        self._submit = SampledDispatcher(_Dispatching(link, link.dispatch), watch, clock).submit

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall:
        """See `ClientLink`."""
        begun = self._submit(call, answer)
        assert begun is not None  # for the type checker: a link gives one for every call
        return begun

    def contact(self, *, connect: bool) -> Contact:
        """See `ClientLink`."""
        return self._link.contact(connect=connect)

    async def aclose(self, *, grace: float = 0.0) -> None:
        """See `ClientLink`."""
        await self._link.aclose(grace=grace)


class _Dispatching:
    """A link as what is watched."""

    def __init__(self, link: ClientLink, run: Callable[[Call], Awaitable[Reply]]) -> None:
        self._run = run
        self.submit = link.submit

    def known_key(self, _names: tuple[str, str, str]) -> MethodKey | None:
        """See the port; a client knows of no peers."""
        return None

    async def dispatch(self, call: Call) -> Reply:
        """See the port."""
        try:
            return await self._run(call)
        except MeshError as error:
            # What its caller makes of it.
            return Reply.refused(error)

    def refuse(self, _call: Call, error: MeshError) -> Reply:
        """See the port."""
        return Reply.refused(error)


if TYPE_CHECKING:
    _fits: type[Dispatching] = _Dispatching
