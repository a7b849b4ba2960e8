"""The gateway: a call of a client that does not know of the mesh, and the answer to it."""

from typing import Any, NoReturn

from collector_mesh.adapters.grpc.callers import Callers
from collector_mesh.adapters.grpc.codes import told
from collector_mesh.adapters.grpc.door import Context, Door
from collector_mesh.adapters.grpc.headers import routing_in, sendable
from collector_mesh.adapters.grpc.servicers import timeout_of
from collector_mesh.adapters.wire.grpc_codes import Code, GrpcStatus, grpc_status_of
from collector_mesh.domain.model.errors import AmbiguousError, InvalidCallError, MeshError, clipped, quoted
from collector_mesh.domain.model.names import MAX_IDENTIFIERS, NAME, check_identifiers
from collector_mesh.domain.model.payload import TYPE_PREFIX, Payload
from collector_mesh.domain.model.routing_keys import HANDLED_BY_KEY
from collector_mesh.domain.model.status import OK, Metadata, Reply
from collector_mesh.domain.policies.open_streams import OpenStream
from collector_mesh.domain.ports.gateway import Gateway

_MOST_KEPT = 1024
"""Methods of which it is remembered what handles them: callers name them as they like."""

_Handler = Any
"""What grpc takes for a method; the class of the stubs cannot be subscripted when the program runs."""


class Forwarding:
    """Makes what handles calls for a path.

    Args:
        gateway: the collector.
        door: what every request passes.
        proves_identity: whether callers show certificates.
    """

    def __init__(self, gateway: Gateway, door: Door, *, proves_identity: bool) -> None:
        self._gateway = gateway
        self._placing = gateway.placing
        self._door = door
        self._callers = Callers(gateway.identify, proves_identity=proves_identity)
        self._handlers: dict[str, _Handler] = {}

    def of(self, path: str) -> _Handler:
        """What handles calls for a path, whatever that is."""
        handler = self._handlers.get(path)
        if handler is None:
            names = _names_in(path)
            if names is None:
                return self._door.answers(_unreadable(path))
            if len(self._handlers) >= _MOST_KEPT:
                self._handlers.clear()
            handler = self._handlers[path] = self._made(*names)
        return handler

    def _made(self, service: str, method: str) -> _Handler:
        gateway, placing, door, callers = self._gateway, self._placing, self._door, self._callers

        async def answer(context: Context, stream: OpenStream) -> bytes:
            # Whatever can be said before a request is there is said: a client may wait for that before it sends one.
            try:
                identity, headers = callers.known(context)
                metadata, namespace, target, tells, idempotency_key = routing_in(headers)
                key = placing.place(service, method, namespace=namespace, target=target, identity=identity)
                if key is None:
                    door.pause(stream)
                    key = await placing.wait(
                        service,
                        method,
                        namespace=namespace,
                        target=target,
                        identity=identity,
                        timeout=timeout_of(context),
                        address=stream.connection,
                    )
                    door.go_on(stream)
            except AmbiguousError as error:
                await _fail(context, GrpcStatus(Code.FAILED_PRECONDITION, clipped(str(error))))
            except MeshError as error:
                await _fail(context, grpc_status_of(Reply.refused(error)))
            data = await door.read(stream, context)
            if not isinstance(data, bytes):
                await _fail(context, GrpcStatus(Code.INVALID_ARGUMENT, "no request has come"))
            reply = await gateway.forward(
                key,
                Payload(TYPE_PREFIX, data),
                timeout=timeout_of(context),
                target=target,
                metadata=metadata,
                idempotency_key=idempotency_key,
                identity=identity,
                address=stream.connection,
            )
            if reply.initial_metadata and (headers := sendable(reply.initial_metadata)[0]):
                await context.send_initial_metadata(headers)
            if reply.status.code != OK.code:
                status = grpc_status_of(reply)
                await _fail(context, status, _handled_by(reply) if tells else ())
            if reply.metadata or tells:
                own = _handled_by(reply) if tells else ()
                context.set_trailing_metadata((*sendable(reply.metadata)[0], *own))
            return reply.payload.value

        return door.answers(answer)


def _handled_by(reply: Reply) -> Metadata:
    """Whose handler ran, if one did; what another collector says of itself may be no name."""
    return ((HANDLED_BY_KEY, reply.handled_by),) if NAME.fullmatch(reply.handled_by) else ()


async def _fail(context: Context, status: GrpcStatus, own: Metadata = ()) -> NoReturn:
    """End a call with an error. Where it is set and something is returned, grpc sends an empty message before it."""
    code, text, trailing = told(status)
    await context.abort(code, text, (*trailing, *own))


def _names_in(path: str) -> tuple[str, str] | None:
    """The service and the method of a path, None if they are no names."""
    if len(path) > 2 * MAX_IDENTIFIERS + 2:
        return None
    parts = path.split("/", 3)
    if len(parts) != 3 or parts[0]:
        # A slash at the end too: whoever allows or denies paths compares all of them.
        return None
    _, service, method = parts
    try:
        check_identifiers("service", service)
        check_identifiers("method", method)
    except InvalidCallError:
        return None
    return service, method


def _unreadable(path: str) -> Any:
    async def answer(context: Context, _stream: OpenStream) -> bytes:
        text = (
            f"{quoted(path)} is no method of a mesh: its path is /SERVICE/METHOD, identifiers joined by dots"
        )
        await _fail(context, GrpcStatus(Code.UNIMPLEMENTED, text))

    return answer
