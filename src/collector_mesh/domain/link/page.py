"""The columns of a frame while it is being written, and the numbers for its names."""

import attrs

from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.link.sizes import NAME_BYTES, NAMES_KEPT_BYTES, method_bytes, text_bytes
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, InvalidCallError, quoted
from collector_mesh.domain.model.frames import NO_LIMIT, CallExtra, Calls, Replies, ReplyExtra
from collector_mesh.domain.model.limits import is_long, long_type_url
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.trace_context import IDS_BYTES, NO_IDS

_IDEMPOTENT = (None, True, False)
_MOST_THAT_FITS = (1 << 32) - 1


class Names:
    """Numbers for the names that are sent.

    Args:
        limit: how many are kept at a time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self.new_bytes = 0
        """What those that were not told yet cost."""
        self.methods: dict[MethodKey, int] = {}
        self.texts: dict[str, int] = {"": 0}
        self.new_methods: list[MethodKey] = []
        self.new_texts: list[str] = []
        self.are_forgotten = False

    @property
    def held_bytes(self) -> int:
        """What they cost in memory, about."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether it is time to `forget`."""
        return len(self.methods) + len(self.texts) > self._limit or self._bytes > NAMES_KEPT_BYTES

    def forget(self) -> None:
        """Begin anew; only between two frames."""
        self.methods, self.texts, self._bytes = {}, {"": 0}, 0
        self.are_forgotten = True

    def method(self, key: MethodKey) -> int:
        """The number of a method; a new one is told with the frame.

        Raises:
            InvalidCallError: its names are no such.
        """
        number = self.methods.get(key)
        if number is None:
            key.check()
            self._count(method_bytes(key))
            number = self.methods[key] = len(self.methods)
            self.new_methods.append(key)
        return number

    def text(self, text: str) -> int:
        """The number of a type URL or a collector id; a new one is told with the frame.

        Raises:
            InvalidCallError: it is too long.
        """
        number = self.texts.get(text)
        if number is None:
            if is_long(text):
                raise long_type_url(text)
            self._count(text_bytes(text))
            number = self.texts[text] = len(self.texts)
            self.new_texts.append(text)
        return number

    def _count(self, size: int) -> None:
        self.new_bytes += size
        self._bytes += size + NAME_BYTES


class Page:
    """The columns of a frame while it is being written."""

    __slots__ = (
        "call_extras", "done", "executors", "first", "methods", "modes", "names", "now", "numbers", "own_id",
        "remaining", "reply_extras", "reply_types", "reply_values", "traces", "types", "values",
    )  # fmt: skip

    def __init__(self, names: Names, own_id: str, first: int, now: float) -> None:
        self.names = names
        self.own_id = own_id
        self.first = first
        self.now = now
        self.methods: list[int] = []
        self.types: list[int] = []
        self.values: list[bytes] = []
        self.remaining: list[int] = []
        self.modes: list[int] = []
        self.call_extras: list[CallExtra] = []
        self.traces: dict[int, bytes] | None = None
        self.numbers: list[int] = []
        self.reply_types: list[int] = []
        self.reply_values: list[bytes] = []
        self.executors: list[int] = []
        self.reply_extras: list[ReplyExtra] = []
        self.done: TakenCall | None = None
        """A call whose reply has its last chunk in this frame."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added."""
        return not (self.methods or self.numbers)

    def add_call(self, sent: SentCall, left: float, value: bytes, size: int) -> None:
        """Add a call with `left` seconds left; `size` is that of a payload that comes in chunks.

        Raises:
            InvalidCallError: a name of it cannot be told.
        """
        call = sent.call
        index = len(self.methods)
        names, key, type_url = self.names, call.key, call.payload.type_url
        # Nearly all names are known: what else is to be done with one is asked for only where it is not.
        method, kind = names.methods.get(key), names.texts.get(type_url)
        if method is None:
            method = names.method(key)
        if kind is None:
            kind = names.text(type_url)
        trace = call.trace
        if (
            size
            or call.metadata
            or call.idempotent is not None
            or call.idempotency_key
            or (sent.mode and _has_route(call))
            or (trace and (len(trace) > IDS_BYTES or call.visited))
        ):
            # Before anything is added: it may be what cannot be told.
            self.call_extras.append(_extra(sent, index, size))
        if trace:
            if self.traces is None:
                self.traces = {}
            self.traces[index] = trace if len(trace) == IDS_BYTES else trace[:IDS_BYTES]
        self.methods.append(method)
        self.types.append(kind)
        self.values.append(value)
        # Computed when it is written: what a call has waited here has shortened it.
        milliseconds = left * 1000.0
        self.remaining.append(int(milliseconds) or 1 if milliseconds < NO_LIMIT else NO_LIMIT)
        self.modes.append(sent.mode)

    def add_reply(self, number: int, reply: Reply, value: bytes, size: int) -> None:
        """Add the reply to a call; `size` is that of a payload that comes in chunks.

        Raises:
            InvalidCallError: a name of it cannot be told.
        """
        index = len(self.numbers)
        by, executed = reply.handled_by, reply.executed
        has_run = executed is Executed.YES
        type_url = reply.payload.type_url
        kind = self.names.texts.get(type_url)
        if kind is None:
            kind = self.names.text(type_url)
        executor = 0 if has_run and by == self.own_id else self.names.text(by)
        self.numbers.append(number)
        self.reply_types.append(kind)
        self.reply_values.append(value)
        self.executors.append(executor)
        if (
            reply.status is not OK
            or not has_run
            or size
            or reply.metadata
            or reply.tried
            or reply.initial_metadata
        ):
            self.reply_extras.append(
                ReplyExtra(
                    index, reply.status, executed, reply.metadata, size, reply.tried, reply.initial_metadata
                )
            )

    def calls(self) -> Calls | None:
        """The calls that were added."""
        if not self.methods:
            return None
        return Calls(
            self.first,
            tuple(self.methods),
            tuple(self.types),
            tuple(self.values),
            tuple(self.remaining),
            tuple(self.modes) if any(self.modes) else (),
            tuple(self.call_extras),
            b"" if self.traces is None else self._traces(self.traces),
        )

    def _traces(self, traces: dict[int, bytes]) -> bytes:
        count = len(self.methods)
        if len(traces) == count:
            return b"".join(traces.values())
        return b"".join(traces.get(index, NO_IDS) for index in range(count))

    def replies(self) -> Replies | None:
        """The replies that were added."""
        if not self.numbers:
            return None
        return Replies(
            tuple(self.numbers),
            tuple(self.reply_types),
            tuple(self.reply_values),
            tuple(self.executors) if any(self.executors) else (),
            tuple(self.reply_extras),
        )


Written = tuple[Replies | None, dict[str, int], TakenCall | None]
"""The replies of a frame, the numbers of names at that time, and a call whose reply has its last chunk in that frame."""


def replies_again(written: Written, own_id: str) -> dict[int, Reply]:
    """The replies of a frame by the numbers of their calls, but for those whose payloads are not out."""
    replies, numbers_of_texts, done = written
    found: dict[int, Reply] = {}
    if done is not None and done.reply is not None:
        found[done.number] = done.reply
    if replies is None:
        return found
    texts = {number: text for text, number in numbers_of_texts.items()}
    extras = {extra.index: extra for extra in replies.extras}
    executors = replies.executors or (0,) * len(replies.numbers)
    for index, number in enumerate(replies.numbers):
        extra = extras.get(index, ReplyExtra(index))
        if extra.size:
            continue
        by = texts[executors[index]]
        if not by and extra.executed is Executed.YES:
            by = own_id
        payload = Payload(texts[replies.types[index]], replies.values[index])
        found[number] = Reply(
            extra.status,
            payload,
            by,
            extra.executed,
            extra.metadata,
            extra.tried,
            initial_metadata=extra.initial_metadata,
        )
    return found


def _extra(sent: SentCall, index: int, size: int) -> CallExtra:
    call = sent.call
    if call.idempotent not in _IDEMPOTENT or not 0 <= call.hops <= _MOST_THAT_FITS:
        text = f"it cannot be sent: idempotent is {quoted(str(call.idempotent))}, hops is {call.hops}"
        raise InvalidCallError(text)
    extra = CallExtra(
        index,
        metadata=call.metadata,
        idempotent=call.idempotent,
        size=size,
        tracestate=call.trace[IDS_BYTES:],
        idempotency_key=call.idempotency_key,
    )
    if not sent.mode:
        # Who has passed it on is for whoever looks for it in logs.
        return attrs.evolve(extra, visited=call.visited) if call.trace and call.visited else extra
    return attrs.evolve(extra, target=call.target, hints=call.hints, hops=call.hops, visited=call.visited)


def _has_route(call: Call) -> bool:
    return bool(call.target or call.hints or call.hops)
