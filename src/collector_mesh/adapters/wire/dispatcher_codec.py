"""The messages of `collector.CollectiveDispatcher`, to and from the words of the domain."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from collector_mesh.adapters.wire.connect_layout import (
    MalformedRequestError,
    TooLargeRequestError,
    read_connect,
    write_original,
)
from collector_mesh.adapters.wire.generated import dispatcher_pb2 as pb
from collector_mesh.adapters.wire.weighing import Inner, TooManyFieldsError, count_fields
from collector_mesh.domain.link.sizes import MAX_TRIED
from collector_mesh.domain.model.call import NO_HINTS, Call
from collector_mesh.domain.model.errors import (
    NO_DETAILS,
    Executed,
    InvalidCallError,
    OutcomeUnknownError,
    clipped,
)
from collector_mesh.domain.model.introduction import Offer, Welcome
from collector_mesh.domain.model.limits import (
    MAX_HINTS_BYTES,
    bytes_of_pairs,
    check_sizes,
    fitting_details,
    too_long,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.routing_keys import IDEMPOTENCY_KEY
from collector_mesh.domain.model.status import OK, Reply, Status

IDEMPOTENT_HINT = "idempotent"
"""Under this key `routing_hints` says "true" of a call that may run twice."""

ATTEMPTS = "attempts"
"""The detail of a status that names who was tried, in order, where it was more than the one who ran the call."""

UNREADABLE = (DecodeError, UnicodeDecodeError, TooManyFieldsError)
"""What reading bytes that are no message raises; the second one comes from protobuf's pure-Python implementation."""

_MANY_BYTES = 16 << 10
"""Of a message that is larger it matters what it costs to parse."""

_MAX_FIELDS = 4096
_COUNTED_IN_REQUEST: Inner = {2: {}, 4: {}, 5: {}, 6: {}}
"""Service, input, context and hints: none of them is a text in any request."""

_COUNTED_IN_RESPONSE: Inner = {1: {3: {}}, 2: {}}
"""Status with its details, and output."""

_MAYBE_EXECUTED = frozenset({499, 502, 504})
_ALWAYS_EXECUTED = frozenset({200, 500})


M = TypeVar("M", bound=Message)


class Incoming(NamedTuple):
    """A request as it has arrived: nothing in it has been checked."""

    key: MethodKey
    payload: Payload
    target: str = ""
    hints: Mapping[str, str] = NO_HINTS
    idempotency_key: str = ""


def encode_connect(offer: Offer) -> bytes:
    """A ConnectRequest, in the layout of the Go original: only whoever has no links gets one."""
    return write_original(offer.collector_id, offer.address, offer.namespaces)


def decode_connect(data: bytes) -> Offer:
    """Read a ConnectRequest of either layout.

    Raises:
        InvalidCallError: the bytes are no such message.
    """
    try:
        fields = read_connect(data)
    except TooLargeRequestError as error:
        raise InvalidCallError(str(error)) from error
    except MalformedRequestError as error:
        raise InvalidCallError("malformed request") from error
    return Offer(fields.collector_id, fields.address, fields.namespaces)


def encode_connected(welcome: Welcome) -> bytes:
    """A ConnectResponse."""
    return pb.ConnectResponse(
        status=_status(welcome.status),
        connection_id=welcome.connection_id,
        shared_namespaces=welcome.shared_namespaces,
        target_collector_id=welcome.collector_id,
    ).SerializeToString()


def decode_connected(data: bytes) -> Welcome:
    """Read a ConnectResponse.

    Raises:
        DecodeError, UnicodeDecodeError: the bytes are no such message; see `UNREADABLE`.
    """
    response = _response(pb.ConnectResponse, data)
    return Welcome(
        _read_status(response.status),
        response.connection_id,
        tuple(response.shared_namespaces),
        response.target_collector_id,
    )


def encode_serve(call: Call) -> bytes:
    """A ServeRequest.

    Raises:
        InvalidCallError: a part of the call is too large.
    """
    check_sizes(call)
    request = pb.ServeRequest()
    _write_call(request, call)
    if call.idempotency_key:
        request.execution_context[IDEMPOTENCY_KEY] = call.idempotency_key
    return request.SerializeToString()


def decode_serve(data: bytes) -> Incoming:
    """Read a ServeRequest.

    Raises:
        InvalidCallError: the bytes are no such message, or it has too many fields.
    """
    request = _request(pb.ServeRequest, data)
    payload = request.input
    return Incoming(
        MethodKey(request.namespace, request.service.service_name, request.method_name),
        Payload(payload.type_url, payload.value),
        idempotency_key=request.execution_context.get(IDEMPOTENCY_KEY, ""),
    )


def encode_served(reply: Reply) -> bytes:
    """A ServeResponse."""
    response = pb.ServeResponse(executor_id=reply.handled_by)
    _write_reply(response, reply)
    return response.SerializeToString()


def decode_served(data: bytes) -> Reply:
    """Read a ServeResponse.

    Raises:
        DecodeError, UnicodeDecodeError: the bytes are no such message; see `UNREADABLE`.
    """
    response = _response(pb.ServeResponse, data)
    return _reply(response.status, response.output.type_url, response.output.value, response.executor_id)


def encode_dispatch(call: Call) -> bytes:
    """A DispatchRequest.

    Raises:
        InvalidCallError: a part of the call is too large.
    """
    check_sizes(call)
    request = pb.DispatchRequest(target_collector_id=call.target, routing_hints=call.hints)
    _write_call(request, call)
    if call.idempotent is not None:
        request.routing_hints[IDEMPOTENT_HINT] = "true" if call.idempotent else "false"
        if call.hints and (size := bytes_of_pairs(request.routing_hints.items())) > MAX_HINTS_BYTES:
            raise too_long("hints", size, MAX_HINTS_BYTES)
    if call.idempotency_key:
        request.routing_hints[IDEMPOTENCY_KEY] = call.idempotency_key
    return request.SerializeToString()


def decode_dispatch(data: bytes) -> Incoming:
    """Read a DispatchRequest.

    Raises:
        InvalidCallError: the bytes are no such message, or it has too many fields.
    """
    request = _request(pb.DispatchRequest, data)
    payload = request.input
    hints, key = NO_HINTS, ""
    if request.routing_hints:
        hints = given = dict(request.routing_hints)
        key = given.pop(IDEMPOTENCY_KEY, "")
    return Incoming(
        MethodKey(request.namespace, request.service.service_name, request.method_name),
        Payload(payload.type_url, payload.value),
        request.target_collector_id,
        hints,
        key,
    )


def encode_dispatched(reply: Reply) -> bytes:
    """A DispatchResponse."""
    response = pb.DispatchResponse(handled_by_collector_id=reply.handled_by)
    _write_reply(response, reply)
    # A detail of the handler's own of that name is left as it is.
    if reply.tried and ATTEMPTS not in response.status.details:
        response.status.details[ATTEMPTS] = ", ".join(reply.tried)
    return response.SerializeToString()


def decode_dispatched(data: bytes) -> Reply:
    """Read a DispatchResponse.

    Raises:
        DecodeError, UnicodeDecodeError: the bytes are no such message; see `UNREADABLE`.
    """
    response = _response(pb.DispatchResponse, data)
    reply = _reply(
        response.status,
        response.output.type_url,
        response.output.value,
        response.handled_by_collector_id,
    )
    if told := response.status.details.get(ATTEMPTS):
        tried = tuple(told.split(", ")[:MAX_TRIED])
        # Whoever has run the call comes last; else a handler means something else by it.
        if reply.handled_by in ("", tried[-1]) or len(tried) == MAX_TRIED:
            reply.tried = tried
    return reply


def _request(kind: type[M], data: bytes) -> M:
    try:
        if len(data) > _MANY_BYTES:
            count_fields(data, _COUNTED_IN_REQUEST, _MAX_FIELDS)
        return kind.FromString(data)
    except TooManyFieldsError as error:
        raise InvalidCallError(f"a request of more than {_MAX_FIELDS} fields") from error
    except UNREADABLE as error:
        raise InvalidCallError("malformed request") from error


def _response(kind: type[M], data: bytes) -> M:
    if len(data) > _MANY_BYTES:
        count_fields(data, _COUNTED_IN_RESPONSE, _MAX_FIELDS)
    return kind.FromString(data)


def _write_call(request: pb.ServeRequest | pb.DispatchRequest, call: Call) -> None:
    key = call.key
    request.namespace = request.service.namespace = key.namespace
    request.service.service_name = key.service
    request.method_name = key.method
    request.input.type_url = call.payload.type_url
    request.input.value = call.payload.value


def _write_reply(response: pb.ServeResponse | pb.DispatchResponse, reply: Reply) -> None:
    status = reply.status
    code = status.code
    if reply.executed is Executed.MAYBE and code not in _MAYBE_EXECUTED:
        # Nothing else could tell it here, and any other code would say that it did not run.
        code = OutcomeUnknownError.code
    response.status.code = code
    response.status.message = status.message
    if status.details:
        response.status.details.update(fitting_details(status.details))
    if status.code == OK.code:
        response.output.type_url = reply.payload.type_url
        response.output.value = reply.payload.value


def _status(status: Status) -> pb.Status:
    return pb.Status(code=status.code, message=status.message, details=status.details)


def _read_status(status: pb.Status) -> Status:
    if status.code == OK.code and status.message == OK.message and not status.details:
        return OK
    return Status(
        status.code, clipped(status.message), dict(status.details) if status.details else NO_DETAILS
    )


def _reply(status: pb.Status, type_url: str, value: bytes, handled_by: str) -> Reply:
    """A reply; over unary, whether a handler ran is told by who ran it and by the code (WIRE §2)."""
    if handled_by or status.code in _ALWAYS_EXECUTED:
        executed = Executed.YES
    elif status.code in _MAYBE_EXECUTED:
        executed = Executed.MAYBE
    else:
        executed = Executed.NO
    return Reply(_read_status(status), Payload(type_url, value), handled_by, executed)
