"""The collector as its transports see it."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from collector_mesh.domain.calls.dispatcher import Dispatcher
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.model.call import NO_HINTS, Call, Origin, checked_metadata
from collector_mesh.domain.model.errors import ForbiddenError, InvalidCallError, LoopError, MeshError
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.greeter import Greeter
from collector_mesh.domain.peers.links import Links
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.frame_stream import FrameStream
from collector_mesh.domain.ports.gateway import Gateway
from collector_mesh.domain.ports.inspector import Inspector
from collector_mesh.domain.serving.executor import Executor


class CollectorGateway:
    """Takes what has arrived over a transport to the part that it is for."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        executor: Executor,
        greeter: Greeter,
        links: Links,
        inspector: Inspector,
        *,
        collector_id: str,
        clock: Clock,
        policies: Policies,
    ) -> None:
        self._dispatcher = dispatcher
        self._executor = executor
        self._greeter = greeter
        self._links = links
        self._collector_id = collector_id
        self._inspector = inspector
        self._clock = clock
        self._policies = policies
        links.take_call = self.take

    def accept(self, stream: FrameStream) -> None:
        """See the port."""
        self._links.accept(stream)

    def take(self, taken: TakenCall) -> None:
        """Run a call that has come over a link."""
        call = taken.call
        if taken.mode == Mode.SERVE and call.origin is Origin.PEER and not call.metadata:
            taken.work = self._executor.begin_serve(call, taken.answer)
            return
        try:
            if call.metadata:
                call.metadata = checked_metadata(call.metadata)
            self._check_mode(taken)
        except MeshError as error:
            taken.answer(Reply.refused(error))
            return
        if taken.mode == Mode.SERVE:
            taken.work = self._executor.begin_serve(call, taken.answer)
        else:
            taken.work = self._dispatcher.begin(call, taken.answer)

    def _check_mode(self, taken: TakenCall) -> None:
        call = taken.call
        if taken.mode == Mode.DISPATCH:
            if call.hops > MAX_HOPS or self._collector_id in call.visited:
                raise LoopError(
                    f"passed on {call.hops} times, by {', '.join(call.visited[:8])}: {MAX_HOPS} are allowed"
                )
        elif taken.mode != Mode.SERVE:
            raise InvalidCallError(f"mode must be 0 (serve) or 1 (dispatch), got {taken.mode}")
        elif call.origin is not Origin.PEER:
            raise ForbiddenError("a client may dispatch only")

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
        identity: Identity | None = None,
    ) -> Reply:
        """See the port."""
        try:
            call = Call(
                key,
                payload,
                self._deadline(key, timeout),
                metadata=checked_metadata(metadata) if metadata else (),
                origin=Origin.CLIENT,
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
        identity: Identity | None = None,
    ) -> Reply:
        """See the port."""
        try:
            call = Call(
                key,
                payload,
                self._deadline(key, timeout),
                target,
                hints,
                checked_metadata(metadata) if metadata else (),
                origin=Origin.CLIENT,
                identity=identity,
            )
        except MeshError as error:
            return Reply.refused(error)
        return await self._dispatcher.dispatch(call)

    def _deadline(self, key: MethodKey, timeout: float | None) -> float:
        return self._clock.now() + (self._policies.of(key).timeout if timeout is None else timeout)


if TYPE_CHECKING:
    _fits: type[Gateway] = CollectorGateway
