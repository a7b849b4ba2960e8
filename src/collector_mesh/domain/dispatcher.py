"""A call on its way out: checked, authorized, admitted, routed, attempted."""

from collector_mesh.domain.executor import Executor
from collector_mesh.domain.handlers import HandlerRegistry
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    MeshError,
    NotFoundError,
    PayloadTooLargeError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.names import check_name
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.peering import Peering
from collector_mesh.domain.policies.admission import Slots
from collector_mesh.domain.policies.retry import Retry, is_discovery
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.router import Router
from collector_mesh.domain.topology import Connection, Topology


class Dispatcher:
    """Finds a collector for a call and has it run there. It never raises but what cancels it."""

    def __init__(
        self,
        collector_id: str,
        executor: Executor,
        handlers: HandlerRegistry,
        router: Router,
        topology: Topology,
        peering: Peering,
        *,
        clock: Clock,
        dice: Randomness,
        slots: Slots,
        retry: Retry,
        max_payload_bytes: int,
    ) -> None:
        self._collector_id = collector_id
        self._executor = executor
        self._handlers = handlers
        self._router = router
        self._topology = topology
        self._peering = peering
        self._clock = clock
        self._dice = dice
        self._slots = slots
        self._retry = retry
        self._max_payload_bytes = max_payload_bytes

    async def dispatch(self, call: Call) -> Reply:
        """Have a call run: on its target, else here, else on a peer that shares the namespace."""
        slots = self._slots
        runs_here = self._handlers.find(call.key) is not None
        try:
            if call.origin is not Origin.LOCAL:
                self._executor.check(call)
                self._executor.check_open()
            else:
                if not runs_here:
                    call.key.check()
                size = len(call.payload.value)
                if size > self._max_payload_bytes:
                    raise PayloadTooLargeError.of(size, self._max_payload_bytes)
            slots.take()
        except MeshError as error:
            return Reply.refused(error)
        try:
            if call.target:
                return await self._to_target(call)
            if runs_here:
                reply = await self._executor.run(call)
                if reply.status is OK or not self._goes_on(call, reply, 1):
                    return reply
                return await self._to_peers(call, reply)
            return await self._to_peers(call, None)
        except MeshError as error:
            return Reply.refused(error)
        finally:
            slots.release()

    async def _to_target(self, call: Call) -> Reply:
        target = call.target
        if target == self._collector_id:
            return await self._executor.run(call)
        connection = self._topology.get(target)
        if connection is None:
            check_name("target_collector_id", target)
            raise NotFoundError(f"no connection to collector {quoted(target)}")
        namespace = call.key.namespace
        if namespace not in connection.shared_namespaces:
            raise NotFoundError(
                f"no connection to collector {quoted(target)} in namespace {quoted(namespace)}"
            )
        return await self._attempt(connection, call)

    async def _to_peers(self, call: Call, refusal: Reply | None) -> Reply:
        """Try one peer after the other; `refusal` is what came of the attempt here, if there was one."""
        key = call.key
        tried: set[str] = set()
        attempts = 0 if refusal is None else 1
        while True:
            now = self._clock.now()
            connection = self._router.choose(key, tried=tried, now=now, dice=self._dice)
            if connection is None:
                break
            tried.add(connection.peer_id)
            reply = await self._attempt(connection, call)
            if is_discovery(reply):
                self._topology.note_lacks(key, connection.peer_id, now=self._clock.now())
                continue
            attempts += 1
            if not self._goes_on(call, reply, attempts):
                return reply
            refusal = reply
        if refusal is not None:
            return refusal
        sharing = self._topology.sharing(key.namespace)
        if sharing and all(connection.state != "live" for connection in sharing):
            raise UnavailableError(f"no collector for namespace {quoted(key.namespace)} answers")
        raise NotFoundError(f"no collector found for namespace {quoted(key.namespace)}")

    def _goes_on(self, call: Call, reply: Reply, attempts: int) -> bool:
        if reply.status.code == 200:
            return False
        idempotent = call.idempotent or call.hints.get("idempotent") == "true"
        return self._retry.allows(reply, attempts=attempts, idempotent=idempotent)

    async def _attempt(self, connection: Connection, call: Call) -> Reply:
        now = self._clock.now()
        if call.deadline <= now:
            raise DeadlineExceededError("deadline exceeded", executed=Executed.NO)
        if connection.state != "live":
            raise UnavailableError(f"collector {quoted(connection.peer_id)} does not answer")
        connection.in_flight += 1
        try:
            reply = await connection.link.serve(call)
        except MeshError as error:
            if isinstance(error, UnavailableError):
                self._peering.has_failed(connection, str(error))
            return Reply.refused(error)
        finally:
            connection.in_flight -= 1
        connection.last_news = self._clock.now()
        return reply
