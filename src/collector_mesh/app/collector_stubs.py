"""The part of a collector that begins calls nobody awaits, as stubs do."""

from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.app.calls import CallFactory
from collector_mesh.app.home import Home
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import CallStarter, StartedCall

if TYPE_CHECKING:
    from collector_mesh.app.lifetime import Lifetime
    from collector_mesh.domain.calls.dispatcher import Dispatcher


class CollectorStubs:
    """Calls of a collector for whoever is told of the reply, in the event loop that it was entered in."""

    _home: Home
    _lifetime: "Lifetime"
    _dispatcher: "Dispatcher | None"
    """None while the collector is not open."""
    _calls: CallFactory | None

    def submit(
        self,
        key: MethodKey,
        payload: Payload,
        answer: Callable[[Reply], None],
        *,
        timeout: float | None = None,
        target: str = "",
        metadata: Metadata = (),
        idempotent: bool | None = None,
    ) -> StartedCall | None:
        """Begin a call as `dispatch` does, and be told of the reply; nothing awaits it.

        It inherits from the handler that it is begun in: the deadline, and the metadata that `forward_metadata` names.

        Args:
            key: the method.
            payload: the request.
            answer: called once in the event loop with the reply: perhaps before this returns, never after the call was
                cancelled. It must not raise.
            timeout: seconds, as for `dispatch`.
            target: the id of the only collector that may run it.
            metadata: pairs for the handler, as for `dispatch`.
            idempotent: whether the method may run twice; by default it says so itself.

        Returns:
            The call under way, which can be cancelled; None if it was refused at once.

        Raises:
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: as for `dispatch`.
        """
        dispatcher, calls = self._dispatcher, self._calls
        if dispatcher is None or calls is None:
            raise self._home.closed(self._lifetime.state)
        if _get_running_loop() is not self._home.loop:
            self._home.check()
        try:
            call = calls.make(key, payload, target, timeout, None, metadata, idempotent)
        except MeshError as error:
            answer(Reply.refused(error))
            return None
        return dispatcher.submit(call, answer)


if TYPE_CHECKING:
    _fits: type[CallStarter] = CollectorStubs
