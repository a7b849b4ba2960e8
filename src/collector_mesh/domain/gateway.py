"""The collector as its transports see it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from collector_mesh.domain.dispatcher import Dispatcher
from collector_mesh.domain.executor import Executor
from collector_mesh.domain.greeter import Greeter
from collector_mesh.domain.model.call import NO_HINTS, Call, Origin, checked_metadata
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.inspector import Inspector


class CollectorGateway:
    """Takes what has arrived over a transport to the part that it is for."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        executor: Executor,
        greeter: Greeter,
        inspector: Inspector,
        *,
        clock: Clock,
        default_timeout: float,
    ) -> None:
        self._dispatcher = dispatcher
        self._executor = executor
        self._greeter = greeter
        self._inspector = inspector
        self._clock = clock
        self._default_timeout = default_timeout

    @property
    def inspector(self) -> Inspector:
        """See the port."""
        return self._inspector

    async def connect(self, offer: Offer) -> Welcome:
        """See the port."""
        return await self._greeter.connect(offer)

    async def serve(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        caller: str = "",
        identity: str | None = None,
    ) -> Reply:
        """See the port."""
        try:
            call = Call(
                key,
                payload,
                self._deadline(timeout),
                metadata=checked_metadata(metadata) if metadata else (),
                origin=Origin.PEER if caller else Origin.CLIENT,
                caller=caller,
                identity=identity,
            )
        except MeshError as error:
            return Reply.refused(error)
        return await self._executor.serve(call)

    async def dispatch(
        self,
        key: MethodKey,
        payload: Payload,
        *,
        timeout: float | None = None,
        target: str = "",
        hints: Mapping[str, str] = NO_HINTS,
        metadata: Iterable[tuple[str, str | bytes]] = (),
        identity: str | None = None,
    ) -> Reply:
        """See the port."""
        try:
            call = Call(
                key,
                payload,
                self._deadline(timeout),
                target,
                hints,
                checked_metadata(metadata) if metadata else (),
                origin=Origin.CLIENT,
                identity=identity,
            )
        except MeshError as error:
            return Reply.refused(error)
        return await self._dispatcher.dispatch(call)

    def _deadline(self, timeout: float | None) -> float:
        return self._clock.now() + (self._default_timeout if timeout is None else timeout)


if TYPE_CHECKING:
    _fits: type[Gateway] = CollectorGateway
