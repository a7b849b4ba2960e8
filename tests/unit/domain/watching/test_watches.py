"""Several watches are told as one."""

import attrs
from tests.unit.domain.watching.noted import KEY, Noted, done

from collector_mesh.domain.model.call import Call
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.verdict import Reason, Verdict
from collector_mesh.domain.watching.watches import one_watch

VERDICT = Verdict("b", Reason.REFUSED, 503, Executed.NO, 1.0, 2.0)


def test_all_are_told_of_everything_in_their_order() -> None:
    order: list[str] = []

    class Named(Noted):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def _begins(self, what: str, call: Call) -> None:
            order.append(self.name)
            super()._begins(what, call)

    first, second = Named("first"), Named("second")
    watch, call = one_watch(first, second), Call(KEY)
    assert watch is not None

    watch.dispatching(call)
    watch.attempting(call, "b")
    watch.attempted(call, "b", done(), 1.0, 2.0)
    watch.judged(call, VERDICT)
    watch.dispatched(call, None, 0.0, 3.0)
    watch.serving(call)
    watch.served(call, done(), 0.0, 1.0)

    assert order == ["first", "second"] * 3
    for each in (first, second):
        assert each.began == ["dispatch", "attempt b", "serve"]
        assert each.ended == [
            ("attempt b", 200, 1.0, 2.0), ("dispatch", None, 0.0, 3.0), ("serve", 200, 0.0, 1.0),
        ]  # fmt: skip
        assert each.verdicts == [VERDICT]


def test_each_gets_the_attempt_as_the_one_before_it_has_given_it_and_the_last_one_says_what_is_sent() -> None:
    def step(call: Call) -> Call:
        return attrs.evolve(call, hops=call.hops + 1)

    first, second = Noted(sends=step), Noted(sends=step)
    watch = one_watch(first, second)
    assert watch is not None

    sent = watch.attempting(Call(KEY), "b")

    assert [each.calls[0].hops for each in (first, second)] == [0, 1]
    assert sent.hops == 2


def test_one_alone_is_told_without_anything_between_and_none_is_none() -> None:
    alone = Noted()

    assert one_watch(None, alone, None) is alone
    assert one_watch(None, None) is None
    assert one_watch() is None
