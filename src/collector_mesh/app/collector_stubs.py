"""The part of a collector that stubs use: it begins calls that nobody awaits, and makes channels."""

from asyncio.events import _get_running_loop  # which does not raise where there is none
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from collector_mesh.adapters.runtime.bridge import Bridge
from collector_mesh.app.begun_in_handler import BegunInHandler
from collector_mesh.app.calls import CallFactory, made_in_handler
from collector_mesh.app.home import Home
from collector_mesh.app.stub_channels import channel_to, sync_channel_to
from collector_mesh.domain.model.caller import Metadata
from collector_mesh.domain.model.context import current_call
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.call_starter import CallStarter, Contact, StartedCall

if TYPE_CHECKING:
    import grpc
    from grpc import aio

    from collector_mesh.app.container import CollectorContainer
    from collector_mesh.app.lifetime import Lifetime
    from collector_mesh.app.options import Options
    from collector_mesh.app.stub_channels import ClientInterceptor
    from collector_mesh.domain.ports.dispatching import Dispatching


class CollectorStubs:
    """Calls of a collector for whoever is told of the reply, in the event loop that it was entered in."""

    container: "CollectorContainer"
    _options: "Options"
    _home: Home
    _lifetime: "Lifetime"
    _dispatcher: "Dispatching | None"
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
        idempotency_key: str | None = None,
    ) -> StartedCall | None:
        """Begin a call as `dispatch` does, and be told of the reply; nothing awaits it.

        It inherits from the handler that it is begun in: the deadline, and the metadata that `forward_metadata` names. It is
        cancelled with the handler, and its reply has the code 499 then.

        Args:
            key: the method.
            payload: the request.
            answer: called once in the event loop with the reply: perhaps before this returns, never after the call was
                cancelled. It must not raise.
            timeout: seconds, as for `dispatch`.
            target: the id of the only collector that may run it.
            metadata: pairs for the handler, as for `dispatch`.
            idempotent: whether the method may run twice; by default it says so itself.
            idempotency_key: the `key` of `dispatch`.

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
            call = calls.make(key, payload, target, timeout, None, metadata, idempotent, idempotency_key)
        except MeshError as error:
            answer(made_in_handler(Reply.refused(error), key, self._options.collector_id))
            return None
        context = current_call()
        if context is None:
            return dispatcher.submit(call, answer)
        nested = BegunInHandler(context, answer, key, self._options.collector_id)
        return nested.begun(dispatcher.submit(call, nested.settle))

    def contact(self, namespace: str, target: str = "", *, connect: bool = False) -> Contact:
        """Say whether somebody is there for calls in a namespace; see `CallStarter.contact`."""
        _ = connect  # it dials by itself
        if self._dispatcher is None:
            return Contact.IDLE if self._lifetime.state == "new" else Contact.CLOSED
        self._home.check()
        return self.container.readiness().contact(namespace, target)

    def channel(
        self, namespace: str, *, target: str = "", interceptors: "Iterable[aio.ClientInterceptor]" = ()
    ) -> "aio.Channel":
        """Give what generated stubs of gRPC take for a channel: their calls are calls of this collector.

        Each call begins when the stub is called, as with gRPC, and goes where `dispatch` would have it go. It may be made
        before the collector is entered; it is used in the event loop of the collector.

        Of the arguments of a stub, `timeout` without a value is the default timeout of the mesh, and inside of a handler the
        time that its call has left; `metadata` may say `collector-target` for one call; `credentials` are refused;
        `wait_for_ready` and `compression` have no effect.

        Args:
            namespace: where the methods are.
            target: the id of the only collector that may run them.
            interceptors: client interceptors of `grpc.aio`, the outermost first; with them each call takes a task.

        Raises:
            InvalidCallError: the namespace or the target is malformed.
            TypeError: an argument is of a wrong type; the text names it.
        """
        return channel_to(self, namespace, target, interceptors)

    def sync_channel(
        self,
        namespace: str,
        *,
        target: str = "",
        interceptors: "Iterable[ClientInterceptor]" = (),
    ) -> "grpc.Channel":
        """A channel of gRPC for stubs in other threads than that of the collector's event loop; any of them may use it.

        Each call of such a stub is one of this collector, as by `blocking.call`. To close the channel ends its calls.

        Args:
            namespace: where the methods are that stubs call.
            target: the id of the only collector that may run them.
            interceptors: of grpc's own kinds for threads; the first is the outermost, as in `grpc.intercept_channel`.

        Raises:
            InvalidCallError: the namespace or the target is malformed.
            TypeError: an argument is of a wrong type; the text names it.
        """
        return sync_channel_to(
            self._opened_for_threads,
            namespace,
            target,
            interceptors,
            awaited="a stub of collector.channel(...)",
        )

    def _opened_for_threads(self) -> tuple[Bridge, CallStarter]:
        if self._dispatcher is None:
            raise self._home.closed(self._lifetime.state)
        return self._home.bridge(), self


if TYPE_CHECKING:
    _fits: type[CallStarter] = CollectorStubs
