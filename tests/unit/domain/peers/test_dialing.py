"""One dial opens several streams, and leaves none but the one that counts."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from tests.unit.domain.link.wires import START, End, Wire

from collector_mesh.app.testing.fakes import FakeClock, FakeTasks
from collector_mesh.domain.link.engine import LinkEngine
from collector_mesh.domain.model.errors import ConflictError, UnavailableError
from collector_mesh.domain.model.frames import Introduction
from collector_mesh.domain.model.status import Status
from collector_mesh.domain.peers.dialing import BrokenError, Dial
from collector_mesh.domain.peers.peer import OpenLink
from collector_mesh.domain.ports.clock import Alarm
from collector_mesh.domain.ports.frame_stream import NoLinkError

_HOST = End("m", Wire())


@attrs.define
class Attempt:
    """A dial that is under way, and the links that it has begun."""

    clock: FakeClock = attrs.field(factory=lambda: FakeClock(START))
    tasks: FakeTasks = attrs.field(factory=FakeTasks)
    links: list[OpenLink] = attrs.field(factory=list)
    outcome: OpenLink | BaseException | None = None
    flaw: Exception | None = None

    def start(self, timeout: float = 5.0) -> "Attempt":
        self.tasks.start(self._run(timeout), "dial")
        self.tasks.step()
        return self

    async def _run(self, timeout: float) -> None:
        try:
            self.outcome = await Dial("z:1", self._begin, self.clock).first(timeout)
        except Exception as error:  # noqa: BLE001  # it is looked at
            self.outcome = error

    def _begin(self, opened: Alarm) -> OpenLink:
        if self.flaw is not None:
            raise self.flaw
        me = Introduction(collector_id="m", incarnation="m-1")
        link = OpenLink(LinkEngine(me, _HOST, now=self.clock.time, dial=len(self.links) + 1), "z:1", opened)
        self.links.append(link)
        return link

    def wait(self, seconds: float) -> None:
        self.clock.time += seconds
        self.tasks.step()

    def end(self, which: int, reason: str, **why: Any) -> None:
        self.links[which].engine.lost(reason, **why)
        self.links[which].settle()
        self.tasks.step()

    def answer(self, which: int) -> None:
        self.links[which].settle(has_opened=True)
        self.tasks.step()

    @property
    def open(self) -> list[bool]:
        return [not link.engine.is_over for link in self.links]


def test_who_answers_at_once_is_dialed_once() -> None:
    attempt = Attempt().start()

    attempt.answer(0)

    assert attempt.outcome is attempt.links[0]
    assert attempt.open == [True]


@pytest.mark.parametrize("which", [0, 1])
def test_beside_a_silent_stream_another_is_opened_after_a_second_and_one_of_them_counts(which: int) -> None:
    attempt = Attempt().start()
    attempt.wait(0.9)
    before = len(attempt.links)
    attempt.wait(0.2)
    attempt.wait(2.0)

    attempt.answer(which)

    assert (before, len(attempt.links)) == (1, 2)
    assert attempt.outcome is attempt.links[which]
    assert attempt.open == [which == 0, which == 1]


def test_where_nobody_answers_nothing_is_left() -> None:
    attempt = Attempt().start(timeout=5.0)
    attempt.wait(1.0)
    attempt.wait(3.9)
    before = attempt.outcome

    attempt.wait(0.1)

    assert before is None
    assert isinstance(attempt.outcome, UnavailableError)
    assert str(attempt.outcome) == "nobody has answered at z:1 within 5 s"
    assert attempt.open == [False, False]


def test_a_dial_that_is_given_up_leaves_nothing() -> None:
    attempt = Attempt().start()
    attempt.wait(1.0)

    (task,) = attempt.tasks.background
    task.work.close()

    assert attempt.open == [False, False]


def test_what_is_broken_is_tried_three_times() -> None:
    attempt = Attempt().start()

    for which in range(3):
        attempt.end(which, "internal error")

    assert isinstance(attempt.outcome, BrokenError)
    assert (str(attempt.outcome), attempt.outcome.nobody_listens) == ("internal error", False)
    assert len(attempt.links) == 3


def test_where_nobody_listens_it_is_tried_once() -> None:
    attempt = Attempt().start()

    attempt.end(0, "connection refused", nobody_listens=True)

    assert isinstance(attempt.outcome, BrokenError)
    assert attempt.outcome.nobody_listens
    assert len(attempt.links) == 1


def _has_no_link(attempt: Attempt) -> None:
    attempt.end(0, "unknown service", has_no_link=True)


def _refuses(attempt: Attempt) -> None:
    attempt.links[0].engine.refusal = Status(409, "taken")
    attempt.end(0, "taken")


def _is_not_wanted(attempt: Attempt) -> None:
    attempt.links[0].settle(error=ConflictError("held"))
    attempt.tasks.step()


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (_has_no_link, NoLinkError, "unknown service"),
        (_refuses, ConflictError, "z:1 refuses: taken"),
        (_is_not_wanted, ConflictError, "held"),
    ],
)
def test_an_answer_that_is_no_link_ends_the_dial(
    answer: Callable[[Attempt], None], kind: type[Exception], said: str
) -> None:
    attempt = Attempt().start()
    attempt.wait(1.0)

    answer(attempt)

    assert isinstance(attempt.outcome, kind)
    assert str(attempt.outcome) == said
    assert attempt.open[1:] == [False]


def test_a_link_that_has_opened_counts_though_it_has_ended_since() -> None:
    attempt = Attempt().start()
    attempt.links[0].settle(has_opened=True)

    attempt.end(0, "another link of this pair stays")

    assert attempt.outcome is attempt.links[0]


def test_where_there_can_be_no_second_stream_the_first_is_still_waited_for() -> None:
    attempt = Attempt().start()
    attempt.flaw = OSError("no descriptors left")
    attempt.wait(1.0)

    attempt.answer(0)

    assert attempt.outcome is attempt.links[0]
