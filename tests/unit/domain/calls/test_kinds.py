"""Methods of other kinds than one message in and one out: they are known and shown, and no call gets to their handler."""

from typing import Any

import pytest
from tests.unit.domain.world import ECHO, THERE, World

from collector_mesh.app.testing.fakes import run
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.payload import Payload
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import MethodInfo
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.readiness import Readiness
from collector_mesh.domain.serving.handlers import Method

WATCH = MethodKey("users", "UserService", "Watch")


async def never(_request: object, _context: object) -> None:
    raise AssertionError("no call gets here")


def outcome(reply: Reply) -> tuple[int, str, Executed]:
    return reply.status.code, reply.status.message, reply.executed


REFUSED = (501, "method 'UserService.Watch' is of the kind 'server', and is called as 'unary'", Executed.NO)


def test_a_call_of_another_kind_is_refused_before_the_handler_however_it_comes(world: World) -> None:
    world.method(WATCH, never, kind="server")

    assert outcome(world.serve(WATCH)) == REFUSED
    assert outcome(run(world.gateway.serve(WATCH, Payload()))) == REFUSED
    assert outcome(run(world.gateway.dispatch(WATCH, Payload()))) == REFUSED
    assert outcome(run(world.gateway.dispatch(WATCH, Payload(), target="self"))) == REFUSED
    assert outcome(world.dispatch(WATCH)) == REFUSED


@pytest.mark.parametrize("target", ["", "far"])
def test_nor_does_it_leave_for_a_peer_that_passes_calls_on(world: World, target: str) -> None:
    link = world.peer("hub", methods=())
    hub = world.topology.get("hub")
    assert hub is not None
    news = Reach("far", ("hub",), (MethodInfo(THERE, "server", idempotent=True),))
    world.reachability.heard(hub.way, [news])

    reply = world.dispatch(THERE, target=target)

    assert (reply.status.code, reply.executed) == (501, Executed.NO)
    assert not link.calls
    assert world.dispatch(THERE, target="nobody").status.code == 404
    explained = world.explainer.explain(THERE, now=world.clock.now()).candidates[-1]
    told = "passes calls on to the method as one of the kind 'server', and it is called as 'unary'"
    assert (explained.collector_id, explained.fit, explained.reason) == ("hub", False, told)


@pytest.mark.parametrize("kind", ["server", "client", "both", "of a later version"])
@pytest.mark.parametrize("target", ["", "a"])
def test_a_call_of_another_kind_does_not_leave_for_a_peer(world: World, kind: str, target: str) -> None:
    link = world.peer("a", methods=(MethodInfo(THERE, kind, idempotent=True),))

    reply = world.dispatch(THERE, target=target)

    text = f"method 'OrderService.Place' is of the kind '{kind}', and is called as 'unary'"
    assert outcome(reply) == (501, text.replace("OrderService.Place", THERE.short), Executed.NO)
    assert not link.calls


def test_whoever_has_the_method_as_it_is_called_gets_the_call(world: World) -> None:
    world.peer("a", methods=(MethodInfo(THERE, "server", idempotent=True),))
    world.replica("b", answer=lambda _call: Reply.refused(AssertionError()))  # type: ignore[arg-type]  # anything tells

    assert world.dispatch(THERE).attempts == ("b",)


def test_explain_says_who_has_the_method_as_what(world: World) -> None:
    world.method(WATCH, never, kind="both")
    world.peer("a", "users", methods=(MethodInfo(WATCH, "server", idempotent=False),))

    explained = world.explainer.explain(WATCH, now=world.clock.now())

    assert [(found.fit, found.reason) for found in explained.candidates] == [
        (False, "has the method as one of the kind 'both', and it is called as 'unary'"),
        (False, "has the method as one of the kind 'server', and it is called as 'unary'"),
    ]


def test_whoever_waits_for_it_is_told_that_it_cannot_be_called(world: World) -> None:
    world.method(WATCH, never, kind="server")
    world.peer("a", methods=(MethodInfo(THERE, "client", idempotent=True),))
    ready = Readiness(world.handlers, world.topology, world.router, world.keeping, clock=world.clock)

    missing = run(ready.wait(0, (WATCH, THERE), timeout=0))

    assert (
        missing == f"{REFUSED[1]}; method '{THERE.short}' is of the kind 'client', and is called as 'unary'"
    )


def test_a_method_is_listed_with_its_kind_and_can_be_replaced_by_one_of_another_kind(world: World) -> None:
    world.method(WATCH, never, kind="client")
    assert [(info.key, info.kind) for info in world.handlers.infos] == [(ECHO, "unary"), (WATCH, "client")]

    world.method(ECHO, never, kind="server")
    assert world.serve(ECHO).status.code == 501
    assert [info.kind for info in world.handlers.infos] == ["server", "client"]

    async def echo(request: Any, _context: object) -> Any:
        return request

    world.method(ECHO, echo)
    assert world.serve(ECHO).status.code == 200
    world.handlers.unregister(WATCH)
    assert world.serve(WATCH).status.code == 404


def test_a_kind_that_is_none_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="'kind' must be in"):
        Method(WATCH, never, kind="stream")  # type: ignore[arg-type]  # on purpose
