"""Of a client's calls those are told that are recorded; whatever it has to tell, its link does as before."""

from collections.abc import Callable
from typing import Any, cast

import attrs
import pytest
from tests.unit.domain.watching.noted import KEY, RECORDED, Noted, Submitted, done

from collector_mesh.app.testing.fakes import FakeClock, run
from collector_mesh.domain.calls.watched_client import WatchedClientLink
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, MeshError, UnavailableError
from collector_mesh.domain.model.status import Reply
from collector_mesh.domain.peers.client_link import ClientLink
from collector_mesh.domain.ports.call_starter import Contact


@attrs.define
class Link:
    """What a client's link does, as one that answers at once."""

    error: MeshError | None = None
    address: str = "a:1"
    did: list[str] = attrs.field(factory=list)
    submitted: list[Submitted] = attrs.field(factory=list)

    async def dispatch(self, _call: Call) -> Reply:
        return self._run("dispatch")

    async def serve(self, _call: Call) -> Reply:
        return self._run("serve")

    def submit(self, _call: Call, answer: Callable[[Reply], None]) -> Submitted:
        self.submitted.append(Submitted(answer))
        return self.submitted[-1]

    def contact(self, *, connect: bool) -> Contact:
        self.did.append(f"contact {connect}")
        return Contact.SEARCHING

    async def aclose(self, *, grace: float = 0.0) -> None:
        self.did.append(f"close {grace}")

    def _run(self, what: str) -> Reply:
        self.did.append(what)
        if self.error is not None:
            raise self.error
        return done("a")


def watched(link: Link, noted: Noted) -> WatchedClientLink:
    return WatchedClientLink(cast(ClientLink, link), noted, FakeClock())


@pytest.mark.parametrize("form", ["dispatch", "serve"])
def test_awaited_calls_go_where_they_went_and_those_that_are_recorded_are_told(form: str) -> None:
    link, noted = Link(), Noted()
    run_call: Any = getattr(watched(link, noted), form)

    assert run(run_call(Call(KEY))) == done("a")
    assert noted.began == []
    assert run(run_call(Call(KEY, trace=RECORDED))) == done("a")

    assert link.did == [form, form]
    assert noted.ended == [("dispatch", 200, 1000.0, 1000.0)]


def test_what_the_link_raises_is_told_with_its_code_and_given_as_the_outcome() -> None:
    noted = Noted()
    link = watched(Link(UnavailableError("nobody has answered", executed=Executed.NO)), noted)

    reply = run(link.dispatch(Call(KEY, trace=RECORDED)))

    assert (reply.status.code, reply.status.message, reply.executed) == (
        503,
        "nobody has answered",
        Executed.NO,
    )
    assert [code for _, code, _, _ in noted.ended] == [503]


def test_a_call_that_nobody_awaits_is_told_when_it_is_answered_or_cancelled() -> None:
    link, noted, replies = Link(), Noted(), list[Reply]()
    client = watched(link, noted)

    client.submit(Call(KEY, trace=RECORDED), replies.append)
    cancelled = client.submit(Call(KEY, trace=RECORDED), replies.append)
    plain = client.submit(Call(KEY), replies.append)
    link.submitted[0].answer(done("a"))
    cancelled.cancel()

    assert replies == [done("a")]
    assert [code for _, code, _, _ in noted.ended] == [200, None]
    assert link.submitted[1].is_cancelled
    assert plain is link.submitted[2]


def test_everything_else_is_what_the_link_says() -> None:
    link = Link()
    client = watched(link, Noted())

    assert client.contact(connect=True) is Contact.SEARCHING
    run(client.aclose(grace=2.0))

    assert client.address == "a:1"
    assert link.did == ["contact True", "close 2.0"]
