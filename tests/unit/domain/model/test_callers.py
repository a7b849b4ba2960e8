"""What all objects that make calls do with the reply, those that await and those that do not."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.blocking_caller import BlockingCaller
from collector_mesh.domain.model.caller import Caller
from collector_mesh.domain.model.errors import Executed, InvalidCallError, MeshError, NotFoundError
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.status import OK, Reply, Status

NAMES = ("users", "UserService", "Echo")


class Given:
    """Gives one reply to all, and keeps what it was asked for."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[tuple[tuple[object, ...], Mapping[str, object]]] = []

    def give(self, names: tuple[object, ...], options: Mapping[str, object]) -> Reply:
        self.asked.append((names, options))
        return self.reply


class Awaited(Caller):
    def __init__(self, given: Given) -> None:
        self._given = given

    async def dispatch(self, *names: Any, **options: Any) -> Reply:
        return self._given.give(names, options)


class Blocking(BlockingCaller):
    def __init__(self, given: Given) -> None:
        self._given = given

    def dispatch(self, *names: Any, **options: Any) -> Reply:
        return self._given.give(names, options)


def awaited(given: Given) -> Callable[..., Any]:
    return lambda *names, **options: run(Awaited(given).call(*names, **options))


def blocking(given: Given) -> Callable[..., Any]:
    return Blocking(given).call


both = pytest.mark.parametrize("calls", [awaited, blocking])
Calls = Callable[[Given], Callable[..., Any]]


@both
def test_a_call_gives_the_result_as_it_is_or_as_what_is_asked_for(calls: Calls) -> None:
    message = Given(Reply(OK, Payload.pack(StringValue(value="x"))))
    data = Given(Reply(OK, Payload.pack({"a": [1]})))

    assert calls(message)(*NAMES) == Payload.pack(StringValue(value="x"))
    assert calls(message)(*NAMES, returns=StringValue) == StringValue(value="x")
    assert calls(data)(*NAMES, returns=dict[str, list[int]]) == {"a": [1]}


@both
def test_names_request_and_options_are_handed_on(calls: Calls) -> None:
    given = Given(Reply(OK))

    calls(given)(*NAMES, "hello", target="a", timeout=2.0, idempotent=True)

    assert given.asked == [((*NAMES, "hello"), {"target": "a", "timeout": 2.0, "idempotent": True})]


@both
@pytest.mark.parametrize("returns", [None, StringValue])
def test_any_other_status_is_raised_with_all_that_is_known(calls: Calls, returns: Any) -> None:
    given = Given(
        Reply(Status(404, "no such user", {"a": "b"}), handled_by="far", executed=Executed.YES),
    )

    with pytest.raises(NotFoundError, match=r"^no such user$") as raised:
        calls(given)(*NAMES, returns=returns)

    error = raised.value
    assert (error.code, error.handled_by, error.executed) == (404, "far", Executed.YES)
    assert error.details == {"a": "b"}


@both
def test_a_result_that_is_something_else_is_an_error(calls: Calls) -> None:
    given = Given(Reply(OK, Payload.pack([1]), "far", Executed.YES))

    with pytest.raises(InvalidCallError, match="payload is list, expected dict"):
        calls(given)(*NAMES, returns=dict)


@both
def test_what_nothing_can_be_read_as_is_refused_before_anything_is_called(calls: Calls) -> None:
    given = Given(Reply(OK))

    with pytest.raises(TypeError, match="returns must be a class of protobuf messages"):
        calls(given)(*NAMES, returns=set)

    assert given.asked == []


@pytest.mark.parametrize(
    ("reply", "who"),
    [
        (Reply(Status(503, "busy"), handled_by="far"), "far"),
        (Reply(Status(503, "busy"), tried=("one", "two")), "two"),
        (Reply(Status(503, "busy")), "here"),
    ],
)
def test_the_error_of_a_nested_call_names_who_has_failed_as_far_as_that_is_known(
    reply: Reply, who: str
) -> None:
    reply.nested = (("orders", "OrderService", "Count\n"), "here")

    with pytest.raises(MeshError) as raised:
        reply.raise_for_status()

    assert str(raised.value) == rf"call of orders/OrderService/Count\n failed: 503 at {who}: busy"
    assert (raised.value.code, raised.value.raised_by) == (503, who)
