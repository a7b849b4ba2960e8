"""The way of one call through middleware: in order, at most once, and nothing leaves it that cannot travel."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import attrs
import pytest

from collector_mesh.app.testing.fakes import FakePromise, run
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, HandlerError
from collector_mesh.domain.model.limits import MAX_ENTRIES
from collector_mesh.domain.model.middleware import OutgoingCall
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.passage import Passage
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status

Next = Callable[[OutgoingCall], Awaitable[Reply]]
Step = Callable[[OutgoingCall, Next], Awaitable[Reply]]

CALL = OutgoingCall(Call(MethodKey("n", "S", "M")), lambda: 0.0)
MOST = 100


class Gone(BaseException):
    """What goes through a passage."""


class Way(Passage[OutgoingCall]):
    """A passage behind which a call is answered, and where failures are kept."""

    kind = OutgoingCall

    def __init__(self, *steps: Step, answer: Reply | None = None) -> None:
        super().__init__(steps, MOST)
        self.answer = answer or Reply(OK, Payload("t", b"x"), "b", Executed.YES)
        self.arrived: list[OutgoingCall] = []
        self.errors: list[BaseException] = []

    async def arrive(self, call: OutgoingCall) -> Reply:
        self.arrived.append(call)
        reply = self.given = self.answer
        self.status, self.payload, self.metadata = reply.status, reply.payload, reply.metadata
        return reply

    def passes(self, error: BaseException) -> bool:
        return isinstance(error, Gone)

    def failed(self, error: BaseException) -> Reply:
        self.errors.append(error)
        return Reply(Status(500, f"{type(error).__name__}: {error}"))

    def outcome(self) -> Reply:
        return run(self.step(CALL))


def noting(notes: list[str], name: str) -> Step:
    async def step(call: OutgoingCall, call_next: Next) -> Reply:
        notes.append(f"{name} before")
        reply = await call_next(call)
        notes.append(f"{name} after")
        return reply

    return step


def gives(make: Callable[[Reply], Any]) -> Step:
    """A step that makes something else of what has come."""

    async def step(call: OutgoingCall, call_next: Next) -> Reply:
        given: Reply = make(await call_next(call))
        return given

    return step


def test_a_call_meets_each_step_in_order_and_the_reply_meets_them_the_other_way() -> None:
    notes: list[str] = []
    way = Way(noting(notes, "outer"), noting(notes, "inner"))

    reply = way.outcome()

    assert notes == ["outer before", "inner before", "inner after", "outer after"]
    assert reply is way.answer
    assert way.has_gone_on


def test_what_a_step_makes_of_the_call_is_what_the_next_one_gets() -> None:
    async def moved(call: OutgoingCall, call_next: Next) -> Reply:
        return await call_next(call.replace(target="c"))

    seen: list[str] = []

    async def looks(call: OutgoingCall, call_next: Next) -> Reply:
        seen.append(call.target)
        return await call_next(call)

    way = Way(moved, looks)
    way.outcome()

    assert seen == [call.target for call in way.arrived] == ["c"]


def test_a_step_that_does_not_call_on_answers_itself() -> None:
    async def answers(call: OutgoingCall, _call_next: Next) -> Reply:
        return call.reply(Payload("own", b""))

    way = Way(answers, noting([], "never"))

    assert way.outcome().payload.type_url == "own"
    assert (way.arrived, way.given, way.has_gone_on) == ([], None, False)


@pytest.mark.parametrize("index", [0, 1])
def test_a_step_that_calls_on_twice_has_failed_and_the_call_has_run_once(index: int) -> None:
    async def twice(call: OutgoingCall, call_next: Next) -> Reply:
        await call_next(call)
        return await call_next(call)

    steps = [noting([], "other")]
    steps.insert(index, twice)
    way = Way(*steps)

    assert way.outcome().status.message == "RuntimeError: middleware has called on twice for one call"
    assert len(way.arrived) == 1


def test_a_step_that_calls_on_after_the_call_has_ended_is_refused() -> None:
    kept: list[Next] = []

    async def keeps(call: OutgoingCall, call_next: Next) -> Reply:
        kept.append(call_next)
        return call.reply()

    way = Way(keeps)
    way.outcome()
    way.end()

    with pytest.raises(RuntimeError, match="middleware has called on after the call has ended"):
        kept[0](CALL)
    assert way.arrived == []


@pytest.mark.parametrize("given", [None, CALL._call, "call", object()])
def test_a_step_that_calls_on_with_something_else_has_failed(given: Any) -> None:
    async def step(_call: OutgoingCall, call_next: Next) -> Reply:
        return await call_next(given)

    way = Way(step)

    assert way.outcome().status.message.startswith(
        "TypeError: middleware must call on with a collector_mesh.OutgoingCall, got"
    )
    assert way.arrived == []


@pytest.mark.parametrize("error", [ValueError("no"), HandlerError("no"), SystemExit(3)])
def test_what_a_step_raises_is_an_outcome(error: BaseException) -> None:
    async def fails(_call: OutgoingCall, _call_next: Next) -> Reply:
        raise error

    way = Way(fails)

    assert way.outcome().status.code == 500
    assert way.errors == [error]


def test_an_error_of_an_inner_step_is_a_reply_to_the_outer_one() -> None:
    async def fails(_call: OutgoingCall, _call_next: Next) -> Reply:
        raise ValueError("inner")

    codes: list[int] = []

    async def looks(call: OutgoingCall, call_next: Next) -> Reply:
        reply = await call_next(call)
        codes.append(reply.status.code)
        return Reply(Status(503, "looked"))

    assert Way(looks, fails).outcome().status.code == 503
    assert codes == [500]


def test_what_passes_is_raised_through_all_of_them() -> None:
    async def waits(_call: OutgoingCall, _call_next: Next) -> Reply:
        await FakePromise()
        raise AssertionError

    way = Way(noting([], "outer"), waits)
    work = way.step(CALL)
    work.send(None)

    with pytest.raises(Gone):
        work.throw(Gone())
    assert way.errors == []


def test_a_reply_that_nobody_has_touched_is_not_looked_at() -> None:
    # As it has come from the collector that has run the call: what is wrong with it is told elsewhere.
    odd = Reply(Status(200, "my own"), Payload("t", bytes(MOST + 1)), "b", Executed.YES)
    way = Way(noting([], "a"), answer=odd)

    assert way.outcome() is odd


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda _reply: None, "TypeError: middleware must give a collector_mesh.Reply, got"),
        (lambda _reply: "text", "TypeError: middleware must give a collector_mesh.Reply, got"),
        (
            lambda reply: attrs.evolve(reply, status=Status(302, "")),
            "TypeError: the status of a reply must be",
        ),
        (lambda reply: attrs.evolve(reply, status=500), "TypeError: the status of a reply must be"),
        (
            lambda reply: attrs.evolve(reply, status=Status(500, cast(Any, 3))),
            "TypeError: the message of a Status must be",
        ),
        (lambda reply: attrs.evolve(reply, payload=b"x"), "TypeError: the payload of a reply must be"),
        (
            lambda reply: attrs.evolve(reply, payload=Payload("t", cast(Any, "text"))),
            "HandlerError: cannot send the result: the value of a Payload must be bytes",
        ),
        (
            lambda reply: attrs.evolve(reply, payload=Payload("x" * 100_000, b"")),
            "HandlerError: cannot send the result: ",
        ),
        (
            lambda reply: attrs.evolve(reply, payload=Payload("t", bytes(MOST + 1))),
            f"HandlerError: result of {MOST + 1} bytes is over the limit of {MOST} bytes",
        ),
        (lambda reply: attrs.evolve(reply, metadata=(("No Key", "1"),)), "ValueError: metadata"),
        (
            lambda reply: attrs.evolve(reply, initial_metadata=(("a", "1"),) * (MAX_ENTRIES + 1)),
            "ValueError: ",
        ),
    ],
)
def test_a_reply_that_cannot_travel_is_the_failure_of_the_step(change: Any, text: str) -> None:
    outcome = Way(gives(change)).outcome()

    assert outcome.status.code == 500
    assert outcome.status.message.startswith(text)


def test_also_one_that_was_changed_in_place_is_looked_at() -> None:
    def change(reply: Reply) -> Reply:
        reply.payload = Payload("t", bytes(MOST + 1))
        return reply

    assert "over the limit" in Way(gives(change)).outcome().status.message


def test_a_reply_that_can_travel_is_taken_and_its_success_is_the_one_object_for_it() -> None:
    made = Reply(
        Status(200, "fine"), Payload("t", bytes(MOST)), "b", Executed.YES, (("a", "1"),), initial_metadata=(("i", "1"),)
    )  # fmt: skip

    outcome = Way(gives(lambda _reply: made)).outcome()

    assert outcome is made
    assert outcome.status is OK
    assert (outcome.metadata, outcome.initial_metadata) == ((("a", "1"),), (("i", "1"),))


def test_an_error_of_its_own_keeps_its_code_and_its_details_and_a_long_text_is_cut() -> None:
    made = Reply(Status(403, "no" * 10_000, {"who": "me"}))

    outcome = Way(gives(lambda _reply: made)).outcome()

    assert (outcome.status.code, dict(outcome.status.details)) == (403, {"who": "me"})
    assert len(outcome.status.message) < 10_000


@pytest.mark.parametrize(
    ("ran", "said", "told", "where"),
    [
        (Executed.YES, Executed.NO, Executed.YES, "b"),
        (Executed.MAYBE, Executed.NO, Executed.MAYBE, "b"),
        (Executed.NO, Executed.YES, Executed.YES, "me"),
        (Executed.YES, Executed.YES, Executed.YES, "me"),
    ],
)
def test_that_a_handler_has_run_is_never_told_as_less(
    ran: Executed, said: Executed, told: Executed, where: str
) -> None:
    answer = Reply(OK, Payload("t", b"x"), "b", ran)

    outcome = Way(
        gives(lambda _: Reply(Status(503, "no"), handled_by="me", executed=said)), answer=answer
    ).outcome()

    assert (outcome.executed, outcome.handled_by) == (told, where)
