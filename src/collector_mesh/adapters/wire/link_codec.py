"""The frames of a link, to and from `collector_mesh.link.v1`."""

from collections.abc import Iterable

from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.adapters.wire.link_control import (
    read_control,
    read_map,
    read_method,
    write_control,
    write_method,
)
from collector_mesh.adapters.wire.link_numbers import check_numbers
from collector_mesh.adapters.wire.weighing import Inner, TooManyFieldsError, bytes_of_field, count_fields
from collector_mesh.domain.link.sizes import MAX_FIELDS, MAX_FRAME_BYTES
from collector_mesh.domain.model.call import NO_HINTS
from collector_mesh.domain.model.errors import NO_DETAILS, Executed, clipped
from collector_mesh.domain.model.frames import (
    CallExtra,
    Calls,
    Chunk,
    Frame,
    Replies,
    ReplyExtra,
)
from collector_mesh.domain.model.status import OK, Metadata, Status
from collector_mesh.domain.ports.frame_stream import MalformedFrameError, UnsendableFrameError

_FEW_BYTES = 4 << 10
"""A frame that is no larger has not enough of anything to matter."""

_MANY_BYTES = 64 << 10
"""Of a frame that is larger it matters what it costs to parse."""

_INTRODUCTION: Inner = {5: {}}
_COUNTED: Inner = {
    2: {1: {3: _INTRODUCTION}, 2: {3: {}, 7: _INTRODUCTION}},
    14: {},
    20: {},
    25: {},
}
"""Where maps and other rare things are: in hello and welcome, in what few calls and replies have, in chunks."""

_CHUNKS = 25

_EXECUTED = (Executed.YES, Executed.NO, Executed.MAYBE)
_EXECUTED_NUMBER = {executed: number for number, executed in enumerate(_EXECUTED)}
_IDEMPOTENT = {0: None, 1: False, 2: True}
_IDEMPOTENT_NUMBER = {None: 0, False: 1, True: 2}


def encode_frame(frame: Frame) -> bytes:
    """A frame as bytes.

    Raises:
        UnsendableFrameError: something in it cannot be encoded.
    """
    try:
        return _encoded(frame)
    except Exception as error:
        raise UnsendableFrameError(f"a frame that cannot be encoded: {error}") from error


def copied(frame: Frame) -> Frame:
    """A frame as it comes out at the other end of a wire.

    Raises:
        UnsendableFrameError: something in it cannot be encoded.
    """
    return decode_frame(encode_frame(frame))


def _encoded(frame: Frame) -> bytes:  # noqa: C901  # a column after the other
    message = pb.Frame(
        credit=frame.credit,
        forget_names=frame.forgets_names,
        texts=frame.texts,
        cancel=frame.cancels,
    )
    if frame.methods:
        message.methods.extend(map(write_method, frame.methods))
    calls, replies = frame.calls, frame.replies
    if calls is not None:
        message.call_first = calls.first
        message.call_method.extend(calls.methods)
        message.call_type.extend(calls.types)
        message.call_value.extend(calls.values)
        message.call_remaining.extend(calls.remaining)
        if calls.modes:
            message.call_mode.extend(calls.modes)
        if calls.traces:
            message.call_trace = calls.traces
        if calls.extras:
            message.call_extra.extend(map(_call_extra, calls.extras))
    if replies is not None:
        message.reply_to.extend(replies.numbers)
        message.reply_type.extend(replies.types)
        message.reply_value.extend(replies.values)
        if replies.executors:
            message.reply_executor.extend(replies.executors)
        if replies.extras:
            message.reply_extra.extend(map(_reply_extra, replies.extras))
    for chunk in frame.chunks:
        message.chunks.add(number=chunk.number, of_reply=chunk.of_reply, value=chunk.value)
    if frame.control is not None:
        write_control(message.control, frame.control)
    return message.SerializeToString()


def decode_frame(data: bytes) -> Frame:
    """Read a frame; what a later version has added is skipped.

    Raises:
        MalformedFrameError: the bytes are no frame, or it is too large, or has too many of something.
    """
    size = len(data)
    try:
        if size > _MANY_BYTES:
            count_fields(data, _COUNTED, MAX_FIELDS)
        if size > MAX_FRAME_BYTES:
            _check_size(data)
        message = pb.Frame.FromString(data)
        # Trace contexts are bytes, of which no objects are made here.
        if size > _FEW_BYTES and size > _FEW_BYTES + len(message.call_trace):
            check_numbers(message)
        return _frame(message, size)
    except (DecodeError, UnicodeDecodeError) as error:
        raise MalformedFrameError("a message that is no frame") from error
    except TooManyFieldsError as error:
        raise MalformedFrameError(f"a frame of more than {MAX_FIELDS} fields") from error


def _check_size(data: bytes) -> None:
    """See that a frame is not too large, but for its chunks: those have the size of what they belong to."""
    size = len(data) - bytes_of_field(data, _CHUNKS)
    if size > MAX_FRAME_BYTES:
        raise MalformedFrameError(
            f"a frame with {size} bytes beside chunks, at most {MAX_FRAME_BYTES} are taken"
        )


def _frame(message: pb.Frame, size: int) -> Frame:
    calls = replies = None
    # A slice copies a whole column at once, a loop over it would ask protobuf for each number.
    if methods := message.call_method:
        calls = Calls(
            message.call_first,
            tuple(methods[:]),
            tuple(message.call_type[:]),
            tuple(message.call_value[:]),
            tuple(message.call_remaining[:]),
            tuple(message.call_mode[:]),
            tuple(map(_read_call_extra, message.call_extra)),
            message.call_trace,
        )
    if numbers := message.reply_to:
        replies = Replies(
            tuple(numbers[:]),
            tuple(message.reply_type[:]),
            tuple(message.reply_value[:]),
            tuple(message.reply_executor[:]),
            tuple(map(_read_reply_extra, message.reply_extra)),
        )
    return Frame(
        message.credit,
        read_control(message.control) if message.HasField("control") else None,
        message.forget_names,
        tuple(map(read_method, message.methods)),
        tuple(message.texts),
        calls,
        replies,
        tuple(message.cancel),
        tuple(Chunk(chunk.number, chunk.of_reply, chunk.value) for chunk in message.chunks),
        size,
    )


def _pairs(metadata: Metadata) -> Iterable[pb.Pair]:
    for key, value in metadata:
        if isinstance(value, bytes):
            yield pb.Pair(key=key, data=value)
        else:
            yield pb.Pair(key=key, text=value)


def _read_pairs(pairs: Iterable[pb.Pair]) -> Metadata:
    return tuple((pair.key, pair.data if pair.WhichOneof("value") == "data" else pair.text) for pair in pairs)


def _call_extra(extra: CallExtra) -> pb.CallExtra:
    return pb.CallExtra(
        index=extra.index,
        target=extra.target,
        hints=extra.hints,
        hops=extra.hops,
        visited=extra.visited,
        metadata=_pairs(extra.metadata),
        idempotent=_IDEMPOTENT_NUMBER[extra.idempotent],
        size=extra.size,
        tracestate=extra.tracestate.decode("ascii", "replace"),
        idempotency_key=extra.idempotency_key,
    )


def _read_call_extra(extra: pb.CallExtra) -> CallExtra:
    return CallExtra(
        extra.index,
        extra.target,
        read_map(extra.hints, NO_HINTS),
        extra.hops,
        tuple(extra.visited),
        _read_pairs(extra.metadata),
        _IDEMPOTENT.get(extra.idempotent),
        extra.size,
        extra.tracestate.encode("ascii", "replace"),
        extra.idempotency_key,
    )


def _reply_extra(extra: ReplyExtra) -> pb.ReplyExtra:
    status = extra.status
    return pb.ReplyExtra(
        index=extra.index,
        code=0 if status is OK else status.code,
        message="" if status is OK else status.message,
        details=status.details,
        executed=_EXECUTED_NUMBER[extra.executed],
        metadata=_pairs(extra.metadata),
        size=extra.size,
        tried=extra.tried,
        initial_metadata=_pairs(extra.initial_metadata),
    )


def _read_reply_extra(extra: pb.ReplyExtra) -> ReplyExtra:
    # What a later version may mean by another number is not known: it may have run.
    executed = _EXECUTED[extra.executed] if extra.executed < len(_EXECUTED) else Executed.MAYBE
    status = OK
    if extra.code:
        status = Status(extra.code, clipped(extra.message), read_map(extra.details, NO_DETAILS))
    tried = tuple(map(clipped, extra.tried))
    initial = _read_pairs(extra.initial_metadata) if extra.initial_metadata else ()
    return ReplyExtra(extra.index, status, executed, _read_pairs(extra.metadata), extra.size, tried, initial)
