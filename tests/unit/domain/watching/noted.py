"""A watch that takes down what it is told, and a dispatcher whose calls end when a test says so."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from collector_mesh.app.testing.fakes import FakePromise
from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed, MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import OK, Reply
from collector_mesh.domain.model.verdict import Verdict
from collector_mesh.domain.ports.call_starter import StartedCall
from collector_mesh.domain.ports.call_watch import CallWatch
from collector_mesh.domain.ports.dispatching import Dispatching

KEY = MethodKey("n", "S", "M")
RECORDED = b"\1" * 24 + b"\1"
UNRECORDED = b"\1" * 24 + b"\0"
"""Trace contexts whose last byte says whether the call is recorded."""


def done(handled_by: str = "b") -> Reply:
    return Reply(OK, handled_by=handled_by, executed=Executed.YES)


Told = tuple[str, int | None, float, float]


@attrs.define
class Noted:
    """Takes down what begins, and what ends with which code and when."""

    began: list[str] = attrs.field(factory=list)
    ended: list[Told] = attrs.field(factory=list)
    calls: list[Call] = attrs.field(factory=list)
    verdicts: list[Verdict] = attrs.field(factory=list)
    sends: Callable[[Call], Call] = lambda call: call
    fails: bool = False

    def dispatching(self, call: Call) -> None:
        self._begins("dispatch", call)

    def dispatched(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        self._ends("dispatch", call, reply, began, ended)

    def attempting(self, call: Call, peer_id: str) -> Call:
        self._begins(f"attempt {peer_id}", call)
        return self.sends(call)

    def attempted(self, call: Call, peer_id: str, reply: Reply | None, began: float, ended: float) -> None:
        self._ends(f"attempt {peer_id}", call, reply, began, ended)

    def judged(self, call: Call, verdict: Verdict) -> None:
        self.calls.append(call)
        self.verdicts.append(verdict)

    def serving(self, call: Call) -> None:
        self._begins("serve", call)

    def served(self, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        self._ends("serve", call, reply, began, ended)

    def _begins(self, what: str, call: Call) -> None:
        self.began.append(what)
        self.calls.append(call)

    def _ends(self, what: str, call: Call, reply: Reply | None, began: float, ended: float) -> None:
        self.ended.append((what, None if reply is None else reply.status.code, began, ended))
        self.calls.append(call)
        if self.fails:
            raise RuntimeError("the watch has failed")


@attrs.define(eq=False)
class Submitted:
    answer: Callable[[Reply], None]
    is_cancelled: bool = False

    def time_remaining(self) -> float:
        return 1.0

    def cancel(self) -> None:
        self.is_cancelled = True


@attrs.define
class Inner:
    """A dispatcher: an awaited call waits for `promise`; one that nobody awaits is in `submitted`, or `at_once` answered."""

    at_once: Reply | None = None
    error: BaseException | None = None
    promise: FakePromise = attrs.field(factory=FakePromise)
    seen: list[Call] = attrs.field(factory=list)
    submitted: list[Submitted] = attrs.field(factory=list)

    def known_key(self, names: tuple[str, str, str]) -> MethodKey | None:
        return KEY if names == KEY else None

    async def dispatch(self, call: Call) -> Reply:
        self.seen.append(call)
        if self.error is not None:
            raise self.error
        if self.at_once is not None:
            return self.at_once
        reply: Reply = await self.promise
        return reply

    def submit(self, call: Call, answer: Callable[[Reply], None]) -> StartedCall | None:
        self.seen.append(call)
        if self.error is not None:
            raise self.error
        if self.at_once is not None:
            answer(self.at_once)
            return None
        self.submitted.append(Submitted(answer))
        return self.submitted[-1]

    def refuse(self, call: Call, error: MeshError) -> Reply:
        self.seen.append(call)
        return Reply.refused(error)


if TYPE_CHECKING:
    _watches: type[CallWatch] = Noted
    _dispatches: type[Dispatching] = Inner
    _starts: type[StartedCall] = Submitted
