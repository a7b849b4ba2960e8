"""The frames of a link, to and from `collector_mesh.link.v1`."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from google.protobuf.message import DecodeError

from collector_mesh.adapters.wire.generated import link_pb2 as pb
from collector_mesh.adapters.wire.link_numbers import check_numbers
from collector_mesh.adapters.wire.weighing import Inner, TooManyFieldsError, bytes_of_field, count_fields
from collector_mesh.domain.link.sizes import MAX_FIELDS, MAX_FRAME_BYTES
from collector_mesh.domain.model.call import NO_HINTS
from collector_mesh.domain.model.errors import NO_DETAILS, Executed, clipped
from collector_mesh.domain.model.frames import (
    CallExtra,
    Calls,
    Catalog,
    CatalogChange,
    Chunk,
    Control,
    Frame,
    Goodbye,
    Greeting,
    Heartbeat,
    Hello,
    Introduction,
    Limits,
    Replies,
    ReplyExtra,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import NO_LABELS, MethodInfo
from collector_mesh.domain.model.status import OK, Metadata, Status
from collector_mesh.domain.ports.frame_stream import MalformedFrameError, UnsendableFrameError

_DEFAULT_LIMITS = Limits(4 << 20, 4)
"""Of an end that does not tell its own."""

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

READ_AT_ONCE = 4096
"""Methods of a catalog."""

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


def _encoded(frame: Frame) -> bytes:
    message = pb.Frame(
        credit=frame.credit,
        forget_names=frame.forgets_names,
        texts=frame.texts,
        cancel=frame.cancels,
    )
    if frame.methods:
        message.methods.extend(map(_method, frame.methods))
    calls, replies = frame.calls, frame.replies
    if calls is not None:
        message.call_first = calls.first
        message.call_method.extend(calls.methods)
        message.call_type.extend(calls.types)
        message.call_value.extend(calls.values)
        message.call_remaining.extend(calls.remaining)
        if calls.modes:
            message.call_mode.extend(calls.modes)
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
        _write_control(message.control, frame.control)
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
        if size > _FEW_BYTES:
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
        _read_control(message.control) if message.HasField("control") else None,
        message.forget_names,
        tuple(map(_read_method, message.methods)),
        tuple(message.texts),
        calls,
        replies,
        tuple(message.cancel),
        tuple(Chunk(chunk.number, chunk.of_reply, chunk.value) for chunk in message.chunks),
        size,
    )


def _method(key: MethodKey) -> pb.Method:
    return pb.Method(namespace=key.namespace, service=key.service, method=key.method)


def _read_method(method: pb.Method) -> MethodKey:
    return MethodKey(method.namespace, method.service, method.method)


def _pairs(metadata: Metadata) -> Iterable[pb.Pair]:
    for key, value in metadata:
        if isinstance(value, bytes):
            yield pb.Pair(key=key, data=value)
        else:
            yield pb.Pair(key=key, text=value)


def _read_pairs(pairs: Iterable[pb.Pair]) -> Metadata:
    return tuple((pair.key, pair.data if pair.WhichOneof("value") == "data" else pair.text) for pair in pairs)


def _read_map(found: Mapping[str, str], nothing: Mapping[str, str]) -> Mapping[str, str]:
    return dict(found) if found else nothing


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
    )


def _read_call_extra(extra: pb.CallExtra) -> CallExtra:
    return CallExtra(
        extra.index,
        extra.target,
        _read_map(extra.hints, NO_HINTS),
        extra.hops,
        tuple(extra.visited),
        _read_pairs(extra.metadata),
        _IDEMPOTENT.get(extra.idempotent),
        extra.size,
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
    )


def _read_reply_extra(extra: pb.ReplyExtra) -> ReplyExtra:
    # What a later version may mean by another number is not known: it may have run.
    executed = _EXECUTED[extra.executed] if extra.executed < len(_EXECUTED) else Executed.MAYBE
    status = OK
    if extra.code:
        status = Status(extra.code, clipped(extra.message), _read_map(extra.details, NO_DETAILS))
    tried = tuple(map(clipped, extra.tried))
    return ReplyExtra(extra.index, status, executed, _read_pairs(extra.metadata), extra.size, tried)


def _write_control(message: pb.Control, control: Control) -> None:
    message.SetInParent()
    message.draining = control.draining
    message.draining_seen = control.draining_seen
    if (hello := control.hello) is not None:
        message.hello.CopyFrom(
            pb.Hello(
                version=hello.version,
                role=hello.role,
                introduction=_introduction(hello.introduction),
                dial=hello.dial,
            )
        )
    if (greeting := control.greeting) is not None:
        message.welcome.CopyFrom(
            pb.Welcome(
                version=greeting.version,
                code=greeting.status.code,
                message=greeting.status.message,
                details=greeting.status.details,
                connection_id=greeting.connection_id,
                shared_namespaces=greeting.shared_namespaces,
                introduction=_introduction(greeting.introduction),
            )
        )
    if control.catalog is not None:
        message.catalog.CopyFrom(_catalog(control.catalog))
    if (ping := control.ping) is not None:
        message.ping.CopyFrom(_heartbeat(ping))
    if (pong := control.pong) is not None:
        message.pong.CopyFrom(_heartbeat(pong))
    if (goodbye := control.goodbye) is not None:
        message.goodbye.CopyFrom(
            pb.Goodbye(code=goodbye.code, reason=goodbye.reason, is_clean=goodbye.is_clean)
        )
    for reach in control.reach:
        (message.reach_more if reach.adds else message.reach).append(_reach(reach))
    if control.catalog_change is not None:
        message.catalog_change.CopyFrom(_change(control.catalog_change))


def _read_control(message: pb.Control) -> Control:
    hello = greeting = goodbye = None
    if message.HasField("hello"):
        found = message.hello
        hello = Hello(_read_introduction(found.introduction), found.role, found.dial, found.version)
    if message.HasField("welcome"):
        welcome = message.welcome
        greeting = Greeting(
            Status(welcome.code, clipped(welcome.message), _read_map(welcome.details, NO_DETAILS)),
            _read_introduction(welcome.introduction),
            welcome.connection_id,
            tuple(welcome.shared_namespaces),
            welcome.version,
        )
    if message.HasField("goodbye"):
        bye = message.goodbye
        goodbye = Goodbye(bye.code, clipped(bye.reason), bye.is_clean)
    return Control(
        hello=hello,
        greeting=greeting,
        catalog=_read_catalog(message.catalog) if message.HasField("catalog") else None,
        ping=_read_heartbeat(message.ping) if message.HasField("ping") else None,
        pong=_read_heartbeat(message.pong) if message.HasField("pong") else None,
        draining=message.draining,
        draining_seen=message.draining_seen,
        goodbye=goodbye,
        # What is told anew comes first: what adds to it may be in the same frame.
        reach=(
            *map(_read_reach, message.reach),
            *(_read_reach(reach, adds=True) for reach in message.reach_more),
        ),
        catalog_change=_read_change(message.catalog_change) if message.HasField("catalog_change") else None,
    )


def _reach(reach: Reach) -> pb.Reach:
    methods = map(_method_flags, reach.methods)
    return pb.Reach(collector_id=reach.collector_id, path=reach.path, methods=methods, gone=reach.is_gone)


def _read_reach(reach: pb.Reach, *, adds: bool = False) -> Reach:
    methods = tuple(map(_read_method_flags, reach.methods))
    return Reach(reach.collector_id, tuple(reach.path), methods, reach.gone, adds)


def _change(change: CatalogChange) -> pb.CatalogChange:
    return pb.CatalogChange(
        namespaces=change.namespaces,
        removed_namespaces=change.removed_namespaces,
        methods=map(_method_flags, change.methods),
        removed_methods=map(_method, change.removed_methods),
        more=change.more,
    )


def _read_change(change: pb.CatalogChange) -> CatalogChange:
    return CatalogChange(
        tuple(change.namespaces),
        tuple(change.removed_namespaces),
        tuple(map(_read_method_flags, change.methods)),
        tuple(map(_read_method, change.removed_methods)),
        change.more,
    )


def _heartbeat(heartbeat: Heartbeat) -> pb.Heartbeat:
    return pb.Heartbeat(number=heartbeat.number, lag=min(round(heartbeat.lag * 1000), (1 << 32) - 1))


def _read_heartbeat(heartbeat: pb.Heartbeat) -> Heartbeat:
    return Heartbeat(heartbeat.number, heartbeat.lag / 1000)


def _introduction(who: Introduction) -> pb.Introduction:
    limits = pb.Limits(
        max_payload_bytes=who.limits.max_payload_bytes,
        window=who.limits.window,
        takes_pieces=who.limits.takes_pieces,
    )
    return pb.Introduction(
        collector_id=who.collector_id,
        address=who.address,
        incarnation=who.incarnation,
        catalog=_catalog(who.catalog),
        labels=who.labels,
        weight=who.weight,
        limits=limits,
    )


def _read_introduction(who: pb.Introduction) -> Introduction:
    return Introduction(
        collector_id=who.collector_id,
        address=who.address,
        incarnation=who.incarnation,
        catalog=_read_catalog(who.catalog),
        labels=_read_map(who.labels, NO_LABELS),
        weight=who.weight,
        limits=Limits(
            who.limits.max_payload_bytes or _DEFAULT_LIMITS.max_payload_bytes,
            who.limits.window or _DEFAULT_LIMITS.window,
            who.limits.takes_pieces,
        ),
    )


def _catalog(catalog: Catalog) -> pb.Catalog:
    return pb.Catalog(
        namespaces=catalog.namespaces, methods=map(_method_flags, catalog.methods), more=catalog.more
    )


def _read_catalog(catalog: pb.Catalog) -> Catalog:
    # Earlier versions tell all of it at once: what is more than this one tells is read by and by.
    methods = catalog.methods
    first = tuple(map(_read_method_flags, methods[:READ_AT_ONCE]))
    unread = tuple(
        partial(_read_some, methods, begin) for begin in range(READ_AT_ONCE, len(methods), READ_AT_ONCE)
    )
    return Catalog(tuple(catalog.namespaces), first, catalog.more, unread)


def _read_some(methods: Sequence[pb.MethodFlags], begin: int) -> tuple[MethodInfo, ...]:
    return tuple(map(_read_method_flags, methods[begin : begin + READ_AT_ONCE]))


def _method_flags(info: MethodInfo) -> pb.MethodFlags:
    return pb.MethodFlags(
        method=_method(info.key),
        idempotent=info.idempotent,
        kind="" if info.kind == "unary" else info.kind,
    )


def _read_method_flags(flags: pb.MethodFlags) -> MethodInfo:
    return MethodInfo(_read_method(flags.method), flags.kind or "unary", flags.idempotent)
