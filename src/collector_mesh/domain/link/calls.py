"""What is under way on a link, of both sides: sent and taken, waited for, answered, given up."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.closing import Closing, Phase
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.link.held import HeldCalls, Resumed
from collector_mesh.domain.link.inbox import Inbox
from collector_mesh.domain.link.kept import KeptCalls
from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.link.outbox import HELD_STEP, Outbox
from collector_mesh.domain.link.sizes import (
    CALL_MEMORY,
    ENVELOPE_BYTES,
    MAX_ASKED,
    MAX_ASKING,
    envelopes_bytes,
    fitting,
    unusual_call_bytes,
    unusual_reply_bytes,
)
from collector_mesh.domain.link.telling import Telling
from collector_mesh.domain.link.unfit import check_bytes, check_reply, unfit, unfit_reply
from collector_mesh.domain.model.call import Call, Origin
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
    HandlerError,
    MeshError,
    OutcomeUnknownError,
    PayloadTooLargeError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.frames import Asked, Calls, Introduction, Mode, Role
from collector_mesh.domain.model.limits import check_sizes
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.trace_context import IDS_BYTES

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine
    from collector_mesh.domain.link.recovery import Recovery


_ASKED = Call(MethodKey("", "", ""))
"""In place of a call that is asked for, of which nothing else is kept."""

_STEP_OF_A_CALL = 2 << 10
"""So much more has to come for each call that is looked at: it costs each call of 100 bytes some 20 ns."""


class LinkCalls:
    """The calls of both sides of one link; whoever waits for one is told by `telling`, when the link is whole.

    Args:
        me: who this side is.
        batching: how calls are put into frames.
        closing: the state of the link.
        telling: tells what came of them.
        engine: of the link.
    """

    __slots__ = (
        "_asking", "_closing", "_engine", "_max_payload_bytes", "_queue_bytes", "_taken", "_telling", "held", "inbox", "kept",
        "of_lost", "outbox", "peer_id",
    )  # fmt: skip

    def __init__(
        self,
        me: Introduction,
        batching: Batching,
        closing: Closing,
        telling: Telling,
        engine: "LinkEngine",
    ) -> None:
        self._closing = closing
        self._telling = telling
        self._engine = engine
        self._queue_bytes = batching.queue_bytes
        self._max_payload_bytes = 0
        """The largest payload that the other side takes."""
        self._taken: dict[int, TakenCall] = {}
        self.peer_id = ""
        self.held: HeldCalls | None = None
        """Calls of this side that are asked for, when the link is lost."""
        self.kept: KeptCalls | None = None
        """Calls of the other side that it may ask for then."""
        self.of_lost: dict[int, tuple[KeptCalls, int]] = {}
        """Calls of the other side that it has made over an earlier link, by their numbers on this one."""
        self._asking = 0
        self.outbox = Outbox(me.collector_id, batching, self._taken, telling.settle)
        self.inbox = Inbox(
            engine,
            self.outbox.waiting,
            self._taken,
            telling.news,
            self.outbox.drop,
            max_payload_bytes=me.limits.max_payload_bytes,
            # Calls and replies each fill the other side's queue at most, but for the last one.
            max_partial_bytes=2 * (batching.queue_bytes + me.limits.max_payload_bytes),
        )

    # ---- what counts -------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """What this side has asked for and has no answer."""
        return self.outbox.in_flight

    @property
    def running(self) -> int:
        """What the other side has asked for and has no answer."""
        return sum(taken.reply is None for taken in self._taken.values())

    @property
    def held_bytes(self) -> int:
        """What is kept for the other side: what waits to be written, what has come in part, what it has asked for."""
        # As `call_memory` of each; without a call for each it takes a third of the time.
        asked = [taken.call for taken in self._taken.values()]
        payloads = sum([len(call.payload.value) for call in asked])
        unusual = sum(
            [
                unusual_call_bytes(call)
                for call in asked
                if call.metadata
                or call.hints
                or call.visited
                or (call.trace and len(call.trace) > IDS_BYTES)
                or call.idempotency_key
            ]
        )
        return self.outbox.held_bytes + self.inbox.held_bytes + CALL_MEMORY * len(asked) + payloads + unusual

    @property
    def weigh_step(self) -> int:
        """How much more may come before it is worth to ask for `held_bytes`, which looks at every call."""
        return max(HELD_STEP, _STEP_OF_A_CALL * len(self._taken))

    @property
    def nothing_waits(self) -> bool:
        """Whether there is nothing left to be written."""
        return self.outbox.is_empty

    @property
    def owes_nothing(self) -> bool:
        """Whether nothing that the other side has asked for is without an answer."""
        return all(taken.reply is not None for taken in self._taken.values())

    @property
    def all_is_said(self) -> bool:
        """Whether nobody waits for an answer that was given and not sent."""
        return self.outbox.all_is_said

    @property
    def awaits_nothing(self) -> bool:
        """Whether nothing that this side has asked for, and the other side may know of, is without an answer."""
        return not self.outbox.waiting

    @property
    def earliest(self) -> float:
        """Before this the time of nothing is up that somebody waits for."""
        return min(self.outbox.earliest, self.inbox.earliest)

    # ---- this side ---------------------------------------------------------------------------------

    def opened(self, peer: Introduction, role: int) -> None:
        """The link is open, to a peer in a role."""
        self._max_payload_bytes = peer.limits.max_payload_bytes
        self.outbox.window.narrow(peer.limits.window, envelopes_bytes(peer.limits))
        self.peer_id = peer.collector_id
        inbox = self.inbox
        inbox.peer_id = peer.collector_id
        if role == Role.COLLECTOR:
            inbox.caller = peer.collector_id
        else:
            inbox.origin = Origin.CLIENT

    def send(self, sent: SentCall) -> None:
        """Have a call sent; what comes of it goes to its `settle`, which may happen before this returns."""
        call = sent.call
        value = call.payload.value
        outbox = self.outbox
        try:
            size = len(value)
            cost = size + ENVELOPE_BYTES
            # On the way of every call: nearly none has more than method, payload and time.
            if (
                call.metadata
                or call.hints
                or call.target
                or call.visited
                or (call.trace and len(call.trace) > IDS_BYTES)
                or call.idempotency_key
            ):
                check_sizes(call)
                cost += unusual_call_bytes(call)
            if type(value) is not bytes:
                check_bytes(value)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a call is its own outcome
            self._refuse(sent, unfit(error))
            return
        if (
            self._closing.state.sends
            and size <= self._max_payload_bytes
            and outbox.queued_bytes + cost <= self._queue_bytes
        ):
            outbox.put(sent, value, cost)
            self._engine.on_work()
        else:
            self._refuse(sent, self._refusal(size))

    def _refuse(self, sent: SentCall, error: MeshError) -> None:
        self._telling.settle(sent, Reply.refused(error))
        self._telling.tell()

    def _refusal(self, size: int) -> MeshError:
        if not self._closing.state.sends:
            is_leaving = self._closing.phase is Phase.OPEN
            return UnavailableError(
                f"the link to {quoted(self.peer_id)} is {'about to end' if is_leaving else 'down'}"
            )
        if size > self._max_payload_bytes:
            return PayloadTooLargeError.of(size, self._max_payload_bytes)
        return UnavailableError(
            f"{quoted(self.peer_id)} is too slow: {self.outbox.queued_bytes} bytes wait to be sent to it"
        )

    def cancel(self, sent: SentCall) -> None:
        """Wait for a call no longer; the other side is told if it knows of it."""
        sent.is_done = True
        self._give_up(sent)
        if self.held is not None:
            self.held.cancel(sent)

    def _give_up(self, sent: SentCall) -> None:
        self.outbox.drop(sent)
        self.inbox.forget_reply(sent.number)

    def expire(self, now: float) -> bool:
        """Answer the calls of this side whose time is up, and those of the other that have not come whole.

        Returns:
            Whether one of this side may have run.
        """
        outbox = self.outbox
        has_left = False
        for sent in outbox.late(now):
            executed = Executed.MAYBE
            if not sent.number or outbox.is_partly_sent(sent):
                executed = Executed.NO
            self._give_up(sent)
            error = DeadlineExceededError("deadline exceeded", executed=executed)
            self._telling.settle(sent, Reply.refused(error))
            has_left = has_left or executed is Executed.MAYBE
        for taken in self.inbox.late(now):
            error = DeadlineExceededError("deadline exceeded", executed=Executed.NO)
            self.answer(taken, Reply.refused(error))
        return has_left

    # ---- the other side ----------------------------------------------------------------------------

    def answer(self, taken: TakenCall, reply: Reply) -> None:
        """Answer a call of the other side, unless it has been answered, or nobody waits for that anymore."""
        if taken.is_done or taken.reply is not None or not self._closing.state.answers:
            if self.kept is not None and not taken.is_done and taken.reply is None:
                self.kept.answered(taken, reply)
            return
        value = reply.payload.value
        try:
            if type(value) is not bytes:
                check_bytes(value)
            if len(value) > self._max_payload_bytes:
                text = f"handler error: result of {len(value)} bytes is over the limit of {self._max_payload_bytes} bytes"
                reply = Reply.refused(HandlerError(text, handled_by=reply.handled_by))
                value = b""
            cost = len(value) + ENVELOPE_BYTES
            if (
                reply.status is not OK
                or reply.executed is not Executed.YES
                or reply.metadata
                or reply.tried
                or reply.initial_metadata
            ):
                check_reply(reply)
                reply = fitting(reply)
                cost += unusual_reply_bytes(reply)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a reply is told in its place
            reply, value, cost = unfit_reply(reply, error), b"", ENVELOPE_BYTES
        taken.reply = reply
        outbox = self.outbox
        outbox.put(taken, value, cost)
        if outbox.reply_bytes > self._queue_bytes:
            outbox.drop_late_replies(self._engine.time)
            if outbox.reply_bytes > self._queue_bytes:
                self._engine.fail(
                    f"{quoted(self.peer_id)} is a slow consumer: {outbox.reply_bytes} bytes of replies wait"
                )
        self._engine.on_work()

    def asked(self, asked: Asked, recovery: "Recovery | None") -> None:
        """The other side asks for calls over an earlier link, which are those of this one from now on.

        Raises:
            ProtocolError: it makes no sense, or is too much.
        """
        numbers = asked.numbers
        self._asking += 1
        if recovery is None:
            raise ProtocolError("calls of a lost link are asked for, and none are kept here")
        if len(numbers) > MAX_ASKED or self._asking > MAX_ASKING:
            raise ProtocolError(
                f"{len(numbers)} calls of {self._asking} lost links are asked for, at most {MAX_ASKED} of"
                f" {MAX_ASKING} are"
            )
        if not all(first < second for first, second in zip((0, *numbers), numbers, strict=False)):
            raise ProtocolError("calls of a lost link are asked for, and not in ascending order")
        self.inbox.number_on(asked.first, len(numbers))
        again = [
            TakenCall(self._engine, asked.first + index, _ASKED, Mode.SERVE) for index in range(len(numbers))
        ]
        self._taken.update((taken.number, taken) for taken in again)
        # Another link may end for this: that is told when this one is whole.
        self._telling.news.append(partial(recovery.asked, self._engine, asked, again))

    def cancelled(self, numbers: Iterable[int]) -> None:
        """Nobody at the other side waits for these calls anymore.

        Raises:
            ProtocolError: one of them was never made.
        """
        for number in numbers:
            self.inbox.forget(number)
            taken = self._taken.pop(number, None)
            if taken is None:
                self.outbox.cancelled(number)
            elif taken.reply is None:
                self._stop(taken)
            else:
                taken.is_done = True
                self.outbox.drop(taken)

    def _stop(self, taken: TakenCall) -> None:
        taken.is_done = True
        self._telling.news.append(taken.stop)

    def were_not_sent(self, calls: Calls) -> None:
        """Answer calls that were put into a frame which was not written: they have not run."""
        for number in range(calls.first, calls.first + len(calls.methods)):
            sent = self.outbox.waiting.get(number)
            if sent is not None:
                self._give_up(sent)
                text = f"the link to {quoted(self.peer_id)} has failed"
                self._telling.settle(sent, Reply.refused(UnavailableError(text)))

    # ---- the end -----------------------------------------------------------------------------------

    def drop_untold(self) -> None:
        """Let go of calls of the other side that nobody here knows of: they are not run anymore."""
        news = self._telling.news
        kept = [told for told in news if type(told) is not TakenCall]
        for told in news:
            if type(told) is TakenCall:
                told.is_done = True
                self._taken.pop(told.number, None)
        news.clear()
        news.extend(kept)

    def end(self, who: str, now: float, *, clean: bool, recovery: "Recovery | None") -> None:
        """Answer all calls of this side, and stop those of the other: the link has ended.

        Where it is lost, and the other side can be asked or may ask, `recovery` takes over what is in doubt.
        """
        lost = recovery.lost(self._engine) if recovery is not None else None
        self.held, self.kept = lost or (None, None)
        written = self.outbox.unacknowledged() if self.kept is not None else {}
        not_sent, sent_whole = self.outbox.take_all()
        settle = self._telling.settle
        for sent in not_sent:
            settle(sent, Reply.refused(UnavailableError(who)))
        for sent in sent_whole:
            if type(sent) is Resumed:
                self._telling.news.append(sent.lost)
                continue
            unknown = Reply.refused(self._error(sent, who, now, clean=clean))
            is_held = (
                recovery is not None
                and self.held is not None
                and sent.deadline > now
                and not recovery.goes_on_elsewhere(sent)
                and self.held.hold(sent, unknown)
            )
            if not is_held:
                settle(sent, unknown)
        incomplete = {*self.inbox.incomplete}
        incomplete.update(told.number for told in self._telling.news if type(told) is TakenCall)
        self.inbox.clear()
        if self.kept is not None:
            self._keep(self.kept, written, incomplete)
        for taken in self._taken.values():
            if taken.reply is None:
                self._stop(taken)
            taken.is_done = True
        self._taken.clear()
        self.of_lost.clear()

    def _error(self, sent: SentCall, who: str, now: float, *, clean: bool) -> MeshError:
        """What is told of a call that was sent whole and has no answer, where nobody can be asked."""
        executed, by = self.inbox.announced(sent.number)
        if executed is not Executed.NO:
            # The reply was on its way, and has told that much.
            return OutcomeUnknownError(f"outcome unknown: {who}", executed=executed, handled_by=by)
        if sent.deadline <= now:
            # It may have run: a reply that is too late is not sent.
            return DeadlineExceededError("deadline exceeded")
        return UnavailableError(who) if clean else OutcomeUnknownError(f"outcome unknown: {who}")

    def _keep(self, kept: KeptCalls, written: dict[int, Reply], incomplete: set[int]) -> None:
        """Keep what the other side may ask for; only what nobody will ask for is left among the taken calls."""
        taken_calls = self._taken
        written.update(
            (number, taken.reply) for number, taken in taken_calls.items() if taken.reply is not None
        )
        for number, (earlier, there) in self.of_lost.items():
            taken = taken_calls.pop(number, None)
            reply = written.pop(number, None)
            if taken is None and reply is None:
                earlier.was_answered(there)
            else:
                earlier.goes_back(there, reply)
        for number, reply in written.items():
            kept.keep(number, reply)
        for number, taken in list(taken_calls.items()):
            if number in incomplete:
                kept.has_not_run(number)
            elif taken.reply is None and taken.call is not _ASKED:
                kept.runs(taken)
                del taken_calls[number]
