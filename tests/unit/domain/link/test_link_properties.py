"""What holds of a link whatever happens on it: any order of calls, answers, cancels, frames, time and loss."""

from collections import Counter
from collections.abc import Callable

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.domain.link.wires import ECHO, End, Outcome, Wire, opened

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.closing import Phase
from collector_mesh.domain.link.entries import TakenCall
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status

_BATCHING = (
    Batching(
        max_envelopes=4,
        frame_bytes=600,
        chunk_bytes=256,
        large_bytes=256,
        slow_bytes=100,
        enough=3,
        window=2,
        queue_bytes=6000,
        max_names=16,
    ),
    Batching(
        max_envelopes=1,
        frame_bytes=1,
        chunk_bytes=1000,
        large_bytes=1,
        enough=1,
        window=1,
        queue_bytes=20_000,
    ),
    Batching(),
)
_SIZES = st.sampled_from([0, 1, 50, 255, 256, 257, 700, 2000, 5000, 300 << 10])
_SIDES = st.booleans()
_NUMBERS = st.integers(0, 50)
_STEPS = st.one_of(
    st.tuples(st.just("send"), _SIDES, _SIZES, st.sampled_from([0.001, 0.05, 0.5, 3.0, float("inf")])),
    st.tuples(st.just("answer"), _SIDES, _NUMBERS, _SIZES),
    st.tuples(st.just("refuse"), _SIDES, _NUMBERS),
    st.tuples(st.just("cancel"), _SIDES, _NUMBERS),
    st.tuples(st.just("write"), _SIDES, st.booleans()),
    st.tuples(st.just("read"), _SIDES),
    st.tuples(st.just("read"), _SIDES),
    st.tuples(st.just("settle"), _SIDES),
    st.tuples(st.just("time"), st.booleans(), st.sampled_from([0.001, 0.02, 0.4, 1.2, 6.0])),
    st.tuples(st.just("late"), st.sampled_from([0.05, 1.5, 6.0])),
    st.tuples(st.just("drain"), _SIDES),
)
_ENDINGS = st.sampled_from(["quiet", "cut", "retire", "close", "both retire", "late retire", "fail"])


@attrs.define(eq=False)
class _Sent:
    number: int
    outcome: Outcome
    is_cancelled: bool = False


class _Story:
    """Two ends, what they have sent, and what has really run."""

    def __init__(self, batching: Batching) -> None:
        self.wire: Wire = opened(batching=batching)
        self.sides = (self.wire.left, self.wire.right)
        self.sent: list[_Sent] = []
        self.by_side: dict[str, list[_Sent]] = {"left": [], "right": []}
        self.open: dict[str, list[TakenCall]] = {"left": [], "right": []}
        self.runs: Counter[int] = Counter()
        for side in self.sides:
            side.handler = self.taker(side)

    def taker(self, side: End) -> Callable[[TakenCall], None]:
        def take(taken: TakenCall) -> None:
            payload = taken.call.payload
            number = int(payload.type_url)
            assert payload.value == _value(number, len(payload.value))
            assert len(payload.value) == len(self.sent[number].outcome.sent.call.payload.value)
            assert self.sent[number].outcome in [sent.outcome for sent in self.by_side[side.other.name]]
            self.open[side.name].append(taken)

        return take

    def side(self, is_right: bool) -> End:
        return self.sides[is_right]

    def send(self, is_right: bool, size: int, timeout: float) -> None:
        side, number = self.side(is_right), len(self.sent)
        payload = Payload(str(number), _value(number, size))
        replies: list[Reply] = []
        sent = _Sent(number, Outcome(None, replies))  # type: ignore[arg-type]  # it comes in the next lines
        self.sent.append(sent)
        self.by_side[side.name].append(sent)
        call = Call(ECHO, payload, self.wire.now + timeout, metadata=(("n", str(number)),) * (number % 2))
        mode = Mode.DISPATCH if number % 3 == 0 else Mode.SERVE
        from collector_mesh.domain.link.entries import SentCall

        sent.outcome.sent = SentCall(call, mode, replies.append)
        side.engine.send(sent.outcome.sent)

    def answer(self, is_right: bool, which: int, size: int) -> None:
        if (taken := self.pick(is_right, which)) is None:
            return
        number = int(taken.call.payload.type_url)
        self.runs[number] += 1
        payload = Payload(f"r{number}", _value(number + 1, size))
        taken.answer(Reply(OK, payload, self.side(is_right).name, Executed.YES))

    def refuse(self, is_right: bool, which: int) -> None:
        if (taken := self.pick(is_right, which)) is not None:
            taken.answer(Reply(Status(429, "overloaded")))

    def pick(self, is_right: bool, which: int) -> TakenCall | None:
        # A handler has no way to know at once that nobody waits anymore: it may answer all the same.
        waiting = self.open[self.side(is_right).name]
        return waiting.pop(which % len(waiting)) if waiting else None

    def cancel(self, is_right: bool, which: int) -> None:
        side = self.side(is_right)
        own = self.by_side[side.name]
        if not own:
            return
        sent = own[which % len(own)]
        if not sent.outcome.replies:
            sent.is_cancelled = True
        side.engine.cancel(sent.outcome.sent)

    def write(self, is_right: bool, with_credit: bool) -> None:
        self.side(is_right).write(with_credit=with_credit)

    def read(self, is_right: bool) -> None:
        self.side(is_right).read()

    def settle(self, _is_right: bool) -> None:
        self.wire.settle()

    def time(self, moves: bool, seconds: float) -> None:
        self.wire.wait(seconds, moves=moves)

    def late(self, seconds: float) -> None:
        self.wire.now += seconds

    def drain(self, is_right: bool) -> None:
        self.side(is_right).engine.tell_draining()

    def end(self, how: str) -> None:
        left, right = self.wire.left.engine, self.wire.right.engine
        if how == "cut":
            self.wire.cut()
        elif how == "retire":
            left.retire("not needed")
        elif how == "both retire":
            left.retire("not needed")
            right.retire("not needed either")
        elif how == "late retire":
            self.wire.settle()
            self.wire.now += 3.0
            self.answer_all()
            right.retire("not needed")
        elif how == "close":
            left.close(503, "over")
        elif how == "fail":
            left.fail("enough")
        self.finish()

    def finish(self) -> None:
        """Answer everything, let all time pass, and see that the other end hears of an end."""
        for _ in range(3):
            self.wire.settle()
            self.answer_all()
        # Whose reply was too late to be sent hears so by the clock.
        self.wire.wait(0.1)
        ends = [side.engine.phase is Phase.ENDED for side in self.sides]
        if any(ends):
            for side in self.sides:
                side.engine.lost("the stream has ended")

    def answer_all(self) -> None:
        for is_right in (False, True):
            while self.open[self.side(is_right).name]:
                self.answer(is_right, 0, 10)

    def check_always(self) -> None:
        for side in self.sides:
            assert side.engine.queued_bytes >= 0
        for sent in self.sent:
            assert len(sent.outcome.replies) <= 1
            assert not (sent.is_cancelled and sent.outcome.replies)

    def check_end(self) -> None:
        for sent in self.sent:
            assert self.runs[sent.number] <= 1
            assert sent.is_cancelled or len(sent.outcome.replies) == 1, f"call {sent.number} is forgotten"
            for reply in sent.outcome.replies:
                self.check_reply(sent.number, reply)
        for side in self.sides:
            assert (side.engine.queued_bytes, side.engine.in_flight, side.engine.running) == (0, 0, 0)
            assert not side.engine.reason.startswith("protocol error"), side.engine.reason

    def check_reply(self, number: int, reply: Reply) -> None:
        if reply.executed is Executed.NO:
            assert not self.runs[number], f"call {number} has run, but {reply.status} says that it has not"
        if reply.executed is Executed.YES:
            assert self.runs[number] == 1
        if reply.status.code == 200:
            value = reply.payload.value
            assert reply.payload == Payload(f"r{number}", _value(number + 1, len(value)))


def _value(number: int, size: int) -> bytes:
    pattern = f"{number}-abcdefghijk".encode()
    return (pattern * (size // len(pattern) + 1))[:size]


@given(st.sampled_from(_BATCHING), st.lists(_STEPS, max_size=50), _ENDINGS)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_calls_are_settled_once_and_truly_whatever_happens(
    batching: Batching,
    steps: list[tuple[str, ...]],
    ending: str,
) -> None:
    story = _Story(batching)

    for name, *arguments in steps:
        getattr(story, name)(*arguments)
        story.check_always()
    story.end(ending)

    story.check_always()
    story.check_end()
