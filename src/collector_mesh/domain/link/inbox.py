"""What arrives on a link, checked: names for numbers, payloads from chunks, calls and replies."""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING

from collector_mesh.domain.link.entries import News, SentCall, TakenCall
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.partials import Partial, Partials
from collector_mesh.domain.link.sizes import (
    MAX_ENVELOPES,
    MAX_NAMES,
    MAX_NAMES_BYTES,
    MAX_TRIED,
    NAME_BYTES,
)
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    Executed,
    HandlerError,
    MeshError,
    OutcomeUnknownError,
    OverloadedError,
    PayloadTooLargeError,
)
from collector_mesh.domain.model.frames import (
    NO_LIMIT,
    CallExtra,
    Calls,
    Chunk,
    Frame,
    Replies,
    ReplyExtra,
)
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reply_metadata import with_fitting_metadata
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.trace_context import IDS_BYTES, NO_IDS, SAMPLED, checked_trace

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine

_NO_EXTRAS: Mapping[int, "CallExtra | ReplyExtra"] = MappingProxyType({})
_CODES = range(400, 600)
_CROWDED_SECONDS = 0.1


class Inbox:
    """Reads the frames of one end; what comes of it is told later, when the whole frame has been read.

    Args:
        engine: of the link, for those who answer a call.
        waiting: the calls of this side that have no reply.
        taken: the calls of the other side that have no reply.
        news: is given each call that has a reply now, and each one to be run, once its payload is whole.
        drop: takes back what is left of a call of this side.
        max_payload_bytes: a larger payload in chunks is not kept.
        max_partial_bytes: most bytes of payloads that are not whole.
    """

    def __init__(
        self,
        engine: "LinkEngine",
        waiting: dict[int, SentCall],
        taken: dict[int, TakenCall],
        news: deque[News],
        drop: Callable[[SentCall], None],
        *,
        max_payload_bytes: int,
        max_partial_bytes: int,
    ) -> None:
        self._engine = engine
        self._waiting = waiting
        self._taken = taken
        self._news = news
        self._drop = drop
        self._max_payload_bytes = max_payload_bytes
        self._partials = Partials(max_payload_bytes=max_payload_bytes, max_bytes=max_partial_bytes)
        self._name_bytes = 0
        self._methods: list[MethodKey] = []
        self._texts: list[str] = [""]
        self.last_number = 0
        """The highest number of a call of the other side."""
        self.taken_frames = 0
        """Frames that count in the window."""
        self.peer_id = ""
        self.caller = ""
        """Its id if it is a collector, for the calls that come from it."""
        self.identity: Identity | None = None
        self.source = ""
        """Who the other side is, by what is proved of it, else by where it is."""
        self.origin = Origin.PEER

    def read(self, frame: Frame, now: float, last_own: int) -> None:
        """Take the calls, replies and chunks of a frame; `last_own` is the number of our last call.

        Raises:
            ProtocolError: it makes no sense.
        """
        if frame.takes_room:
            self.taken_frames += 1
        if frame.forgets_names:
            self._methods, self._texts, self._name_bytes = [], [""], 0
        if frame.methods or frame.texts:
            self._learn(frame)
        if frame.replies is not None:
            self._read_replies(frame.replies, last_own)
        if frame.calls is not None:
            self._read_calls(frame.calls, now)
        for chunk in frame.chunks:
            self._read_chunk(chunk, last_own)

    def _learn(self, frame: Frame) -> None:
        """Take down names that are numbers from now on."""
        self._methods += frame.methods
        self._texts += frame.texts
        if len(self._methods) + len(self._texts) > MAX_NAMES:
            raise ProtocolError(f"more than {MAX_NAMES} names")
        self._name_bytes += sum(NAME_BYTES + len(text) for text in frame.texts)
        self._name_bytes += sum(NAME_BYTES + sum(map(len, key)) for key in frame.methods)
        if self._name_bytes > MAX_NAMES_BYTES:
            raise ProtocolError(f"names of more than {MAX_NAMES_BYTES} bytes")

    def forget(self, number: int) -> None:
        """Let go of what has come of a call that was cancelled.

        Raises:
            ProtocolError: there was no such call.
        """
        if not 0 < number <= self.last_number:
            raise ProtocolError(f"a cancel for call {number}, which was never made")
        self._partials.forget(self._partials.calls, number)

    def forget_reply(self, number: int) -> None:
        """Let go of what has come of the reply to a call that nobody waits for anymore."""
        self._partials.forget(self._partials.replies, number)

    def clear(self) -> None:
        """Let go of everything that is not whole: the link has ended."""
        self._partials.clear()

    @property
    def incomplete(self) -> Collection[int]:
        """The numbers of calls that have not come whole."""
        return self._partials.calls.keys()

    def number_on(self, first: int, count: int) -> None:
        """Calls of a lost link are calls of this one from now on.

        Raises:
            ProtocolError: they are not numbered on from those before.
        """
        if first != self.last_number + 1:
            raise ProtocolError(f"call {first} after call {self.last_number}: they are numbered one by one")
        self.last_number += count

    def announced(self, number: int) -> tuple[Executed, str]:
        """What a reply that has not come whole has told: whether the call was run, and where."""
        partial = self._partials.replies.get(number)
        if partial is None or partial.extra is None:
            return Executed.NO, ""
        return partial.extra.executed, partial.by

    @property
    def held_bytes(self) -> int:
        """What is kept of payloads that are not whole, and of names."""
        return self._partials.held_bytes + self._name_bytes

    @property
    def earliest(self) -> float:
        """Before this the time of no call is up whose payload has not come whole."""
        return self._partials.earliest

    def late(self, now: float) -> list[TakenCall]:
        """Calls whose payload has not come in time; what still comes of it is let go of."""
        return self._partials.late(now)

    def _read_replies(self, replies: Replies, last_own: int) -> None:
        numbers = replies.numbers
        count = len(numbers)
        executors = replies.executors or (0,) * count
        if not count == len(replies.types) == len(replies.values) == len(executors):
            raise ProtocolError("replies with columns of different lengths")
        _check_number(count)
        extras = {extra.index: extra for extra in replies.extras} if replies.extras else _NO_EXTRAS
        texts, waiting, news, peer_id = self._texts, self._waiting, self._news, self.peer_id
        index = 0
        try:
            for number, kind, value, executor in zip(
                numbers, replies.types, replies.values, executors, strict=True
            ):
                by = texts[executor] if executor else peer_id
                extra = extras.get(index) if extras else None
                index += 1
                sent = waiting.get(number)
                if sent is None:
                    # Its call has been cancelled, or was never made.
                    if not 0 < number <= last_own:
                        raise ProtocolError(f"a reply to call {number}, which was never made")
                    continue
                payload = Payload(texts[kind], value)
                if extra is None:
                    del waiting[number]
                    sent.reply = Reply(OK, payload, by, Executed.YES)
                    news.append(sent)
                else:
                    self._read_unusual(sent, payload, by if executor else "", extra)
        except IndexError:
            raise ProtocolError("a reply with a number for a name that was never told") from None

    def _read_unusual(
        self, sent: SentCall, payload: Payload, by: str, extra: "CallExtra | ReplyExtra"
    ) -> None:
        """Read a reply that is not just 200 and a payload."""
        assert isinstance(extra, ReplyExtra)  # for the type checker: the caller has put it there
        if not by and extra.executed is Executed.YES:
            by = self.peer_id
        if extra.size:
            self._partials.add(Partial(sent, extra.size, payload.type_url, extra, by))
        else:
            self._settle(sent, payload, by, extra)

    def _settle(self, sent: SentCall, payload: Payload, by: str, extra: ReplyExtra) -> None:
        if sent.number not in self._waiting:
            return
        if sent.size:  # it was answered before it was all out
            self._drop(sent)
        else:
            del self._waiting[sent.number]
        sent.reply = self._reply(payload, by, extra)
        self._news.append(sent)

    def _reply(self, payload: Payload, by: str, extra: ReplyExtra) -> Reply:
        status, executed = extra.status, extra.executed
        if status.code == OK.code or (by and executed is Executed.NO):
            # As over unary (WIRE §2): whoever tells of success, or names who ran it, says that a handler ran.
            by, executed = by or self.peer_id, Executed.YES
        if status.code != OK.code and status.code not in _CODES:
            text = f"outcome unknown: {self.peer_id} has answered with the code {status.code}, which means nothing"
            return Reply.refused(OutcomeUnknownError(text, executed=executed, handled_by=by))
        if extra.size > self._max_payload_bytes:
            text = f"handler error: result of {extra.size} bytes is over the limit of {self._max_payload_bytes} bytes"
            return Reply.refused(HandlerError(text, executed=executed, handled_by=by))
        reply = Reply(
            status,
            payload,
            by,
            executed,
            extra.metadata,
            extra.tried[:MAX_TRIED],
            initial_metadata=extra.initial_metadata,
        )
        # Whoever is at the other end may have put anything there.
        return with_fitting_metadata(reply) if reply.metadata or reply.initial_metadata else reply

    def _read_calls(self, calls: Calls, now: float) -> None:
        methods, texts = self._methods, self._texts
        first, count = calls.first, len(calls.methods)
        modes = calls.modes or (0,) * count
        if not count == len(calls.types) == len(calls.values) == len(calls.remaining) == len(modes):
            raise ProtocolError("calls with columns of different lengths")
        _check_number(count)
        if first != self.last_number + 1:
            raise ProtocolError(f"call {first} after call {self.last_number}: they are numbered one by one")
        self.last_number = first + count - 1
        extras = {extra.index: extra for extra in calls.extras} if calls.extras else _NO_EXTRAS
        engine, held, news = self._engine, self._taken, self._news
        origin, caller, identity, source = self.origin, self.caller, self.identity, self.source
        number = first
        try:
            for method, kind, value, remaining, mode in zip(
                calls.methods, calls.types, calls.values, calls.remaining, modes, strict=True
            ):
                call = Call(
                    methods[method],
                    Payload(texts[kind], value),
                    now + remaining * 0.001 if remaining != NO_LIMIT else float("inf"),
                    origin=origin,
                    caller=caller,
                    identity=identity,
                    source=source,
                )
                taken = held[number] = TakenCall(engine, number, call, mode)
                extra = extras.get(number - first) if extras else None
                number += 1
                if extra is None:
                    news.append(taken)
                else:
                    self._take_with(taken, extra)
        except IndexError:
            raise ProtocolError("a call with a number for a name that was never told") from None
        if calls.traces:
            self._add_traces(calls)

    def _add_traces(self, calls: Calls) -> None:
        """Give calls their trace contexts; what is malformed is left out, as it is no reason to end a link."""
        traces, first, count = calls.traces, calls.first, len(calls.methods)
        if len(traces) != count * IDS_BYTES:
            return
        states = {extra.index: extra.tracestate for extra in calls.extras if extra.tracestate}
        at = len(traces)
        # Those that were read just now are the last ones.
        for taken in islice(reversed(self._taken.values()), count):
            at -= IDS_BYTES
            ids = traces[at : at + IDS_BYTES]
            # Ids that end in zeros are rare, and what is all zeros is none.
            if ids[15] and ids[23] and ids[24] <= SAMPLED[0] and not states:
                taken.call.trace = ids
            elif ids != NO_IDS:
                state = states.get(taken.number - first, b"").decode("ascii", "replace")
                taken.call.trace = checked_trace(ids, state)

    def _take_with(self, taken: TakenCall, extra: "CallExtra | ReplyExtra") -> None:
        assert isinstance(extra, CallExtra)  # for the type checker: the caller has put it there
        call = taken.call
        call.target = extra.target
        call.hints = extra.hints
        call.hops = extra.hops
        call.visited = extra.visited
        call.metadata = extra.metadata
        call.idempotent = extra.idempotent
        call.idempotency_key = extra.idempotency_key
        if not extra.size:
            self._news.append(taken)
            return
        partial = Partial(taken, extra.size, call.payload.type_url)
        is_crowded = self._partials.is_crowded
        self._partials.add(partial)
        if is_crowded:
            self._partials.give_up(partial)
            self._refuse(taken, OverloadedError.after(_CROWDED_SECONDS))

    def _refuse(self, taken: TakenCall, error: MeshError) -> None:
        refusal = Reply.refused(error)
        self._news.append(lambda: taken.answer(refusal))

    def _read_chunk(self, chunk: Chunk, last_own: int) -> None:
        whole = self._partials.take(chunk, last_own)
        if whole is None:
            return
        partial, value = whole
        entry = partial.entry
        payload = Payload(partial.type_url, value or b"")
        if isinstance(entry, SentCall):
            assert partial.extra is not None  # for the type checker: a reply has it
            self._settle(entry, payload, partial.by, partial.extra)
        elif value is not None:
            entry.call.payload = payload
            self._news.append(entry)
        elif partial.size > self._max_payload_bytes:
            self._refuse(entry, PayloadTooLargeError.of(partial.size, self._max_payload_bytes))


def _check_number(count: int) -> None:
    """See that a frame has not more calls or replies than cost little; a small one can have too many, too."""
    if count > MAX_ENVELOPES:
        raise ProtocolError(f"{count} calls or replies in a frame, at most {MAX_ENVELOPES} are taken")
