"""A call on its way out: checked, authorized, admitted, routed, attempted."""

from collections.abc import Callable, Coroutine
from typing import Any

from collector_mesh.domain.executor import Executor
from collector_mesh.domain.handlers import HandlerRegistry
from collector_mesh.domain.link.entries import Cancellable, SentCall
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
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.names import MethodKey, check_name
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.peering import Peering
from collector_mesh.domain.policies.admission import Slots
from collector_mesh.domain.policies.retry import Retry, is_discovery
from collector_mesh.domain.ports.clock import Clock
from collector_mesh.domain.ports.randomness import Randomness
from collector_mesh.domain.ports.tasks import Promise, Tasks
from collector_mesh.domain.relay import Relay
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
        tasks: Tasks,
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
        self._tasks = tasks
        self._promise = tasks.promise
        self._clock = clock
        self._dice = dice
        self._slots = slots
        self._retry = retry
        self._max_payload_bytes = max_payload_bytes

    async def dispatch(self, call: Call) -> Reply:  # noqa: C901  # see below: what it saves is a quarter
        """Have a call run: on its target, else here, else on a peer that shares the namespace."""
        try:
            runs_here = self._admit(call)
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
            connection = self._router.choose(call.key, tried=(), now=self._clock.now(), dice=self._dice)
            if connection is None or connection.engine is None:
                return await self._to_peers(call, None)
            # Nearly every call that leaves succeeds at the first peer: what `_to_peers`, `_attempt` and the
            # link do in four coroutines is done here in none, which is a quarter of what the caller pays.
            promise: Promise[Reply] = self._promise()

            def settle(reply: Reply) -> None:
                if not promise.done():
                    promise.set_result(reply)

            sent = SentCall(call, Mode.SERVE, settle)
            connection.engine.send(sent)
            try:
                reply = await promise
            except BaseException:
                connection.engine.cancel(sent)
                raise
            if reply.status is OK:
                return reply
            return await self._after(call, connection, reply)
        except MeshError as error:
            return Reply.refused(error)
        finally:
            self._slots.release()

    def begin(self, call: Call, answer: Callable[[Reply], None]) -> Cancellable | None:
        """As `dispatch`, but nobody awaits it: `answer` is called with what comes of it.

        A call that runs here, or on the first peer that it is sent to, takes no task beside the handler's.
        """
        try:
            runs_here = self._admit(call)
        except MeshError as error:
            answer(Reply.refused(error))
            return None
        relay = Relay(call, answer, self._slots.release, self._go_on)
        if runs_here and call.target in ("", self._collector_id):
            relay.run_here(self._executor)
            return relay
        connection = None
        if not call.target:
            key, now = call.key, self._clock.now()
            connection = self._router.choose(key, tried=(), now=now, dice=self._dice)
        if connection is not None and connection.engine is not None and call.deadline > self._clock.now():
            relay.send(connection, connection.engine)
        else:
            relay.work = self._finish(relay, self._from_the_start(call))
        return relay

    def _admit(self, call: Call) -> bool:
        """See that a call may go out, and take a slot for it; gives whether it can run here."""
        runs_here = self._handlers.find(call.key) is not None
        if call.origin is not Origin.LOCAL:
            self._executor.check(call)
            self._executor.check_open()
        else:
            if not runs_here and not self._topology.having(call.key):
                call.key.check()
            size = len(call.payload.value)
            if size > self._max_payload_bytes:
                raise PayloadTooLargeError.of(size, self._max_payload_bytes)
        self._slots.take()
        return runs_here

    def known_key(self, names: tuple[str, str, str]) -> MethodKey | None:
        """The key of a method that a peer has, so that it need not be made and checked."""
        return self._topology.known_key(names)

    async def _after(self, call: Call, connection: Connection, reply: Reply) -> Reply:
        """What comes of a call after the first peer that it was sent to has not run it."""
        if is_discovery(reply):
            self._topology.note_lacks(call.key, connection.peer_id, now=self._clock.now())
            return await self._to_peers(call, None, tried=connection.peer_id, attempts=0)
        if self._moved(connection, reply) is not None:
            return await self._to_peers(call, None)
        if not self._goes_on(call, reply, 1):
            return reply
        return await self._to_peers(call, reply, tried=connection.peer_id, attempts=1)

    def _go_on(self, relay: Relay, reply: Reply) -> bool:
        """What to do with the first reply to a call that nobody awaits; True if it goes elsewhere."""
        call, connection = relay.call, relay.connection
        if connection is None:
            if not self._goes_on(call, reply, 1):
                return False
            relay.work = self._finish(relay, self._to_peers(call, reply))
            return True
        if not is_discovery(reply) and not self._goes_on(call, reply, 1):
            return False
        relay.work = self._finish(relay, self._after(call, connection, reply))
        return True

    def _finish(self, relay: Relay, work: Coroutine[Any, Any, Reply]) -> Cancellable | None:
        """Do what is left of a call that nobody awaits in a task of its own."""

        def settle(reply: Reply | None, error: BaseException | None) -> None:
            if reply is None:
                known = error if isinstance(error, MeshError) else UnavailableError("it was stopped")
                reply = Reply.refused(known)
            relay.finish(reply)

        try:
            outcome = self._tasks.begin(work)
        except Exception as error:  # noqa: BLE001  # whatever goes wrong is an outcome
            settle(None, error)
            return None
        if isinstance(outcome, Reply):
            settle(outcome, None)
            return None
        # The deadline is that of each attempt: what has run may still be told.
        return outcome.go_on(float("inf"), _nothing, settle)

    async def _from_the_start(self, call: Call) -> Reply:
        try:
            return await (self._to_target(call) if call.target else self._to_peers(call, None))
        except MeshError as error:
            return Reply.refused(error)

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
        reply = await self._attempt(connection, call)
        while (moved := self._moved(connection, reply)) is not None:
            connection = moved
            reply = await self._attempt(connection, call)
        return reply

    def _moved(self, connection: Connection, reply: Reply) -> Connection | None:
        """Another link to the same peer, where a call was not run because the one that it was sent over ended."""
        if reply.status.code != UnavailableError.code or reply.executed is not Executed.NO:
            return None
        current = self._topology.get(connection.peer_id)
        if current is None or current is connection or current.state not in ("live", "suspect"):
            return None
        return current

    async def _to_peers(
        self, call: Call, refusal: Reply | None, *, tried: str = "", attempts: int | None = None
    ) -> Reply:
        """Try one peer after the other; `refusal` is what came of the attempt before, if there was one."""
        key = call.key
        seen = {tried} if tried else set()
        if attempts is None:
            attempts = 0 if refusal is None else 1
        while True:
            now = self._clock.now()
            connection = self._router.choose(key, tried=seen, now=now, dice=self._dice)
            if connection is None:
                break
            seen.add(connection.peer_id)
            reply = await self._attempt(connection, call)
            if is_discovery(reply):
                self._topology.note_lacks(key, connection.peer_id, now=self._clock.now())
                continue
            if self._moved(connection, reply) is not None:
                seen.discard(connection.peer_id)
                continue
            attempts += 1
            if not self._goes_on(call, reply, attempts):
                return reply
            refusal = reply
        if refusal is not None:
            return refusal
        known = (*self._topology.having(key), *self._topology.silent(key.namespace))
        if known and not any(connection.is_up for connection in known):
            self._peering.dial_now(known)
            raise UnavailableError(f"no collector for namespace {quoted(key.namespace)} answers")
        raise NotFoundError(f"no collector found for namespace {quoted(key.namespace)}")

    def _goes_on(self, call: Call, reply: Reply, attempts: int) -> bool:
        if reply.status.code == 200:
            return False
        idempotent = call.idempotent or call.hints.get("idempotent") == "true"
        return self._retry.allows(reply, attempts=attempts, idempotent=idempotent)

    async def _attempt(self, connection: Connection, call: Call) -> Reply:
        if call.deadline <= self._clock.now():
            error = DeadlineExceededError("deadline exceeded", executed=Executed.NO)
            return Reply.refused(error)
        if not connection.is_up:
            self._peering.dial_now((connection,))
            text = f"collector {quoted(connection.peer_id)} does not answer: {connection.reason}"
            return Reply.refused(UnavailableError(text))
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


def _nothing() -> None:
    """Nothing is given back when the work has ended."""
